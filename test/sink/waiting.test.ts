import { describe, expect, test } from 'vitest';
import { SluiceError } from '../../src/base/errors.js';
import { type ArrayBatch, arraySource } from '../../src/testing/array-source.js';
import { change, quiet, type Started, until, World } from './support/world.js';

const HOUR = 3_600_000;
const row = (table: string, offset: number) => change({ op: 'c', id: offset, table, offset });
const full = () => new SluiceError('STORE_FULL', 'no space left for part-0.parquet');

/** A disk that is full for one table until it is mended. */
function disk(table: string) {
  let broken = true;
  let attempts = 0;
  return {
    mend: () => (broken = false),
    get attempts() {
      return attempts;
    },
    faults: {
      committing: ({ name }: { readonly name: string }) => {
        if (name !== table || !broken) return;
        attempts++;
        throw full();
      },
    },
  };
}

/** A record at a time, so that credit decides how much is held. */
function oneByOne(topic: string, tables: readonly string[], count: number): ArrayBatch[] {
  return Array.from({ length: count }, (_, n) => {
    return { topic, partition: 0, records: [row(tables[n % tables.length] ?? '', n)] };
  });
}

const bytes = ([first]: readonly ArrayBatch[]) => (first?.records[0]?.value?.length ?? 0) + 100;

const waits = (sink: Started) =>
  until('the table waits', () => sink.events.some(({ kind }) => kind === 'waiting'));

function expectTiles(ranges: readonly (readonly [number, number])[], end: number): void {
  expect(ranges.map(([base]) => base)).toEqual([0, ...ranges.slice(0, -1).map(([, next]) => next)]);
  expect(ranges.at(-1)?.[1]).toBe(end);
}

