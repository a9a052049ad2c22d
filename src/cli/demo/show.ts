import { textTable } from '../../columnar/text-table.js';
import { compact, concat, takeRows, type ArrowTable } from '../../columnar/arrow.js';
import { reader } from '../../columnar/cells.js';
import { must } from '../../base/errors.js';
import { compareUtf8 } from '../../base/utf8-order.js';
import { readChanges } from '../../operations/change-feed.js';
import { CHANGE_TYPE } from '../../operations/change-types.js';
import { DeltaTable } from '../../operations/delta-table.js';
import { readHistory } from '../../operations/history.js';
import type { StructType } from '../../schema/types.js';
import type { RunSummary } from '../../sink/sink-events.js';
import { openSnapshot } from '../../table/snapshot.js';
import { plainTable } from '../formats/plain-table.js';
import { plural } from '../run/event-lines.js';
import type { Check } from './check.js';

/** How fast it went, and what there is. */
export function figuresText(summary: RunSummary): string {
  const { records, elapsedMs, tables } = summary;
  const commits = tables.reduce((sum, table) => sum + table.commits, 0);
  const rate = Math.round(records / Math.max(elapsedMs / 1000, 0.001));
  return `${records} events in ${(elapsedMs / 1000).toFixed(1)} s (${rate}/s), ${commits} commits in ${tables.length} tables`;
}

/** What became of the rows, table by table, and how many there are. */
export async function tablesText({ tables }: RunSummary, signal: AbortSignal): Promise<string> {
  const lines: (readonly string[])[] = [];
  for (const { table, url, commits, inserted, updated, deleted } of tables) {
    // A table that failed at its first record was never made.
    const rows = commits === 0 ? '' : await rowsAt(url, undefined, signal);
    lines.push([table, ...[rows, commits, inserted, updated, deleted].map(String)]);
  }
  lines.sort(([a = ''], [b = '']) => compareUtf8(a, b));
  const counts = ['rows', 'commits', 'inserted', 'updated', 'deleted'];
  return plainTable([{ title: 'table' }, ...counts.map((title) => ({ title, right: true }))], lines);
}

/** A version that changed rows which were there before. */
export async function versionWithUpdate(url: string, signal: AbortSignal): Promise<number> {
  const history = await readHistory(await openSnapshot(url, { signal }), { signal });
  const updated = history.find(({ operationMetrics }) => {
    return Number(operationMetrics?.['numTargetRowsUpdated'] ?? 0) > 0;
  });
  return must(updated ?? history[0], 'a commit of the table').version;
}

/** Rows of so many keys are shown: enough to see a row before and after. */
const FEED_KEYS = 3;

/** Some lines of one version's change feed: all changes of a few keys, those of a key together. */
export async function feedText(
  url: string,
  {
    version,
    key,
    columns,
  }: { readonly version: number; readonly key: string; readonly columns: readonly string[] },
  signal: AbortSignal,
): Promise<string> {
  const { schema, store } = await openSnapshot(url, { signal, version });
  const shown = schema.fields.filter(({ name }) => name === key || columns.includes(name));
  const struct: StructType = { kind: 'struct', fields: [CHANGE_TYPE, ...shown] };
  const tables: ArrowTable[] = [];
  for await (const rows of readChanges(store, { from: version, to: version, signal })) tables.push(rows);
  const feed = compact(concat(tables));
  const keyOf = reader(
    feed,
    key,
    must(
      schema.fields.find(({ name }) => name === key),
      key,
    ).type,
  );
  const byKey = new Map<string, number[]>();
  for (let row = 0; row < feed.numRows; row++) {
    const text = String(keyOf(row));
    byKey.set(text, [...(byKey.get(text) ?? []), row]);
  }
  const changed = [...byKey.values()].sort((a, b) => b.length - a.length).slice(0, FEED_KEYS);
  return textTable(takeRows(feed, changed.flat()), struct, { cellCharacters: 28 }).trimEnd();
}

/** How many rows a table has at a version, its latest if none is given. */
export async function rowsAt(url: string, version: number | undefined, signal: AbortSignal): Promise<number> {
  const table = await DeltaTable.open(url, version === undefined ? { signal } : { version, signal });
  let rows = 0;
  const [first] = table.schema().fields;
  for await (const batch of table.scan({ signal, columns: [must(first, 'a column').name] }))
    rows += batch.numRows;
  return rows;
}

/** What the check found, a line a table, and its verdict. */
export function checkLines({ tables, unchecked }: Check): readonly string[] {
  const wide = Math.max(...tables.map(({ table }) => table.length));
  const lines: string[] = [];
  for (const { table, rows, allowed, wrong } of tables) {
    const cells = [...allowed.values()].reduce((sum, count) => sum + count, 0);
    const besides = cells === 0 ? '' : `, ${plural(cells, 'cell')} not in the stream:`;
    lines.push(`${wrong.length === 0 ? '✓' : '✗'} ${table.padEnd(wide)}  ${plural(rows, 'row')}${besides}`);
    for (const [reason, count] of allowed) lines.push(`    ${count} × ${reason}`);
    for (const difference of wrong.slice(0, 5)) lines.push(`    ${difference}`);
    if (wrong.length > 5) lines.push(`    … and ${wrong.length - 5} more`);
  }
  for (const [table, why] of unchecked) lines.push(`- ${table.padEnd(wide)}  not checked: ${why}`);
  return lines;
}
