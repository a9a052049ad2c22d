import { partitionKey } from '../../../src/source/change-source.js';
import type { OffsetRange } from '../../../src/sink/settler.js';
import type { LandedCommit } from '../world/log-watch.js';
import type { World } from '../world/world.js';

/**
 * Each offset of each partition is accounted for once: the ranges in a table's commits follow each other without gap and
 * overlap, from 0 to what the table's `txn` says.
 */
export function rangesTile(world: World): void {
  for (const table of world.log.tables) {
    const at = new Map<string, number>();
    for (const commit of world.log.commits(table)) {
      for (const { topic, partition, base, next } of rangesOf(commit)) {
        const key = partitionKey(topic, partition);
        const expected = at.get(key) ?? 0;
        if (base !== expected || next < base)
          world.violate(
            'ranges tile',
            `${table} version ${commit.version}: ${key} [${base}, ${next}) where ${expected} was next`,
          );
        at.set(key, next);
      }
    }
    const ends = [...world.log.txns(table).values()].sort().join();
    if ([...at.values()].sort().join() !== ends)
      world.violate(
        'ranges tile',
        `${table}: the ranges end at ${[...at.values()].join()}, txn says ${ends}`,
      );
  }
}

/** The offset ranges that a commit says it accounts for. */
export function rangesOf({ actions }: LandedCommit): readonly OffsetRange[] {
  const info = actions.find((action) => action.kind === 'commitInfo')?.commitInfo;
  const text = info?.['userMetadata'];
  const told: unknown = typeof text === 'string' ? JSON.parse(text) : undefined;
  if (typeof told !== 'object' || told === null || !('sluice' in told)) return [];
  const { sluice } = told as { sluice: { ranges: readonly OffsetRange[] } };
  return sluice.ranges;
}