describe('R31, R32: a table on a full disk', () => {
  test('R32: an hour of it does not slow the others, with credit for a few records', async () => {
    const world = new World();
    const orders = disk('shop/orders');
    const batches = [...oneByOne('o', ['orders'], 60), ...oneByOne('u', ['users'], 60)];
    const sink = world.start(arraySource(batches), {
      batch: { maxMs: 1000 },
      memory: { maxBytes: 4 * bytes(batches) },
      faults: orders.faults,
    });
    await waits(sink);
    // As much time as it takes without a full disk, and not an hour.
    await sink.time.advance(5_000);
    expect(world.rows('shop/users')).toHaveLength(60);
    await sink.time.advance(HOUR);
    expect(world.rows('shop/orders')).toEqual([]);
    expect(sink.events.filter(({ kind }) => kind === 'waiting')).toHaveLength(1);
    // What it lets go of is not fetched again and again meanwhile.
    const read = sink.events.filter((event) => event.kind === 'read' && event.topic === 'o').length;
    expect(read).toBeLessThan(4 * orders.attempts);
    orders.mend();
    await sink.time.advance(60_000);
    await sink.stop();
    expect(world.rows('shop/orders')).toHaveLength(60);
    expectTiles(world.ranges('shop/orders', 'o'), 60);
    expect(sink.events.filter(({ kind }) => kind === 'resumed')).toHaveLength(1);
    expect((await sink.done).failed).toEqual([]);
  });

  test('R32: nor where the others share its partition; they drop what is read for it a second time', async () => {
    const world = new World();
    const orders = disk('shop/orders');
    const batches = oneByOne('all', ['orders', 'users', 'items'], 90);
    const sink = world.start(arraySource(batches), {
      batch: { maxMs: 1000 },
      memory: { maxBytes: 4 * bytes(batches) },
      faults: orders.faults,
    });
    await waits(sink);
    await sink.time.advance(5_000);
    expect(world.rows('shop/users')).toHaveLength(30);
    expect(world.rows('shop/items')).toHaveLength(30);
    await sink.time.advance(HOUR);
    orders.mend();
    await sink.time.advance(60_000);
    await sink.stop();
    expect(world.rows('shop/orders')).toHaveLength(30);
    for (const table of ['shop/orders', 'shop/users', 'shop/items']) {
      expectTiles(world.ranges(table, 'all'), 90);
      const applied = world.table(table).commits.flatMap((commit) => commit.applied);
      expect(new Set(applied).size).toBe(applied.length);
    }
  });

  test('R32: nor with credit for less than one record', async () => {
    const world = new World();
    const orders = disk('shop/orders');
    const batches = [...oneByOne('o', ['orders'], 10), ...oneByOne('u', ['users'], 10)];
    const sink = world.start(arraySource(batches), { memory: { maxBytes: 1 }, faults: orders.faults });
    await waits(sink);
    await sink.time.advance(HOUR);
    expect(world.rows('shop/users')).toHaveLength(10);
    orders.mend();
    await sink.time.advance(120_000);
    await sink.stop();
    expectTiles(world.ranges('shop/orders', 'o'), 10);
  });

  test('R31: what it let go of has expired when it is well: the gap is its alone', async () => {
    const world = new World();
    const orders = disk('shop/orders');
    const batches = oneByOne('all', ['orders', 'users'], 40);
    const source = arraySource(batches);
    const sink = world.start(source, {
      batch: { maxMs: 1000 },
      memory: { maxBytes: 4 * bytes(batches) },
      faults: orders.faults,
    });
    await waits(sink);
    await sink.time.advance(HOUR);
    expect(world.rows('shop/users')).toHaveLength(20);
    source.expire({ topic: 'all', partition: 0 }, 30);
    orders.mend();
    await sink.time.advance(60_000);
    source.push({ topic: 'all', partition: 0, records: [row('users', 40), row('users', 41)] });
    await quiet();
    await sink.stop();
    expect((await sink.done).failed).toMatchObject([{ table: 'shop/orders', code: 'OFFSET_GAP' }]);
    expectTiles(world.ranges('shop/users', 'all'), 42);
  });

  test('R31: nor does the gap concern one that has what lies behind it and has not committed it yet', async () => {
    const world = new World();
    const orders = disk('shop/orders');
    const source = arraySource([
      { topic: 'all', partition: 0, records: [row('orders', 0), row('users', 1)] },
    ]);
    const sink = world.start(source, { batch: { maxMs: 100_000 }, faults: orders.faults });
    await until('both are read', () => sink.events.some(({ kind }) => kind === 'read'));
    await sink.time.advance(110_000);
    expect(world.ranges('shop/users', 'all')).toEqual([[0, 2]]);
    const more = [row('orders', 2), row('users', 3), row('users', 4), row('users', 5)];
    source.push({ topic: 'all', partition: 0, records: more });
    await quiet();
    source.expire({ topic: 'all', partition: 0 }, 4);
    orders.mend();
    await sink.time.advance(40_000);
    await sink.stop();
    expect((await sink.done).failed).toMatchObject([{ table: 'shop/orders', code: 'OFFSET_GAP', offset: 2 }]);
    expect(world.ranges('shop/users', 'all')).toEqual([
      [0, 2],
      [2, 6],
    ]);
  });

  test('with untilEnd, what it let go of is read again when the source had come to its end', async () => {
    const world = new World();
    const orders = disk('shop/orders');
    const batches = oneByOne('all', ['orders', 'users'], 40);
    const sink = world.start(arraySource(batches), {
      untilEnd: true,
      batch: { maxMs: 1000 },
      memory: { maxBytes: 4 * bytes(batches) },
      faults: orders.faults,
    });
    await waits(sink);
    await sink.time.advance(HOUR);
    expect(world.rows('shop/users')).toHaveLength(20);
    orders.mend();
    await sink.time.advance(60_000);
    expect(await sink.done).toMatchObject({ ended: 'drained', failed: [] });
    expect(world.rows('shop/orders')).toHaveLength(20);
    expectTiles(world.ranges('shop/orders', 'all'), 40);
    expectTiles(world.ranges('shop/users', 'all'), 40);
  });

  test('a run whose source has ended can be stopped while a table waits', async () => {
    const world = new World();
    const orders = disk('shop/orders');
    const batches = oneByOne('all', ['orders', 'users'], 40);
    const sink = world.start(arraySource(batches), {
      untilEnd: true,
      memory: { maxBytes: 4 * bytes(batches) },
      faults: orders.faults,
    });
    await waits(sink);
    await sink.time.advance(HOUR);
    void sink.stop();
    await sink.time.advance(8_000);
    expect(await sink.done).toMatchObject({ ended: 'stopped' });
  });

  test('a hiccup of a second makes nothing come twice', async () => {
    const world = new World();
    let failures = 1;
    const batches = oneByOne('o', ['orders'], 20);
    const sink = world.start(arraySource(batches), {
      batch: { maxMs: 100, maxRows: 5 },
      faults: {
        committing: () => {
          if (failures-- > 0) throw full();
        },
      },
    });
    await waits(sink);
    await sink.time.advance(5_000);
    await sink.stop();
    expect(sink.events.filter(({ kind }) => kind === 'read')).toHaveLength(20);
    expectTiles(world.ranges('shop/orders', 'o'), 20);
  });
});

