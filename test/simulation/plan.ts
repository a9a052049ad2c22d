import type { DeltaSinkOptions } from '../../src/sink/sink-options.js';
import { AWAITED, KINDS, type Kind } from './kinds.js';
import { Chance } from './world/chance.js';

/** Everything that is decided before a history begins. */
export type Plan = {
  readonly seed: number;
  readonly kinds: ReadonlySet<Kind>;
  /** Transactions of the database. */
  readonly transactions: number;
  /** How long the database is busy and faults come, virtual ms. */
  readonly busyMs: number;
  readonly tables: number;
  readonly partitions: number;
  readonly workers: number;
  readonly sink: Pick<DeltaSinkOptions, 'batch' | 'memory' | 'saveMs' | 'tableDefaults'>;
  /** Scales how often faults come. */
  readonly roughness: number;
};

export type PlanChanges = {
  /** Only these of the kinds that the seed chose. */
  readonly only?: readonly Kind[];
  /** None of these. */
  readonly without?: readonly Kind[];
  /** These, whatever the seed says. */
  readonly with?: readonly Kind[];
  readonly transactions?: number;
};

/** The plan that a seed makes, with what the caller wants otherwise. */
export function planOf(seed: number, changes: PlanChanges = {}): Plan {
  const chance = new Chance(`plan ${seed}`);
  const on = new Set<Kind>();
  // Some histories have hardly any trouble, some have it all.
  const share = chance.oneOf(0.2, 0.4, 0.6, 0.8);
  for (const kind of KINDS) if (chance.fork(kind).happens(share) && !AWAITED.includes(kind)) on.add(kind);
  for (const kind of changes.with ?? []) on.add(kind);
  for (const kind of [...on]) {
    if (changes.without?.includes(kind) === true) on.delete(kind);
    if (changes.only !== undefined && !changes.only.includes(kind)) on.delete(kind);
  }
  // In a topic of several tables nobody knows whose it is; in one made anew it has another offset.
  if (on.has('sharedTopic') || on.has('topicAnew')) on.delete('badRecord');
  // What was deleted behind the stream's back and comes again is put in again, and rightly so.
  const again: readonly Kind[] = ['redelivery', 'restore', 'topicAnew'];
  if (on.has('foreignDelete')) {
    const asked = (changes.with ?? []).some((kind) => again.includes(kind));
    const drop = asked || (chance.happens(0.5) && again.some((kind) => on.has(kind)));
    for (const kind of drop ? (['foreignDelete'] as const) : again) on.delete(kind);
  }
  const transactions = changes.transactions ?? chance.between(4, 24);
  const busyMs = chance.oneOf(5_000, 20_000, 60_000);
  return {
    seed,
    kinds: on,
    transactions,
    busyMs,
    tables: chance.oneOf(1, 1, 2, 3),
    partitions: chance.oneOf(1, 2, 3),
    workers: on.has('workers') ? chance.between(2, 3) : 1,
    sink: sinkOf(on, chance.fork('sink'), busyMs),
    roughness: chance.oneOf(0.3, 1, 2),
  };
}

function sinkOf(on: ReadonlySet<Kind>, chance: Chance, busyMs: number): Plan['sink'] {
  const copies = on.has('copyOnWrite');
  return {
    batch: {
      maxMs: Math.round(busyMs / chance.oneOf(2, 4, 8)),
      maxRows: chance.oneOf(1, 5, 20, 1000, 1000, 1000),
    },
    memory: { maxBytes: on.has('smallMemory') ? chance.oneOf(1, 2_000, 8_000) : 1 << 20 },
    saveMs: chance.oneOf(5_000, 60_000),
    tableDefaults: {
      mergeStrategy: copies ? 'copy-on-write' : 'merge-on-read',
      images: on.has('inferredImages') && !copies ? 'inferred' : 'written',
      tableProperties: on.has('checkpoints')
        ? { 'delta.checkpointInterval': String(chance.between(2, 5)) }
        : {},
    },
  };
}
