import { rowSelector } from '../../columnar/arrow.js';
import { columnsIn } from '../../expr/columns.js';
import { compileVerdict } from '../../expr/may-match.js';
import type { Expr } from '../../expr/parse.js';
import type { AddFile } from '../../protocol/actions.js';
import { RowSetBuilder, type RowSet } from '../../protocol/row-set.js';
import { openDataFile, type DataFile } from '../../table/data-file.js';
import { pruneFiles } from '../../table/prune.js';
import type { Snapshot } from '../../table/snapshot.js';
import { mapAFewAtOnce } from '../merge/each-file.js';

/** Live rows of one file that a condition is true for; `all`: every live row of it. */
export type FoundRows = { readonly file: AddFile; readonly rows: RowSet | 'all' };

/**
 * Where the rows are for which `where` is true (every row without one), file by file in the order of the log. Files and
 * row groups that stats rule out are not read, nor are those in which every row must meet it; of the others only the
 * columns of the condition.
 *
 * @throws SluiceError EXPRESSION_INVALID for a condition that does not fit the table's columns
 */
export async function findRows(
  snapshot: Snapshot,
  where: Expr | undefined,
  options: { readonly signal: AbortSignal },
): Promise<readonly FoundRows[]> {
  const { layout, files } = snapshot;
  const judged = [...pruneFiles(layout, files, where)];
  if (where === undefined) return judged.map(({ file }) => ({ file, rows: 'all' }));
  const find = finder(where, snapshot, options.signal);
  const found = await mapAFewAtOnce(
    judged,
    async ({ file, verdict }): Promise<FoundRows> =>
      verdict === 'all' ? { file, rows: 'all' } : { file, rows: await find(file) },
    options,
  );
  return found.filter(({ rows }) => rows === 'all' || rows.size > 0);
}

function finder(where: Expr, { layout, store }: Snapshot, signal: AbortSignal) {
  const verdictOf = compileVerdict(where, layout.schema);
  const select = rowSelector(where, layout.schema);
  const columns = columnsIn(where, layout.schema);
  return async (add: AddFile): Promise<RowSet> => {
    using file = await openDataFile(store, add, { layout, signal });
    const builder = new RowSetBuilder();
    for (const [index, group] of file.groups.entries()) {
      const verdict = verdictOf(file.bounds(index));
      if (verdict === 'no') continue;
      if (verdict === 'all') addRange(builder, group);
      else {
        const rows = await file.read({ signal, columns, groups: [index] });
        for (const row of select(rows)) builder.add(group.firstRow + row);
      }
    }
    const dead = await file.deleted(signal);
    return dead === undefined ? builder.finish() : builder.finish().minus(dead);
  };
}

function addRange(builder: RowSetBuilder, { firstRow, rows }: DataFile['groups'][number]): void {
  for (let row = 0; row < rows; row++) builder.add(firstRow + row);
}