describe('R31: a table that has failed', () => {
  test('R31: repaired by a new start it is read again from its txn, and the others drop what they hold', async () => {
    const world = new World();
    const batches = oneByOne('all', ['orders', 'users'], 20);
    let broken = true;
    const faults = {
      committing: ({ name }: { readonly name: string }) => {
        if (!broken || name !== 'shop/orders' || world.rows(name).length < 4) return;
        throw new SluiceError('CORRUPT_LOG', 'version 3 is missing');
      },
    };
    const first = await world.start(arraySource(batches), { untilEnd: true, batch: { maxRows: 2 }, faults })
      .done;
    expect(first.failed).toMatchObject([{ table: 'shop/orders', code: 'CORRUPT_LOG' }]);
    expect(world.rows('shop/users')).toHaveLength(10);
    // Still broken: it leaves the minimum as it ends, and the others go on where they are.
    const more = [...batches, { topic: 'all', partition: 0, records: [row('users', 20), row('users', 21)] }];
    const second = await world.start(arraySource(more), { untilEnd: true, faults }).done;
    expect(second.failed).toMatchObject([{ table: 'shop/orders' }]);
    expectTiles(world.ranges('shop/users', 'all'), 22);
    broken = false;
    const third = await world.start(arraySource(more), { untilEnd: true, faults }).done;
    expect(third.failed).toEqual([]);
    for (const table of ['shop/orders', 'shop/users']) {
      expectTiles(world.ranges(table, 'all'), 22);
      const applied = world.table(table).commits.flatMap((commit) => commit.applied);
      expect(new Set(applied).size).toBe(applied.length);
    }
    expect(world.rows('shop/orders')).toHaveLength(10);
  });

  test('R31: one that ends while it is asked is left out of where its partitions begin', async () => {
    const world = new World();
    const batches = oneByOne('all', ['orders', 'users'], 20);
    const failing = {
      committing: ({ name }: { readonly name: string }) => {
        if (name === 'shop/orders') throw new SluiceError('CORRUPT_LOG', 'version 0 is missing');
      },
    };
    await world.start(arraySource(batches), { untilEnd: true, faults: failing }).done;
    const faults = { recovering: failing.committing };
    const again = await world.start(arraySource(batches), { untilEnd: true, faults }).done;
    expect(again).toMatchObject({ records: 0, failed: [{ table: 'shop/orders' }] });
  });

  test('R31: when what it lacks has expired the gap is its alone, and the others read nothing twice', async () => {
    const world = new World();
    const batches = oneByOne('all', ['orders', 'users'], 20);
    const faults = {
      committing: ({ name }: { readonly name: string }) => {
        if (name === 'shop/orders') throw new SluiceError('CORRUPT_LOG', 'version 0 is missing');
      },
    };
    await world.start(arraySource(batches), { untilEnd: true, faults }).done;
    const later = [...batches, { topic: 'all', partition: 0, records: [row('users', 20)] }];
    const source = arraySource(later, { low: new Map([['all:0', 5]]) });
    const summary = await world.start(source, { untilEnd: true }).done;
    // The one that came, and the last one before it, which is compared.
    expect(summary).toMatchObject({
      records: 2,
      failed: [{ table: 'shop/orders', code: 'OFFSET_GAP', offset: 0 }],
    });
    expectTiles(world.ranges('shop/users', 'all'), 21);
  });
});
