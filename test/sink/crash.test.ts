import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RawRecord } from '../../src/cdc/record.js';
import type { ObjectStore } from '../../src/storage/object-store.js';
import { arraySource, type ArrayBatch } from '../../src/testing/array-source.js';
import { change, quiet, raw, until, World } from './support/world.js';

/**
 * Kill the sink anywhere; start it again; nothing is lost and nothing is doubled.
 *
 * What dies is a whole run of the sink, at one of the moments at which it touches the world: before a commit,
 * after one whose answer is never heard, while a table is asked, while a file beside the tables is written, or in
 * the middle of anything when its partitions are taken away. What survives are the tables and the store. The
 * source begins anew from what the tables say. The oracle for rows is a map to which every change is applied once,
 * in order. A map forgives a change applied twice, so every offset must also have been applied exactly once, and the
 * commits' ranges must tile each partition: no gap, no overlap.
 */

type Step = {
  readonly table: 0 | 1;
  readonly partition: 0 | 1;
  readonly id: number;
  readonly kind: 'c' | 'd' | 'foreign';
};

/** Few keys, so that they collide; a delete of what is not there is fine. */
const steps = fc.array(
  fc.record({
    table: fc.constantFrom(0 as const, 1 as const),
    partition: fc.constantFrom(0 as const, 1 as const),
    id: fc.nat(4),
    kind: fc.constantFrom('c' as const, 'c' as const, 'd' as const, 'foreign' as const),
  }),
  { minLength: 1, maxLength: 40 },
);

type Death = { readonly touch: number; readonly when: 'before' | 'after' };
const deaths = fc.array(
  fc.record({
    touch: fc.integer({ min: 1, max: 14 }),
    when: fc.constantFrom('before' as const, 'after' as const),
  }),
  { maxLength: 6 },
);

const bounds = fc.record({
  maxRows: fc.integer({ min: 1, max: 5 }),
  memory: fc.integer({ min: 1, max: 4000 }),
});

const TABLES = ['shop/a', 'shop/b'] as const;

describe('killed anywhere and started again', () => {
  test('nothing is lost, nothing is doubled, and the ranges tile', async () => {
    await fc.assert(
      fc.asyncProperty(
        steps,
        deaths,
        bounds,
        fc.nat(3),
        async (history, plan, { maxRows, memory }, grouped) => {
          const world = new World();
          const batches = batchesOf(history, grouped + 1);
          const options = { untilEnd: true, batch: { maxRows, maxMs: 1000 }, memory: { maxBytes: memory } };
          for (const death of plan) {
            const mortal = new Mortal(world.store, death);
            const sink = world.start(arraySource(batches), {
              ...options,
              store: mortal.store,
              faults: mortal.faults,
            });
            let over = false;
            void Promise.race([sink.done.then(quiet, quiet), mortal.died]).then(() => (over = true));
            await until('the run ends or dies', () => over);
            mortal.dead = true;
          }
          const last = world.start(arraySource(batches), options);
          let ended = false;
          void last.done.finally(() => (ended = true));
          await until('the last run ends', () => ended);
          const summary = await last.done;
          expect(summary.failed).toEqual([]);
          check(world, history);
        },
      ),
      { numRuns: Number(process.env['FC_RUNS'] ?? 120) },
    );
  });
});

/** A process that dies at its nth touch of the world: whatever it does from then on has no effect and no answer. */
class Mortal {
  dead = false;
  readonly died: Promise<void>;
  readonly store: ObjectStore;
  readonly #death: Death;
  #touches = 0;
  #die: () => void = () => undefined;

  constructor(store: ObjectStore, death: Death) {
    this.#death = death;
    this.died = new Promise((resolve) => (this.#die = resolve));
    this.store = this.#mortal(store);
  }

  get faults() {
    return {
      recovering: () => this.#touch('before', true),
      committing: () => this.#touch('before', true),
      committed: () => this.#touch('after', false),
    };
  }

  #touch(when: Death['when'], counts: boolean): Promise<void> | undefined {
    if (counts) this.#touches++;
    if (this.#touches >= this.#death.touch && when === this.#death.when) this.dead = true;
    if (!this.dead) return undefined;
    this.#die();
    return new Promise(() => undefined);
  }

  #mortal(store: ObjectStore): ObjectStore {
    const putIfAbsent: ObjectStore['putIfAbsent'] = async (key, body, options) => {
      await this.#touch('before', true);
      const answer = await store.putIfAbsent(key, body, options);
      await this.#touch('after', false);
      return answer;
    };
    return {
      url: store.url,
      at: (prefix) => this.#mortal(store.at(prefix)),
      get: (key, options) => store.get(key, options),
      getRange: (key, start, end, options) => store.getRange(key, start, end, options),
      put: (key, body, options) => store.put(key, body, options),
      putIfAbsent,
      head: (key, options) => store.head(key, options),
      list: (prefix, options) => store.list(prefix, options),
      delete: (key, options) => store.delete(key, options),
    };
  }
}

/** One topic, two tables in it, two partitions. */
function batchesOf(history: readonly Step[], size: number): ArrayBatch[] {
  const next = [0, 0];
  const runs: { partition: number; records: RawRecord[] }[] = [];
  for (const { table, partition, id, kind } of history) {
    const offset = next[partition] ?? 0;
    next[partition] = offset + 1;
    const name = table === 0 ? 'a' : 'b';
    const record =
      kind === 'foreign'
        ? raw(offset, JSON.stringify({ serverName: 'db' }), JSON.stringify({ ts_ms: 5 }))
        : change({ op: kind, id: id * 2 + partition, value: `${partition}-${offset}`, table: name, offset });
    const open = runs.findLast((run) => run.partition === partition);
    if (open !== undefined && open.records.length < size) open.records.push(record);
    else runs.push({ partition, records: [record] });
  }
  return runs.map(({ partition, records }) => ({ topic: 't', partition, records }));
}

function check(world: World, history: readonly Step[]): void {
  TABLES.forEach((name, number) => {
    const rows = new Map<number, string>();
    const offsets: string[] = [];
    const ends = [0, 0];
    for (const { table, partition, id, kind } of history) {
      const offset = ends[partition] ?? 0;
      ends[partition] = offset + 1;
      if (table !== number || kind === 'foreign') continue;
      offsets.push(`t:${partition}:${offset}`);
      // A key lies in one partition, as Kafka has it.
      const key = id * 2 + partition;
      if (kind === 'd') rows.delete(key);
      else rows.set(key, `${key}=${partition}-${offset}`);
    }
    expect(world.rows(name), `rows of ${name}`).toEqual([...rows.values()].sort());
    const applied = world.table(name).commits.flatMap((commit) => commit.applied);
    expect(applied.toSorted(), `offsets of ${name}`).toEqual(offsets.toSorted());
    for (const partition of [0, 1]) {
      let at = 0;
      for (const [base, next] of world.ranges(name, 't', partition)) {
        expect(base, `${name}, partition ${partition}: where a range begins`).toBe(at);
        at = next;
      }
      const end = at === 0 ? 0 : ends[partition];
      expect(at, `${name}, partition ${partition}: where the last one ends`).toBe(end);
    }
  });
}
