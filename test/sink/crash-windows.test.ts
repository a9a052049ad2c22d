import { describe, expect, test } from 'vitest';
import { deltaSink } from '../../src/sink/delta-sink.js';
import type { DeadLetter } from '../../src/sink/dead-letters.js';
import type { DeltaSinkOptions } from '../../src/sink/sink-options.js';
import { commitKey } from '../../src/protocol/log-files.js';
import { type FaultRule, withFaults } from '../../src/storage/faults.js';
import { memoryStore } from '../../src/storage/memory.js';
import type { ObjectStore } from '../../src/storage/object-store.js';
import { writeCheckpoint } from '../../src/table/checkpoint.js';
import { openSnapshot } from '../../src/table/snapshot.js';
import { type ArrayBatch, arraySource } from '../../src/testing/array-source.js';
import { optimize } from '../operations/histories.js';
import { foreignCommit } from '../support/foreign-commits.js';
import { never, tableRows } from '../support/postgres-replay.js';
import { feedErrors, leftoversOf, tilingErrors } from '../support/table-laws.js';
import { change, raw, until } from './support/world.js';

const LOG = /_delta_log\/\d{20}\.json$/;
const DATA = /\.parquet$/;

const put = (offset: number, id: number, value: string, table = 'orders') =>
  change({ op: 'u', id, value, table, offset });
const part = (records: ArrayBatch['records'], topic = 'o', partition = 0): ArrayBatch => ({
  topic,
  partition,
  records,
});

/** Two updates each of two rows. */
const stream = [part([put(0, 1, 'a'), put(1, 2, 'b')]), part([put(2, 1, 'A'), put(3, 2, 'B')])];

/** One process after another over the same tables. */
class Lake {
  readonly store = memoryStore();

  at(table: string): ObjectStore {
    return this.store.at(`shop/${table}`);
  }

  start(
    batches: readonly ArrayBatch[],
    options: Partial<DeltaSinkOptions> = {},
    rules: readonly FaultRule[] = [],
  ) {
    const base = withFaults(this.store, rules);
    return deltaSink(arraySource(batches), { base, untilEnd: true, ...options });
  }

  async run(batches: readonly ArrayBatch[], options: Partial<DeltaSinkOptions> = {}): Promise<void> {
    expect((await this.start(batches, options).done).failed).toEqual([]);
  }

  /** A process whose nth such call never comes back; resolves when it hangs there. */
  async killedAt(
    batches: readonly ArrayBatch[],
    at: Pick<FaultRule, 'operation' | 'key' | 'nth'> & { readonly when: 'before' | 'after' },
    options: Partial<DeltaSinkOptions> = {},
  ): Promise<void> {
    const { when, ...calls } = at;
    let dead = false;
    const until_ = () => {
      dead = true;
      return new Promise<void>(() => undefined);
    };
    this.start(batches, options, [
      { ...calls, times: Infinity, fault: { kind: 'delay', when, until: until_ } },
    ]);
    await until('the process is dead', () => dead);
  }

  async expectRows(rows: readonly string[], table = 'orders'): Promise<void> {
    const found = await tableRows(this.at(table));
    expect(found.map(({ id, value }) => `${String(id)}=${String(value)}`).sort()).toEqual(rows);
    expect(await tilingErrors(this.at(table))).toEqual([]);
    expect(await feedErrors(this.at(table))).toEqual([]);
    const { missing, doubled } = await leftoversOf(this.at(table));
    expect([missing, doubled]).toEqual([[], []]);
  }
}

/** A gate that a process comes to and waits at. */
function gate() {
  let reached = false;
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  let stops = true;
  return {
    open,
    come: () => until('the process comes to the gate', () => reached),
    until: () => {
      if (!stops) return Promise.resolve();
      stops = false;
      reached = true;
      return opened;
    },
  };
}

