import { Option, type Command } from 'commander';
import { readHistory, type HistoryEntry } from '../../operations/history.js';
import { openSnapshot } from '../../table/snapshot.js';
import { leaf, type Context } from '../context.js';
import { ExitCode } from '../exit-codes.js';
import { plainTable } from '../formats/plain-table.js';
import { wholeNumber } from '../option-readers.js';

type HistoryOptions = { readonly limit?: number; readonly json?: boolean };

/** `sluice table history`: the commits of a table, latest first. */
export function historyCommand(context: Context): Command {
  return leaf(context, 'history', {
    summary: 'list the commits of a table, latest first',
    examples: [{ line: 'table history ./lake/inventory/customers --limit 5', does: 'the last five' }],
  })
    .argument('<url>', 'the table')
    .addOption(new Option('--limit <n>', 'at most so many commits').argParser(wholeNumber))
    .addOption(new Option('--json', "one JSON object a line, in the shape of Spark's DESCRIBE HISTORY"))
    .action(async (url: string, { limit, json }: HistoryOptions) => {
      const { signal } = context.io;
      const snapshot = await openSnapshot(url, { signal });
      const entries = await readHistory(snapshot, { signal, ...(limit === undefined ? {} : { limit }) });
      if (json === true) {
        for (const entry of entries) await context.out.line(JSON.stringify(entry));
      } else {
        await context.out.line(historyText(entries));
      }
      context.ended(ExitCode.done);
    });
}

function historyText(entries: readonly HistoryEntry[]): string {
  return plainTable(
    [
      { title: 'version', right: true },
      { title: 'time' },
      { title: 'operation' },
      { title: 'rows' },
      { title: 'engine' },
    ],
    entries.map(({ version, timestamp, operation, operationMetrics, engineInfo }) => [
      String(version),
      timestamp,
      operation ?? '',
      rowsText(operationMetrics ?? {}),
      engineInfo ?? '',
    ]),
  );
}

/** Metrics of Delta Spark that count rows, each with the sign that stands for it; MERGE's first. */
const COUNTS = [
  ['+', ['numTargetRowsInserted', 'numOutputRows']],
  ['~', ['numTargetRowsUpdated', 'numUpdatedRows']],
  ['-', ['numTargetRowsDeleted', 'numDeletedRows']],
] as const;

/** `+3 ~1 -2`: rows inserted, updated, deleted; empty where the commit tells none. */
function rowsText(metrics: Readonly<Record<string, string>>): string {
  const merge = Object.hasOwn(metrics, 'numTargetRowsInserted');
  const texts = COUNTS.map(([sign, names]) => {
    // A MERGE counts copied rows in numOutputRows too.
    const count = (merge ? names.slice(0, 1) : names).map((name) => metrics[name]).find(Boolean);
    return count === undefined || count === '0' ? '' : `${sign}${count}`;
  });
  return texts.filter((text) => text !== '').join(' ');
}
