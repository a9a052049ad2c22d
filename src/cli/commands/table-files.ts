import { Option, type Command } from 'commander';
import { conditionNow } from '../../operations/condition.js';
import { recordCount } from '../../protocol/stats.js';
import { pruneFiles } from '../../table/prune.js';
import type { AddFile } from '../../protocol/actions.js';
import { formatTimestampMicros } from '../../schema/text-values.js';
import { leaf, type Context } from '../context.js';
import { ExitCode } from '../exit-codes.js';
import { plainTable } from '../formats/plain-table.js';
import { openAsOf, withAsOf, type AsOf } from './table-options.js';

type FilesOptions = AsOf & { readonly json?: boolean; readonly where?: string };

/** A live file, as `--json` prints it. */
type FileLine = {
  readonly path: string;
  readonly sizeInBytes: number;
  readonly modifiedAt: string;
  readonly partitionValues: Readonly<Record<string, string | null>>;
  /** Rows in the file, deleted ones included; null if the log does not tell. */
  readonly rows: number | null;
  readonly deletedRows: number;
};

/** `sluice table files`: the live data files of a table. */
export function filesCommand(context: Context): Command {
  const command = leaf(context, 'files', {
    summary: 'list the live data files of a table',
    examples: [
      { line: 'table files ./lake/inventory/customers', does: 'with rows and deleted rows' },
      {
        line: `table files ./lake/inventory/orders --where "region = 'EU'"`,
        does: 'only the files that a read of these rows opens',
      },
    ],
  })
    .argument('<url>', 'the table')
    .addOption(
      new Option(
        '--where <expr>',
        'only files that may hold a row for which this Spark SQL expression is true',
      ),
    )
    .addOption(new Option('--json', 'one JSON object a line'));
  return withAsOf(command).action(async (url: string, options: FilesOptions) => {
    const where = options.where === undefined ? undefined : conditionNow(options.where);
    const snapshot = await openAsOf(url, options, context.io.signal);
    const lines: FileLine[] = [];
    for (const { file } of pruneFiles(snapshot.layout, snapshot.files, where)) lines.push(lineOf(file));
    if (options.json === true) for (const line of lines) await context.out.line(JSON.stringify(line));
    else await context.out.line(filesText(lines));
    context.ended(ExitCode.done);
  });
}

function lineOf(file: AddFile): FileLine {
  return {
    path: file.path,
    sizeInBytes: file.size,
    modifiedAt: formatTimestampMicros(BigInt(file.modificationTime) * 1000n, true),
    partitionValues: Object.fromEntries(file.partitionValues),
    rows: recordCount(file.stats) ?? null,
    deletedRows: file.deletionVector?.cardinality ?? 0,
  };
}

function filesText(lines: readonly FileLine[]): string {
  return plainTable(
    [
      { title: 'bytes', right: true },
      { title: 'rows', right: true },
      { title: 'deleted', right: true },
      { title: 'modified' },
      { title: 'path' },
    ],
    lines.map(({ path, sizeInBytes, modifiedAt, rows, deletedRows }) => [
      String(sizeInBytes),
      rows === null ? '' : String(rows),
      String(deletedRows),
      modifiedAt,
      path,
    ]),
  );
}