describe('a process that dies', () => {
  test('W1: after it has fetched and before a file is written, is followed from the same place', async () => {
    const lake = new Lake();
    await lake.killedAt(stream, { operation: 'put', key: DATA, when: 'before' });
    await lake.run(stream);
    await lake.expectRows(['1=A', '2=B']);
  });

  test('W2: with files written and no commit, leaves orphans that no version names', async () => {
    const lake = new Lake();
    await lake.killedAt(stream, { operation: 'putIfAbsent', key: LOG, when: 'before' });
    await lake.run(stream);
    await lake.expectRows(['1=A', '2=B']);
    expect((await leftoversOf(lake.at('orders'))).orphans.length).toBeGreaterThan(0);
  });

  test('W3: a commit whose answer got lost and that landed is not made twice', async () => {
    for (const times of [1, 3]) {
      const lake = new Lake();
      const fault = { kind: 'lost-answer', landed: true } as const;
      const rules = [{ operation: 'putIfAbsent', key: LOG, times, fault } as const];
      expect((await lake.start(stream, { batch: { maxRows: 2 } }, rules).done).failed).toEqual([]);
      await lake.expectRows(['1=A', '2=B']);
      expect((await openSnapshot(lake.at('orders'), { signal: never })).version).toBe(1);
    }
  });

  test('W4: one that got lost and never landed is made at the same version', async () => {
    const lake = new Lake();
    const fault = { kind: 'lost-answer', landed: false } as const;
    const rules = [{ operation: 'putIfAbsent', key: LOG, nth: 2, fault } as const];
    expect((await lake.start(stream, { batch: { maxRows: 2 } }, rules).done).failed).toEqual([]);
    await lake.expectRows(['1=A', '2=B']);
    expect((await openSnapshot(lake.at('orders'), { signal: never })).version).toBe(1);
  });

  test('W5: after a commit that the group was never told of, is followed from what the table holds', async () => {
    const lake = new Lake();
    await lake.killedAt(
      stream,
      { operation: 'putIfAbsent', key: LOG, nth: 2, when: 'after' },
      { batch: { maxRows: 2 } },
    );
    const summary = await lake.start(stream).done;
    expect(summary.failed).toEqual([]);
    await lake.expectRows(['1=A', '2=B']);
    expect((await openSnapshot(lake.at('orders'), { signal: never })).version).toBe(1);
  });

  test('W8: when one table of a topic has committed and another has not, the one passes and the other applies', async () => {
    const both = [part([put(0, 1, 'a'), put(1, 1, 'u', 'users'), put(2, 1, 'A'), put(3, 2, 'v', 'users')])];
    for (const [dead, alive] of [
      ['orders', 'users'],
      ['users', 'orders'],
    ]) {
      const lake = new Lake();
      const key = new RegExp(`shop/${dead}/_delta_log/\\d{20}\\.json$`);
      await lake.killedAt(both, { operation: 'putIfAbsent', key, when: 'before' });
      const other = lake.at(alive ?? '');
      const landed = async () => (await other.head(commitKey(0), { signal: never })) !== undefined;
      while (!(await landed())) await new Promise((resolve) => setImmediate(resolve));
      await lake.run(both);
      await lake.expectRows(['1=A']);
      await lake.expectRows(['1=u', '2=v'], 'users');
    }
  });

  test('W14: in the commit of a schema change, leaves both the columns and their rows, or neither', async () => {
    const wider = (offset: number, id: number) => {
      const text =
        put(offset, id, 'w').value?.toString('utf8').replace('"value":"w"', '"value":"w","note":"n"') ?? '';
      return raw(offset, JSON.stringify({ id }), text);
    };
    const batches = [part([put(0, 1, 'a')]), part([wider(1, 2)])];
    for (const when of ['before', 'after'] as const) {
      const lake = new Lake();
      await lake.killedAt(
        batches,
        { operation: 'putIfAbsent', key: LOG, nth: 2, when },
        { batch: { maxRows: 1 } },
      );
      const { schema } = await openSnapshot(lake.at('orders'), { signal: never });
      const rows = await tableRows(lake.at('orders'));
      expect(schema.fields.some(({ name }) => name === 'note')).toBe(when === 'after');
      expect(rows.map((row) => row['note'])).toEqual(when === 'after' ? [null, 'n'] : [undefined]);
      await lake.run(batches);
      await lake.expectRows(['1=a', '2=w']);
    }
  });

  test('W15: after a dead letter and before the commit that passes it, writes it again and loses none', async () => {
    const lake = new Lake();
    const letters: DeadLetter[] = [];
    const deadLetters = {
      write: (written: readonly DeadLetter[]) => Promise.resolve(void letters.push(...written)),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
    const errors = { tolerance: 'all', deadLetters } as const;
    const batches = [part([put(0, 1, 'a'), raw(1, '{"id":2}', 'no json'), put(2, 1, 'A')])];
    await lake.killedAt(batches, { operation: 'putIfAbsent', key: LOG, when: 'before' }, { errors });
    await lake.run(batches, { errors });
    await lake.run(batches, { errors });
    await lake.expectRows(['1=A']);
    // The same letter, by what tells letters apart.
    expect(letters.map(({ topic, partition, offset }) => `${topic}:${partition}:${offset}`)).toEqual([
      'o:0:1',
      'o:0:1',
    ]);
  });
});

describe('a process that is paused', () => {
  const points: readonly (Pick<FaultRule, 'operation' | 'key' | 'nth'> & {
    readonly when: 'before' | 'after';
  })[] = [
    { operation: 'list', key: /orders\/_delta_log/, when: 'before' },
    { operation: 'put', key: DATA, nth: 2, when: 'before' },
    { operation: 'put', key: DATA, nth: 2, when: 'after' },
    { operation: 'putIfAbsent', key: LOG, nth: 1, when: 'before' },
    { operation: 'putIfAbsent', key: LOG, nth: 1, when: 'after' },
    { operation: 'putIfAbsent', key: LOG, nth: 2, when: 'before' },
    { operation: 'putIfAbsent', key: LOG, nth: 2, when: 'after' },
  ];

  test.each(points)(
    'W6: past its session, $when call $nth of $operation, drops what the new owner has committed',
    async ({ when, ...calls }) => {
      const lake = new Lake();
      const { open, come, until: wait } = gate();
      const fault = { kind: 'delay', when, until: wait } as const;
      const zombie = lake.start(stream, { batch: { maxRows: 2 } }, [{ ...calls, times: Infinity, fault }]);
      await come();
      const more = [...stream, part([put(4, 1, 'new'), put(5, 3, 'c')])];
      await lake.run(more);
      open();
      expect((await zombie.done).failed).toEqual([]);
      await lake.expectRows(['1=new', '2=B', '3=c']);
    },
  );
});

describe('a rebalance', () => {
  test.each(['before', 'after'] as const)(
    'W7: in the middle of a batch, %s its commit: what is delivered again is not applied again',
    async (when) => {
      const lake = new Lake();
      const { open, come, until: wait } = gate();
      const rule = {
        operation: 'putIfAbsent',
        key: LOG,
        fault: { kind: 'delay', when, until: wait },
      } as const;
      const source = arraySource([...stream, part([put(0, 9, 'p')], 'o', 1)]);
      const sink = deltaSink(source, {
        base: withFaults(lake.store, [rule]),
        untilEnd: true,
        batch: { maxRows: 2 },
      });
      await come();
      source.rebalance([
        { topic: 'o', partition: 0 },
        { topic: 'o', partition: 1 },
      ]);
      open();
      expect((await sink.done).failed).toEqual([]);
      await lake.expectRows(['1=A', '2=B', '9=p']);
    },
  );
});

describe('somebody else, between plan and commit', () => {
  /** Lets `others` act when the process is about to make its second commit. */
  async function between(lake: Lake, batches: readonly ArrayBatch[], others: () => Promise<unknown>) {
    const { open, come, until: wait } = gate();
    const fault = { kind: 'delay', when: 'before', until: wait } as const;
    const rule = { operation: 'putIfAbsent', key: LOG, fault } as const;
    const sink = lake.start(batches, { batch: { maxRows: 10 } }, [rule]);
    await come();
    await others();
    open();
    expect((await sink.done).failed).toEqual([]);
  }

  test('W9: puts the rows of all files into one: the batch is planned again, and no row is raised', async () => {
    const lake = new Lake();
    await lake.run([part([put(0, 1, 'a')])]);
    await lake.run([part([put(0, 1, 'a'), put(1, 2, 'b')])]);
    const all = [part([put(0, 1, 'a'), put(1, 2, 'b'), put(2, 1, 'A')]), part([put(3, 3, 'c')])];
    await between(lake, all, async () => {
      await optimize(await openSnapshot(lake.at('orders'), { signal: never }));
    });
    await lake.expectRows(['1=A', '2=b', '3=c']);
  });

  test('W10: writes a checkpoint and cleans the log: what was planned before goes on from there', async () => {
    const lake = new Lake();
    const records = Array.from({ length: 6 }, (_, n) => put(n, n % 3, `v${n}`));
    await lake.run([part(records)], { batch: { maxRows: 1 } });
    await between(lake, [part([...records, put(6, 0, 'last')])], async () => {
      for (let n = 0; n < 3; n++) await foreignCommit(lake.at('orders'), 'OPTIMIZE');
      const snapshot = await openSnapshot(lake.at('orders'), { signal: never });
      await writeCheckpoint(snapshot, { signal: never, nowMs: Date.now() });
      // All that the process knew; what came since tells it what it has to know.
      for (let version = 0; version <= 5; version++) {
        await lake.at('orders').delete(commitKey(version), { signal: never });
      }
    });
    const rows = await tableRows(lake.at('orders'));
    expect(rows.map(({ id, value }) => `${String(id)}=${String(value)}`).sort()).toEqual([
      '0=last',
      '1=v4',
      '2=v5',
    ]);
    expect((await openSnapshot(lake.at('orders'), { signal: never })).version).toBe(9);
  });
});
