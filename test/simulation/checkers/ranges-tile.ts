import { parseAppId } from '../../../src/sink/app-id.js';
import { OFFSETS_OPERATION } from '../../../src/sink/settle/replacement.js';
import { partitionKey, type TopicPartition } from '../../../src/source/change-source.js';
import type { OffsetRange } from '../../../src/sink/settler.js';
import type { LandedCommit } from '../world/log-watch.js';
import { pathOf, type World } from '../world/world.js';

/**
 * Each offset of each partition is accounted for once: the ranges in a table's commits follow each other without gap and
 * overlap, from 0, or where an operator has set them to, up to what the table's `txn` says.
 */
export function rangesTile(world: World): void {
  for (const table of world.log.tables) {
    const at = new Map<string, number>();
    for (const commit of world.log.commits(table)) {
      if (isOperators(commit)) {
        for (const [key, next] of offsetsIn(commit)) at.set(key, next);
        continue;
      }
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
    for (const [key, next] of at) {
      const [topic = '', partition] = key.split(':');
      const held = heldIn(world, table, { topic, partition: Number(partition) });
      if (next !== held)
        world.violate('ranges tile', `${table}: the ranges of ${key} end at ${next}, txn says ${held}`);
    }
  }
}

/** The offset ranges that a commit says it accounts for. */
export function rangesOf({ actions }: LandedCommit): readonly OffsetRange[] {
  const info = actions.find((action) => action.kind === 'commitInfo')?.commitInfo;
  const text = info?.['userMetadata'];
  const told: unknown = typeof text === 'string' ? JSON.parse(text) : undefined;
  if (typeof told !== 'object' || told === null || !('sluice' in told)) return [];
  // Ours, as sink-commit.ts writes it; an operator's change has none.
  const { sluice } = told as { sluice: { ranges?: readonly OffsetRange[] } };
  return sluice.ranges ?? [];
}

/** Whether a commit is an operator's change of offsets. */
export function isOperators({ actions }: LandedCommit): boolean {
  const info = actions.find((action) => action.kind === 'commitInfo')?.commitInfo;
  return info?.['operation'] === OFFSETS_OPERATION;
}

function offsetsIn({ actions }: LandedCommit): readonly (readonly [string, number])[] {
  return actions.flatMap((action) => {
    const id = action.kind === 'txn' ? parseAppId(action.txn.appId) : undefined;
    if (action.kind !== 'txn' || id === undefined) return [];
    return [[partitionKey(id.topic, id.partition), Number(action.txn.version)] as const];
  });
}

function heldIn(world: World, path: string, at: TopicPartition): number | undefined {
  const table = world.stream.tables.find((one) => pathOf(one) === path);
  return table === undefined ? undefined : world.held(table, at);
}
