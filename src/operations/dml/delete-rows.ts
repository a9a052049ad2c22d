import { formatExpression } from '../../expr/print.js';
import type { CdcFile } from '../../protocol/actions.js';
import { deletion } from '../../protocol/operation.js';
import type { Snapshot } from '../../table/snapshot.js';
import { hasChangeFeed } from '../change-types.js';
import { StagedChanges } from '../merge/staged.js';
import { takeOut } from '../merge/take-out.js';
import { changeRows, type Changed, type PlannedChange } from './change-rows.js';
import { findRows, type FoundRows } from './find-rows.js';
import { dmlMetrics } from './metrics.js';
import { readFound } from './read-found.js';
import { RowWriter } from './row-writer.js';
import { readsOf, strategyOf, type VerbOptions } from './verb-options.js';

/**
 * Deletes rows. Files of which every row goes are removed unread. The change feed needs no files of its own but where
 * rows that stay are copied: from deletion vectors and removes its readers derive the deletes.
 *
 * @throws SluiceError EXPRESSION_INVALID, PROTOCOL_UNSUPPORTED for a table of appends only, CONFLICT
 */
export async function deleteRows(snapshot: Snapshot, options: VerbOptions): Promise<Changed> {
  const { where } = options;
  const operation = deletion(where === undefined ? ['true'] : [formatExpression(where)]);
  return changeRows(snapshot, (base) => planDelete(base, options), { ...options, operation });
}

async function planDelete(snapshot: Snapshot, options: VerbOptions): Promise<PlannedChange> {
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
    reads: readsOf(options),
    metrics: dmlMetrics({ numDeletedRows: deleted }, staged),
  };
}

/** A commit that has change files has all its changes there. Delta protocol, "Change Data Files". */
async function tellDeleted(
  snapshot: Snapshot,
  found: readonly FoundRows[],
  signal: AbortSignal,
): Promise<readonly CdcFile[]> {
  const { store, layout } = snapshot;
  const writer = new RowWriter(store, { layout, signal });
  for await (const rows of readFound(snapshot, found, { signal })) await writer.tell(rows, 'delete');
  return (await writer.finish()).changeFiles;
}
