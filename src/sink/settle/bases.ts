import { partitionKey } from '../../source/change-source.js';
import type { OffsetRange, Settled } from '../settler.js';

/** Where a range of one partition stands against what the table holds of it. */
export type Standing = {
  /** The offset in the table's `txn`; undefined where it holds nothing of the partition. */
  readonly held: number | undefined;
  /** The offset that this process has last seen in the table; undefined if it never saw one. */
  readonly seen: number | undefined;
};

/**
 * The compare-and-swap on offsets (docs/architecture.md, "Exactly once"): undefined if each partition's first range
 * begins at what the table holds, otherwise why not. The snapshot behind `standingOf` must be at least as new as the one
 * that the ranges' bases were read from (R8). It also fences: a writer that lost its partitions finds that the table
 * has moved.
 */
export function compareBases(
  ranges: readonly OffsetRange[],
  standingOf: (range: OffsetRange) => Standing,
): Extract<Settled, { kind: 'moved' | 'rewound' }> | undefined {
  const first = new Map<string, OffsetRange>();
  for (const range of ranges) {
    const key = partitionKey(range.topic, range.partition);
    const known = first.get(key);
    if (known === undefined || range.base < known.base) first.set(key, range);
  }
  const at = new Map<string, number>();
  let moved = false;
  for (const [key, range] of first) {
    const { held, seen } = standingOf(range);
    const { topic, partition, base } = range;
    if (held === undefined) {
      if (seen !== undefined) return { kind: 'rewound', topic, partition, expected: seen, found: undefined };
      at.set(key, base);
    } else if (held < base) {
      return { kind: 'rewound', topic, partition, expected: base, found: held };
    } else {
      at.set(key, held);
      if (held > base) moved = true;
    }
  }
  return moved ? { kind: 'moved', at } : undefined;
}
