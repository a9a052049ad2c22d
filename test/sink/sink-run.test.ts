import { describe, expect, test } from 'vitest';
import { SluiceError } from '../../src/base/errors.js';
import { withFaults } from '../../src/storage/faults.js';
import type { ObjectStore } from '../../src/storage/object-store.js';
import { arraySource } from '../../src/testing/array-source.js';
import { change, quiet, raw, until, World } from './support/world.js';

const orders = (offset: number, id: number, value?: string) =>
  change({ op: 'c', id, table: 'orders', offset, ...(value === undefined ? {} : { value }) });
const users = (offset: number, id: number) => change({ op: 'c', id, table: 'users', offset });

describe('a run of the sink', () => {
  test('brings each source into a table of its own and ends when the source is drained', async () => {
    const world = new World();
    const source = arraySource([
      { topic: 'o', partition: 0, records: [orders(0, 1), orders(1, 2)] },
      { topic: 'u', partition: 0, records: [users(0, 7)] },
      { topic: 'o', partition: 1, records: [orders(0, 3)] },
    ]);
    const { done, events } = world.start(source, { untilEnd: true });
    const summary = await done;
    expect(summary).toMatchObject({ ended: 'drained', records: 4, failed: [] });
    expect(summary.tables.map(({ table, inserted }) => [table, inserted])).toEqual([
      ['shop/orders', 3],
      ['shop/users', 1],
    ]);
    expect(world.rows('shop/orders')).toEqual(['1=v', '2=v', '3=v']);
    expect(events.map(({ kind }) => kind).filter((kind) => kind !== 'read')).toEqual([
      'table',
      'table',
      'committed',
      'committed',
    ]);
  });

  test('records that are no row changes make no table', async () => {
    const world = new World();
    const heartbeat = raw(0, JSON.stringify({ serverName: 'db' }), JSON.stringify({ ts_ms: 5 }));
    const transaction = raw(
      0,
      JSON.stringify({ id: '1:2' }),
      JSON.stringify({ status: 'BEGIN', id: '1:2', event_count: null, data_collections: null, ts_ms: 1 }),
    );
    const source = arraySource([
      { topic: '__debezium-heartbeat.db', partition: 0, records: [heartbeat] },
      { topic: 'db.transaction', partition: 0, records: [transaction] },
    ]);
    const summary = await world.start(source, { untilEnd: true }).done;
    expect(summary).toMatchObject({ ended: 'drained', tables: [], failed: [], records: 2 });
  });

  test('a partition that feeds no table is not read twice, and what expires there is nobody’s loss', async () => {
    const world = new World();
    const beat = (offset: number) =>
      raw(
        offset,
        null,
        JSON.stringify({ status: 'END', id: `${offset}`, event_count: 1, data_collections: [], ts_ms: 1 }),
      );
    const source = arraySource([{ topic: 'db.transaction', partition: 0, records: [beat(0), beat(1)] }]);
    expect(await world.start(source, { untilEnd: true }).done).toMatchObject({ records: 2, failed: [] });
    source.push({ topic: 'db.transaction', partition: 0, records: [beat(2)] });
    expect(await world.start(source, { untilEnd: true }).done).toMatchObject({ records: 1, failed: [] });
    const later = arraySource([{ topic: 'db.transaction', partition: 0, base: 9, records: [beat(9)] }], {
      low: new Map([['db.transaction:0', 9]]),
    });
    expect(await world.start(later, { untilEnd: true }).done).toMatchObject({ records: 1, failed: [] });
  });

  test('commits after the set time, and a batch that is full at once', async () => {
    const world = new World();
    const source = arraySource([{ topic: 'o', partition: 0, records: [orders(0, 1)] }]);
    const sink = world.start(source, { batch: { maxMs: 10_000, maxRows: 3 } });
    await until('the record is read', () => sink.events.some(({ kind }) => kind === 'read'));
    await sink.time.advance(9_999);
    expect(world.table('shop/orders').commits).toHaveLength(0);
    await sink.time.advance(1);
    expect(world.ranges('shop/orders', 'o')).toEqual([[0, 1]]);
    // Seven rows in one go: two full batches, and one row that waits for its time.
    source.push({ topic: 'o', partition: 0, records: [1, 2, 3, 4, 5, 6, 7].map((n) => orders(n, n)) });
    await quiet();
    expect(world.ranges('shop/orders', 'o')).toEqual([
      [0, 1],
      [1, 4],
      [4, 7],
    ]);
    await sink.stop();
    expect(world.ranges('shop/orders', 'o').at(-1)).toEqual([7, 8]);
  });

  test('acknowledges what is committed and never more', async () => {
    const world = new World();
    const acknowledged: [string, number][] = [];
    const source = arraySource([{ topic: 'o', partition: 0, records: [orders(0, 1), orders(1, 2)] }], {
      onAcknowledge: ({ topic }, next) => {
        expect(world.ranges('shop/orders', topic).at(-1)?.[1]).toBe(next);
        acknowledged.push([topic, next]);
      },
    });
    await world.start(source, { untilEnd: true, batch: { maxRows: 1 } }).done;
    expect(acknowledged).toEqual([
      ['o', 1],
      ['o', 2],
    ]);
  });

  test('acknowledges the last commit of a table that ends with it', async () => {
    const world = new World();
    const acknowledged: number[] = [];
    const source = arraySource(
      [{ topic: 'o', partition: 0, records: [orders(0, 1), raw(1, '{"id":2}', 'no json')] }],
      { onAcknowledge: (_, next) => acknowledged.push(next) },
    );
    await world.start(source, { untilEnd: true }).done;
    expect(acknowledged).toEqual([1]);
  });

  test('a partition that a waiting table gets stands still as its others do', async () => {
    const world = new World();
    const source = arraySource([
      { topic: 'o', partition: 0, records: [orders(0, 1)] },
      { topic: 'o', partition: 1, records: [] },
    ]);
    const full = () => Promise.reject(new SluiceError('STORE_FULL', 'no space left'));
    const sink = world.start(source, { batch: { maxRows: 1 }, faults: { committing: full } });
    await until('the table waits', () => sink.events.some(({ kind }) => kind === 'waiting'));
    source.rebalance([{ topic: 'o', partition: 1 }]);
    await quiet();
    source.push({ topic: 'o', partition: 1, records: [orders(0, 2)] });
    await sink.time.advance(120_000);
    expect(sink.events.filter(({ kind }) => kind === 'read')).toHaveLength(1);
    void sink.stop();
    await sink.stop();
  });

  test('an idle table of a busy topic moves its offset on the slow timer', async () => {
    const world = new World();
    const both = [orders(0, 1), users(1, 1)];
    const source = arraySource([{ topic: 'all', partition: 0, records: both }]);
    const sink = world.start(source, { batch: { maxMs: 100 }, saveMs: 60_000 });
    await quiet();
    await sink.time.advance(100);
    source.push({ topic: 'all', partition: 0, records: [orders(2, 2), orders(3, 3)] });
    await quiet();
    await sink.time.advance(100);
    expect(world.ranges('shop/orders', 'all')).toEqual([
      [0, 2],
      [2, 4],
    ]);
    expect(world.ranges('shop/users', 'all')).toEqual([[0, 2]]);
    await sink.time.advance(60_000);
    expect(world.ranges('shop/users', 'all')).toEqual([
      [0, 2],
      [2, 4],
    ]);
    await sink.stop();
  });

  test('a table that always has rows waiting still moves its offset where it has none', async () => {
    const world = new World();
    const source = arraySource([
      { topic: 'all', partition: 0, records: [orders(0, 1), orders(1, 2), orders(2, 3)] },
      { topic: 'all', partition: 1, records: [users(0, 1)] },
    ]);
    const sink = world.start(source, { batch: { maxMs: 3_600_000, maxRows: 2 }, saveMs: 60_000 });
    for (let n = 3; n < 25; n += 2) {
      await quiet();
      // Two of three rows are committed, and one goes on waiting: the lane is never idle.
      source.push({ topic: 'all', partition: 0, records: [orders(n, n), orders(n + 1, n + 1)] });
      source.push({ topic: 'all', partition: 1, records: [users((n - 1) / 2, n)] });
      await sink.time.advance(6_000);
    }
    expect(world.ranges('shop/orders', 'all', 1).at(-1)?.[1]).toBeGreaterThanOrEqual(9);
    await sink.stop();
  });

  test('a graceful stop commits what waits; offsets without rows are saved', async () => {
    const world = new World();
    const source = arraySource([{ topic: 'all', partition: 0, records: [orders(0, 1), users(1, 1)] }]);
    const sink = world.start(source);
    await until('both are read', () => sink.events.some(({ kind }) => kind === 'read'));
    await sink.stop();
    expect(await sink.done).toMatchObject({ ended: 'stopped', failed: [] });
    expect(world.ranges('shop/orders', 'all')).toEqual([[0, 2]]);
    expect(world.ranges('shop/users', 'all')).toEqual([[0, 2]]);
  });

  test('a stop that takes too long drops the batch whole', async () => {
    const world = new World();
    const source = arraySource([{ topic: 'o', partition: 0, records: [orders(0, 1)] }]);
    let letGo: () => void = () => undefined;
    const stuck = new Promise<void>((_, reject) => (letGo = () => reject(new Error('gone'))));
    const sink = world.start(source, { stopMs: 8_000, faults: { committing: () => stuck } });
    await until('the record is read', () => sink.events.some(({ kind }) => kind === 'read'));
    let stopped = false;
    const stopping = sink.stop().then(() => (stopped = true));
    await sink.time.advance(7_999);
    expect(stopped).toBe(false);
    await sink.time.advance(1);
    letGo();
    await stopping;
    expect(world.table('shop/orders').commits).toEqual([]);
  });

  test('R31: batches that wait for their turn give their credit back when the run ends', async () => {
    const world = new World();
    const source = arraySource([
      { topic: 'o', partition: 0, records: [orders(0, 1)] },
      { topic: 'o', partition: 1, records: [orders(0, 2)] },
    ]);
    const denied = { kind: 'fails', code: 'STORE_DENIED' } as const;
    const store = withFaults(world.store, [
      { operation: 'putIfAbsent', key: /destinations/, times: Number.POSITIVE_INFINITY, fault: denied },
    ]);
    const sink = world.start(source, { store, stopMs: 8_000 });
    await until('it waits for the store', () => sink.events.some(({ kind }) => kind === 'waiting'));
    await quiet();
    expect(sink.heldBytes()).toBeGreaterThan(200);
    const stopping = sink.stop();
    await sink.time.advance(8_000);
    await stopping;
    expect(sink.heldBytes()).toBe(0);
  });

  test('a table that dies before its first commit is taken up where it was first seen, not at the start', async () => {
    const world = new World();
    const first = [orders(0, 1), orders(1, 2), orders(2, 3)];
    const source = arraySource([
      { topic: 'all', partition: 0, records: first },
      { topic: 'all', partition: 1, records: [orders(0, 4)] },
    ]);
    await world.start(source, { untilEnd: true }).done;
    // The new table is on record, and the process is gone before anything of it is committed.
    source.push({ topic: 'all', partition: 0, records: [users(3, 7)] });
    const doomed = world.start(source, {
      faults: {
        committing: ({ name }) => (name === 'shop/users' ? new Promise(() => undefined) : undefined),
      },
    });
    await until('the table is met', () =>
      doomed.events.some((event) => event.kind === 'table' && event.table === 'shop/users'),
    );
    // What the other table had read has expired meanwhile.
    const later = arraySource(
      [
        { topic: 'all', partition: 0, base: 3, records: [users(3, 7), users(4, 8)] },
        { topic: 'all', partition: 1, base: 1, records: [users(1, 9)] },
      ],
      {
        low: new Map([
          ['all:0', 3],
          ['all:1', 1],
        ]),
      },
    );
    const summary = await world.start(later, { untilEnd: true }).done;
    expect(summary).toMatchObject({ failed: [], records: 3 });
    expect(world.rows('shop/users')).toEqual(['7=v', '8=v', '9=v']);
    expect(world.ranges('shop/users', 'all')).toEqual([[0, 5]]);
  });

  test('a stop does not wait for a source that does not answer', async () => {
    const world = new World();
    const mute = Object.assign(arraySource([]), { identity: () => new Promise<string>(() => undefined) });
    const sink = world.start(mute);
    await quiet();
    await sink.stop();
    expect(await sink.done).toMatchObject({ ended: 'stopped', tables: [], failed: [] });
  });

  test('a stop bounds a drained run whose table waits, and a second one ends it at once', async () => {
    for (const again of [false, true]) {
      const world = new World();
      const source = arraySource([{ topic: 'o', partition: 0, records: [orders(0, 1)] }]);
      const full = () => Promise.reject(new SluiceError('STORE_FULL', 'no space left'));
      const sink = world.start(source, { untilEnd: true, stopMs: 8_000, faults: { committing: full } });
      let ended = false;
      void sink.done.then(() => (ended = true));
      await until('the table waits', () => sink.events.some(({ kind }) => kind === 'waiting'));
      await sink.time.advance(100_000);
      void sink.stop();
      await sink.time.advance(7_999);
      expect(ended).toBe(false);
      if (again) void sink.stop();
      else await sink.time.advance(1);
      await quiet();
      expect(ended).toBe(true);
      expect(world.table('shop/orders').commits).toEqual([]);
    }
  });

  test('partitions that were taken away drop what waits, and come again from what the table holds', async () => {
    const world = new World();
    const source = arraySource([{ topic: 'o', partition: 0, records: [orders(0, 1), orders(1, 2)] }]);
    const sink = world.start(source, { batch: { maxMs: 100 } });
    await until('read', () => sink.events.some(({ kind }) => kind === 'read'));
    source.rebalance([{ topic: 'o', partition: 0 }]);
    await until('read again', () => sink.events.filter(({ kind }) => kind === 'read').length === 2);
    await sink.time.advance(100);
    source.push({ topic: 'o', partition: 0, records: [orders(2, 3)] });
    await quiet();
    await sink.stop();
    expect(world.ranges('shop/orders', 'o')).toEqual([
      [0, 2],
      [2, 3],
    ]);
    const applied = world.table('shop/orders').commits.flatMap((commit) => commit.applied);
    expect(applied).toEqual(['o:0:0', 'o:0:1', 'o:0:2']);
  });

  test('what was read under an earlier assignment is not taken for this one', async () => {
    const world = new World();
    let go: () => void = () => undefined;
    const recorded = new Promise<void>((resolve) => (go = resolve));
    // The first batch waits for its source to be put on record, while the partition goes and comes back.
    const store: ObjectStore = {
      ...memory(world.store),
      putIfAbsent: async (key, body, options) => {
        if (key.includes('destinations')) await recorded;
        return world.store.putIfAbsent(key, body, options);
      },
    };
    const source = arraySource([{ topic: 'o', partition: 0, records: [orders(0, 1), orders(1, 2)] }]);
    const sink = world.start(source, { store, batch: { maxMs: 100 } });
    await quiet();
    source.rebalance([{ topic: 'o', partition: 0 }]);
    await quiet();
    go();
    await quiet();
    await sink.time.advance(100);
    source.push({ topic: 'o', partition: 0, records: [orders(2, 3)] });
    await quiet();
    await sink.stop();
    expect(world.rows('shop/orders')).toEqual(['1=v', '2=v', '3=v']);
    expect(world.ranges('shop/orders', 'o')).toEqual([
      [0, 2],
      [2, 3],
    ]);
  });

  test('two sources on one path, ignoring case, are refused by name, and the first goes on', async () => {
    const world = new World();
    const source = arraySource([
      { topic: 'a', partition: 0, records: [orders(0, 1)] },
      {
        topic: 'b',
        partition: 0,
        records: [change({ op: 'c', id: 1, schema: 'SHOP', table: 'Orders', offset: 0 })],
      },
    ]);
    const summary = await world.start(source, { untilEnd: true }).done;
    expect(summary.failed).toMatchObject([{ code: 'CONFIG_INVALID', topic: 'b', table: 'SHOP/Orders' }]);
    expect(summary.failed[0]?.reason).toContain('db.SHOP.Orders (topic b) and db.shop.orders (topic a)');
    expect(world.rows('shop/orders')).toEqual(['1=v']);
    expect(world.tables.has('SHOP/Orders')).toBe(false);
  });

  test('a table inside the folder of another is refused', async () => {
    const world = new World();
    const source = arraySource([{ topic: 'all', partition: 0, records: [orders(0, 1), users(1, 1)] }]);
    const table = ({ source: { table: name } }: { source: { table: string } }) =>
      name === 'orders' ? 'lake' : 'lake/users';
    const summary = await world.start(source, { untilEnd: true, table }).done;
    expect(summary.failed).toMatchObject([{ code: 'CONFIG_INVALID', table: 'lake/users' }]);
    expect(world.rows('lake')).toEqual(['1=v']);
  });

  test('a source that fails ends the run with its error, after what waits is committed', async () => {
    const world = new World();
    const source = arraySource([{ topic: 'o', partition: 0, records: [orders(0, 1)] }]);
    const failing = Object.assign(Object.create(source), {
      open: async function* (options: Parameters<typeof source.open>[0]) {
        for await (const event of source.open(options)) {
          yield event;
          if (event.kind === 'batch') throw new Error('cable pulled');
        }
      },
      identity: () => source.identity(new AbortController().signal),
      seek: () => undefined,
      acknowledge: () => undefined,
      resolve: (...args: Parameters<typeof source.resolve>) => source.resolve(...args),
      partitions: (topic: string) => source.partitions(topic, new AbortController().signal),
    });
    const { done } = world.start(failing);
    await expect(done).rejects.toThrow('cable pulled');
    expect(world.rows('shop/orders')).toEqual(['1=v']);
  });

  test('a bug that comes up while the last batches are brought in rejects the run', async () => {
    const world = new World();
    const source = arraySource([{ topic: 'o', partition: 0, records: [orders(0, 1)] }]);
    const broken = () => Promise.reject(new TypeError('not a function'));
    const { done } = world.start(source, { untilEnd: true, faults: { committing: broken } });
    await expect(done).rejects.toThrow('not a function');
  });
});

/** A store's methods as an object, so that one of them can be replaced. */
function memory(store: ObjectStore): ObjectStore {
  return {
    url: store.url,
    at: (prefix) => store.at(prefix),
    get: (key, options) => store.get(key, options),
    getRange: (key, start, end, options) => store.getRange(key, start, end, options),
    put: (key, body, options) => store.put(key, body, options),
    putIfAbsent: (key, body, options) => store.putIfAbsent(key, body, options),
    head: (key, options) => store.head(key, options),
    list: (prefix, options) => store.list(prefix, options),
    delete: (key, options) => store.delete(key, options),
  };
}
