import { takeRows } from '../../columnar/arrow.js';
import type { Expr } from '../../expr/parse.js';
import { formatExpression } from '../../expr/print.js';
import type { CdcFile } from '../../protocol/actions.js';
import { deletion } from '../../protocol/operation.js';
import { openDataFile } from '../../table/data-file.js';
import type { Snapshot } from '../../table/snapshot.js';
import { hasChangeFeed } from '../change-types.js';
import type { Isolation } from '../merge/rebase.js';
import { StagedChanges } from '../merge/staged.js';
import { takeOut } from '../merge/take-out.js';
import { changeRows, type Changed, type PlannedChange } from './change-rows.js';
import { findRows, ordinalsOf, rowsInGroup, type FoundRows } from './find-rows.js';
import { dmlMetrics } from './metrics.js';
import { RowWriter } from './row-writer.js';
import { strategyOf, type StrategyOptions } from './strategy.js';

export type DeleteOptions = StrategyOptions & {
  /** Rows for which it is true go; all rows without it. */
  readonly where?: Expr | undefined;
  readonly isolation?: Isolation;
  readonly retries?: number;
  readonly signal: AbortSignal;
};

/**
 * Deletes rows. Files of which every row goes are removed unread. The change feed needs no files of its own but where
 * rows that stay are copied: from deletion vectors and removes its readers derive the deletes.
 *
 * @throws SluiceError EXPRESSION_INVALID, PROTOCOL_UNSUPPORTED for a table of appends only, CONFLICT
 */
export async function deleteRows(snapshot: Snapshot, options: DeleteOptions): Promise<Changed> {
  const { where } = options;
  const operation = deletion(where === undefined ? ['true'] : [formatExpression(where)]);
  return changeRows(snapshot, (base) => planDelete(base, options), { ...options, operation });
}

async function planDelete(snapshot: Snapshot, options: DeleteOptions): Promise<PlannedChange> {
  const { where, signal } = options;
  const strategy = strategyOf(snapshot, options);
  const startedMs = performance.now();
  const found = await findRows(snapshot, where, { signal });
  const scannedMs = performance.now();
  const removals = found.map(({ file, rows }) => ({ file, gone: rows }));
  const { layout } = snapshot;
  const taken = await takeOut(removals, { snapshot, layout, strategy, signal });
  const deleted = taken.touched.reduce((sum, { gone }) => sum + gone.size, 0);
  const copies = taken.rewritten.length > 0 && hasChangeFeed(layout.configuration);
  const staged = new StagedChanges({
    touched: taken.touched,
    added: taken.rewritten,
    changeFiles: copies ? await tellDeleted(snapshot, found, signal) : [],
    strategy,
    counts: { source: 0, inserted: 0, updated: 0, deleted },
    copiedRows: taken.copiedRows,
    times: { scan: scannedMs - startedMs, rewrite: performance.now() - scannedMs },
  });
  return {
    staged,
    reads: where === undefined ? { kind: 'everything' } : { kind: 'condition', where },
    metrics: dmlMetrics({ numDeletedRows: deleted }, staged),
  };
}

/** A commit that has change files has all its changes there. Delta protocol, "Change Data Files". */
async function tellDeleted(
  { store, layout }: Snapshot,
  found: readonly FoundRows[],
  signal: AbortSignal,
): Promise<readonly CdcFile[]> {
  const writer = new RowWriter(store, { layout, signal });
  for (const { file: add, rows } of found) {
    using file = await openDataFile(store, add, { layout, signal });
    const ordinals = await ordinalsOf(rows, file, signal);
    for (const index of file.groups.keys()) {
      const wanted = rowsInGroup(ordinals, file, index);
      if (wanted.length === 0) continue;
      await writer.tell(takeRows(await file.read({ signal, groups: [index] }), wanted), 'delete');
    }
  }
  return (await writer.finish()).changeFiles;
}
