import { stageRowChanges, type MergeCounts } from '../../operations/merge/stage.js';
import { StagedChanges } from '../../operations/merge/staged.js';
import type { AddFile } from '../../protocol/actions.js';
import { partitionKey } from '../../source/change-source.js';
import { writeDataFiles, type WriteOptions } from '../../table/data-files.js';
import type { TableLayout } from '../../table/layout.js';
import type { Snapshot } from '../../table/snapshot.js';
import type { TableTarget } from '../settler.js';
import type { RowPlan } from './batch-plan.js';
import { writeImages } from './parked-images.js';
import type { StateFile } from './partition-domain.js';

/** A change without a row. */
export const nothingStaged = newFiles([], { source: 0, inserted: 0, updated: 0, deleted: 0 });

/** Writes the files of a planned batch; of a table that is yet to be made, its first data files. */
export async function stageRows(
  { store, options }: TableTarget,
  snapshot: Snapshot | undefined,
  plan: RowPlan,
  write: { readonly layout: TableLayout; readonly signal: AbortSignal },
): Promise<StagedChanges> {
  const position = options.positionColumn === undefined ? [] : [options.positionColumn];
  const writing: WriteOptions = { ...write, alwaysStats: [...plan.keys, ...position] };
  if (snapshot === undefined) {
    // Nothing is taken out of a table that is not there: the feed's readers infer its first rows from its files.
    const added = plan.inserted === undefined ? [] : await writeDataFiles(store, plan.inserted, writing);
    return newFiles(added, plan.counts);
  }
  return stageRowChanges({
    ...writing,
    snapshot,
    removed: plan.removed,
    inserted: plan.inserted,
    changes: plan.changes,
    counts: plan.counts,
    strategy: options.mergeStrategy,
  });
}

/** Writes the images that a batch parks, one file a partition. */
export async function stageImages(
  { store, now }: TableTarget,
  { park }: RowPlan,
  { layout, signal }: { readonly layout: TableLayout; readonly signal: AbortSignal },
): Promise<ReadonlyMap<string, StateFile>> {
  const files = new Map<string, StateFile>();
  for (const key of new Set(park.map(({ topic, partition }) => partitionKey(topic, partition)))) {
    const images = park.filter(({ topic, partition }) => partitionKey(topic, partition) === key);
    files.set(key, await writeImages(store, layout.schema, images, { nowMs: now(), signal }));
  }
  return files;
}

/** Bytes of the data and change files of a change. */
export function bytesOf({ parts }: StagedChanges): number {
  return [...parts.added, ...parts.changeFiles].reduce((sum, { size }) => sum + size, 0);
}

function newFiles(added: readonly AddFile[], counts: MergeCounts): StagedChanges {
  const none = { touched: [], changeFiles: [], copiedRows: 0, times: {} } as const;
  return new StagedChanges({ ...none, added, counts, strategy: 'merge-on-read' });
}
