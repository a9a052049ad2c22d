import { stageRowChanges, type MergeCounts } from '../../operations/merge/stage.js';
import { StagedChanges } from '../../operations/merge/staged.js';
import type { AddFile } from '../../protocol/actions.js';
import type { StructType } from '../../schema/types.js';
import { partitionKey } from '../../source/change-source.js';
import { writeDataFiles, type WriteOptions } from '../../table/data-files.js';
import type { TableLayout } from '../../table/layout.js';
import type { Snapshot } from '../../table/snapshot.js';
import type { OffsetRange, TableTarget } from '../settler.js';
import type { RowPlan } from './batch-plan.js';
import type { Memory } from './memory/memory.js';
import { keepMemory } from './memory/upkeep.js';
import { partitionDomainName, type PartitionDomain, type StateFile } from './partition-domain.js';

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
    updated: plan.updated,
    changes: plan.changes,
    counts: plan.counts,
    strategy: options.mergeStrategy,
  });
}

/** Writes what a batch adds to the memory; by partition of its ranges, the files that its domain names from then on. */
export async function stageMemory(
  { store, now, options }: TableTarget,
  { records }: RowPlan,
  about: {
    readonly spans: readonly OffsetRange[];
    readonly domains: ReadonlyMap<string, PartitionDomain>;
    readonly memory: Memory;
    readonly schema: StructType;
    readonly signal: AbortSignal;
  },
): Promise<ReadonlyMap<string, readonly StateFile[]>> {
  const { domains, memory, schema, signal } = about;
  const files = new Map<string, readonly StateFile[]>();
  for (const { topic, partition } of about.spans) {
    const key = partitionKey(topic, partition);
    const kept = await keepMemory({
      store,
      schema,
      previous: domains.get(partitionDomainName(topic, partition))?.files ?? [],
      records: records.get(key) ?? [],
      memory,
      policy: { retentionMs: options.memoryRetentionMs, maxRows: options.memoryMaxRows },
      nowMs: now(),
      signal,
    });
    files.set(key, kept);
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
