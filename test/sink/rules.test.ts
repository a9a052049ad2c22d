import { concatMap, delay, EMPTY, from, map, mergeMap, of, reduce, throwError } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { SluiceError } from '../../src/base/errors.js';
import type { Change } from '../../src/cdc/object-changes.js';
import type { DeadLetter, DeadLetters } from '../../src/sink/dead-letters.js';
import type { TableTarget } from '../../src/sink/settler.js';
import { arraySource } from '../../src/testing/array-source.js';
import { change, quiet, raw, until, World } from './support/world.js';

const orders = (offset: number, id: number, value?: string) =>
  change({ op: 'c', id, table: 'orders', offset, ...(value === undefined ? {} : { value }) });
const users = (offset: number, id: number) => change({ op: 'c', id, table: 'users', offset });
const garbage = (offset: number) => raw(offset, '{"id":0}', 'no json at all');

function letterBox(): DeadLetters & { readonly letters: DeadLetter[] } {
  const letters: DeadLetter[] = [];
  return {
    letters,
    write: (written) => {
      letters.push(...written);
      return Promise.resolve();
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

describe('bad records', () => {
  test('without tolerance the table stands exactly at the bad record, and the others go on', async () => {
    const world = new World();
    const source = arraySource([
      { topic: 'o', partition: 0, records: [orders(0, 1), orders(1, 2), garbage(2), orders(3, 3)] },
      { topic: 'u', partition: 0, records: [users(0, 1), users(1, 2)] },
      { topic: 'o', partition: 0, records: [orders(4, 4)] },
    ]);
    const summary = await world.start(source, { untilEnd: true }).done;
    expect(summary.ended).toBe('drained');
    expect(summary.failed).toMatchObject([
      { table: 'shop/orders', code: 'RECORD_INVALID', topic: 'o', partition: 0, offset: 2 },
    ]);
    expect(world.ranges('shop/orders', 'o')).toEqual([[0, 2]]);
    expect(world.rows('shop/orders')).toEqual(['1=v', '2=v']);
    expect(world.rows('shop/users')).toEqual(['1=v', '2=v']);
  });

  test('what failed fails again at the same place after a start, and goes on once it is tolerated', async () => {
    const world = new World();
    const source = arraySource([
      { topic: 'o', partition: 0, records: [orders(0, 1), garbage(1), orders(2, 3)] },
    ]);
    await world.start(source, { untilEnd: true }).done;
    const again = await world.start(source, { untilEnd: true }).done;
    expect(again.failed).toMatchObject([{ table: 'shop/orders', offset: 1 }]);
    const box = letterBox();
    const last = await world.start(source, { untilEnd: true, errors: { tolerance: 'all', deadLetters: box } })
      .done;
    expect(last.failed).toEqual([]);
    expect(world.ranges('shop/orders', 'o')).toEqual([
      [0, 1],
      [1, 3],
    ]);
    expect(box.letters.map(({ offset }) => offset)).toEqual([1]);
  });

  test('with tolerance they are put aside before the commit that passes them', async () => {
    const world = new World();
    const seen: number[] = [];
    const box = letterBox();
    const deadLetters: DeadLetters = {
      ...box,
      write: async (letters, signal) => {
        seen.push(world.table('shop/orders').commits.length);
        await box.write(letters, signal);
      },
    };
    const source = arraySource([
      { topic: 'o', partition: 0, records: [orders(0, 1), garbage(1), orders(2, 3), garbage(3)] },
    ]);
    const summary = await world.start(source, { untilEnd: true, errors: { tolerance: 'all', deadLetters } })
      .done;
    expect(seen).toEqual([0]);
    expect(box.letters.map(({ offset, table }) => [offset, table])).toEqual([
      [1, 'shop/orders'],
      [3, 'shop/orders'],
    ]);
    expect(world.rows('shop/orders')).toEqual(['1=v', '3=v']);
    expect(world.ranges('shop/orders', 'o')).toEqual([[0, 4]]);
    expect(summary.tables).toMatchObject([{ table: 'shop/orders', deadLetters: 2 }]);
  });

  test('nothing passes a bad record before it is safely put aside', async () => {
    const world = new World();
    let safe: () => void = () => undefined;
    const written = new Promise<void>((resolve) => (safe = resolve));
    const deadLetters: DeadLetters = { ...letterBox(), write: () => written };
    const source = arraySource([{ topic: 'o', partition: 0, records: [orders(0, 1), garbage(1)] }]);
    const { done } = world.start(source, { untilEnd: true, errors: { tolerance: 'all', deadLetters } });
    await quiet();
    expect(world.table('shop/orders').commits).toEqual([]);
    safe();
    await done;
    expect(world.ranges('shop/orders', 'o')).toEqual([[0, 2]]);
  });

  test('one that cannot be put aside for good ends its table, with the reason, and the others go on', async () => {
    const world = new World();
    const refused = new SluiceError('BROKER_UNAVAILABLE', 'writing to topic dead: the record is too large');
    const deadLetters: DeadLetters = { ...letterBox(), write: () => Promise.reject(refused) };
    const source = arraySource([
      { topic: 'o', partition: 0, records: [orders(0, 1), garbage(1), orders(2, 2)] },
      { topic: 'all', partition: 0, records: [garbage(0)] },
      { topic: 'u', partition: 0, records: [users(0, 1)] },
    ]);
    const summary = await world.start(source, { untilEnd: true, errors: { tolerance: 'all', deadLetters } })
      .done;
    expect(summary.failed.map(({ table, topic, code }) => [table, topic, code])).toEqual([
      [undefined, 'all', 'BROKER_UNAVAILABLE'],
      ['shop/orders', undefined, 'BROKER_UNAVAILABLE'],
    ]);
    expect(world.ranges('shop/orders', 'o')).toEqual([]);
    expect(world.rows('shop/users')).toEqual(['1=v']);
  });

  test('a source that refuses us for good ends the run with its error', async () => {
    const world = new World();
    const refused = new SluiceError('BROKER_UNAVAILABLE', 'SASL authentication failed');
    const source = Object.assign(arraySource([]), { identity: () => Promise.reject(refused) });
    await expect(world.start(source, { untilEnd: true }).done).rejects.toBe(refused);
  });

  test('one that nobody owns ends the tables of its topic only', async () => {
    const world = new World();
    const source = arraySource([
      { topic: 'all', partition: 0, records: [orders(0, 1), users(1, 1), garbage(2), orders(3, 2)] },
      { topic: 'x', partition: 0, records: [change({ op: 'c', id: 1, table: 'items', offset: 0 })] },
      { topic: 'all', partition: 0, records: [users(4, 2)] },
      { topic: 'x', partition: 0, records: [change({ op: 'c', id: 2, table: 'items', offset: 1 })] },
    ]);
    const summary = await world.start(source, { untilEnd: true }).done;
    expect(new Set(summary.failed.map(({ table }) => table))).toEqual(
      new Set([undefined, 'shop/orders', 'shop/users']),
    );
    expect(world.ranges('shop/orders', 'all')).toEqual([[0, 2]]);
    expect(world.ranges('shop/users', 'all')).toEqual([[0, 2]]);
    expect(world.rows('shop/items')).toEqual(['1=v', '2=v']);
  });

  test('a run whose tables have all failed ends by itself', async () => {
    const world = new World();
    const source = arraySource([{ topic: 'o', partition: 0, records: [orders(0, 1), garbage(1)] }]);
    const sink = world.start(source);
    await until('read', () => sink.events.some(({ kind }) => kind === 'read'));
    await sink.time.advance(10_000);
    expect(await sink.done).toMatchObject({ ended: 'failed', failed: [{ table: 'shop/orders' }] });
  });
});

describe('R4: start offsets', () => {
  const five = [0, 1, 2, 3, 4].map((offset) => orders(offset, offset));

  test('R4: latest is resolved once: what came while nothing ran is not passed over', async () => {
    const world = new World();
    const source = arraySource([{ topic: 'o', partition: 0, records: five }]);
    // The first start sees offset 5 as the latest, and dies before any commit.
    const first = world.start(source, { start: 'latest' });
    await quiet();
    await first.stop();
    source.push({ topic: 'o', partition: 0, records: [orders(5, 5), orders(6, 6)] });
    await world.start(source, { start: 'latest', untilEnd: true }).done;
    expect(world.rows('shop/orders')).toEqual(['5=v', '6=v']);
    expect(world.ranges('shop/orders', 'o')).toEqual([[5, 7]]);
  });

  test('R4: a partition added later starts at 0, whatever the policy', async () => {
    const world = new World();
    const source = arraySource([{ topic: 'o', partition: 0, records: five }]);
    const first = world.start(source, { start: 'latest' });
    await quiet();
    await first.stop();
    source.push({ topic: 'o', partition: 1, records: [orders(0, 100), orders(1, 101)] });
    await world.start(source, { start: 'latest', untilEnd: true }).done;
    expect(world.rows('shop/orders')).toEqual(['100=v', '101=v']);
    expect(world.ranges('shop/orders', 'o', 1)).toEqual([[0, 2]]);
  });

  test('R4: a time is resolved once as well', async () => {
    const world = new World();
    const source = arraySource([{ topic: 'o', partition: 0, records: five }]);
    await world.start(source, { start: { atMs: 1_700_000_000_003 }, untilEnd: true }).done;
    expect(world.ranges('shop/orders', 'o')).toEqual([[3, 5]]);
  });

  test('R4: a table that holds an offset does not ask for the policy', async () => {
    const world = new World();
    const source = arraySource([{ topic: 'o', partition: 0, records: five }]);
    await world.start(source, { untilEnd: true }).done;
    source.push({ topic: 'o', partition: 0, records: [orders(5, 5)] });
    await world.start(source, { start: 'latest', untilEnd: true }).done;
    expect(world.ranges('shop/orders', 'o')).toEqual([
      [0, 5],
      [5, 6],
    ]);
  });

  test('R4: offsets that are gone fail the table that needs them, and no other', async () => {
    const world = new World();
    await world.start(arraySource([{ topic: 'o', partition: 0, records: five }]), { untilEnd: true }).done;
    const late = arraySource(
      [
        { topic: 'o', partition: 0, base: 8, records: [orders(8, 8)] },
        { topic: 'u', partition: 0, records: [users(0, 1)] },
      ],
      { low: new Map([['o:0', 8]]) },
    );
    const summary = await world.start(late, { untilEnd: true }).done;
    expect(summary.failed).toMatchObject([{ code: 'OFFSET_GAP', table: 'shop/orders', offset: 5 }]);
    expect(world.ranges('shop/orders', 'o')).toEqual([[0, 5]]);
    expect(world.rows('shop/users')).toEqual(['1=v']);
  });

  test('R4: with on.offset.gap=continue an audit commit passes over what is gone', async () => {
    const world = new World();
    await world.start(arraySource([{ topic: 'o', partition: 0, records: five }]), { untilEnd: true }).done;
    const late = arraySource([{ topic: 'o', partition: 0, base: 8, records: [orders(8, 8)] }], {
      low: new Map([['o:0', 8]]),
    });
    const summary = await world.start(late, { untilEnd: true, onOffsetGap: 'continue' }).done;
    expect(summary.failed).toEqual([]);
    expect(world.ranges('shop/orders', 'o')).toEqual([
      [0, 5],
      [5, 8],
      [8, 9],
    ]);
    expect(world.table('shop/orders').commits.map(({ audit }) => audit !== undefined)).toEqual([
      false,
      true,
      false,
    ]);
  });

  test('a topic that ends below what the table holds was made anew, and nothing is taken from it', async () => {
    const world = new World();
    await world.start(arraySource([{ topic: 'o', partition: 0, records: five }]), { untilEnd: true }).done;
    const anew = arraySource([{ topic: 'o', partition: 0, records: [orders(0, 9)] }]);
    const summary = await world.start(anew, { untilEnd: true, onOffsetGap: 'continue' }).done;
    expect(summary.failed).toMatchObject([{ code: 'TOPIC_REGRESSED', table: 'shop/orders' }]);
    expect(world.ranges('shop/orders', 'o')).toEqual([[0, 5]]);
  });
});

describe('R5: one topic, several tables', () => {
  test('R5: a row that was only buffered is read again although another table has passed it', async () => {
    const world = new World();
    const records = [users(0, 1), ...[1, 2, 3].map((n) => orders(n, n))];
    const source = arraySource([{ topic: 'all', partition: 0, records }]);
    // Orders commits [0, 4); the process dies before users can.
    const dead = world.start(source, {
      batch: { maxMs: 1000, maxRows: 3 },
      faults: { committing: (target) => hangsFor(target, 'shop/users') },
      stopMs: 1,
    });
    await until('orders committed', () => world.ranges('shop/orders', 'all').length > 0);
    const stopping = dead.stop();
    await dead.time.advance(1);
    void stopping;
    expect(world.ranges('shop/orders', 'all')).toEqual([[0, 4]]);
    await world.start(source, { untilEnd: true }).done;
    expect(world.rows('shop/users')).toEqual(['1=v']);
    expect(world.ranges('shop/users', 'all')).toEqual([[0, 4]]);
    expect(world.ranges('shop/orders', 'all')).toEqual([[0, 4]]);
  });
});

function hangsFor({ name }: TableTarget, table: string): Promise<void> | undefined {
  return name === table ? new Promise<void>(() => undefined) : undefined;
}

describe('R11: operators between source and sink', () => {
  const ten = Array.from({ length: 10 }, (_, offset) => orders(offset, offset));
  const source = () =>
    arraySource([
      { topic: 'o', partition: 0, records: ten.slice(0, 6) },
      { topic: 'o', partition: 0, records: ten.slice(6) },
    ]);

  test('R11: offsets cover the batch when the operator drops rows, even all of them', async () => {
    const world = new World();
    await world.start(source(), { untilEnd: true, batch: { maxRows: 6 }, pipe: () => EMPTY }).done;
    expect(world.rows('shop/orders')).toEqual([]);
    const other = new World();
    await other.start(source(), {
      untilEnd: true,
      pipe: (changes$) => changes$.pipe(mergeMap((each) => (each.offset === 4 ? of(each) : EMPTY))),
    }).done;
    expect(other.rows('shop/orders')).toEqual(['4=v']);
    expect(other.ranges('shop/orders', 'o')).toEqual([[0, 10]]);
  });

  test('R11: nothing moves while a row is still in the operator', async () => {
    const world = new World();
    let letGo: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (letGo = resolve));
    const sink = world.start(source(), {
      batch: { maxRows: 6 },
      // Row 5 comes after all others of its batch, and only when it is let go.
      pipe: (changes$) =>
        changes$.pipe(mergeMap((each) => (each.offset === 5 ? from(held).pipe(map(() => each)) : of(each)))),
    });
    await quiet();
    expect(world.table('shop/orders').commits).toEqual([]);
    letGo();
    await quiet();
    expect(world.ranges('shop/orders', 'o')[0]).toEqual([0, 6]);
    await sink.stop();
    expect(world.rows('shop/orders')).toHaveLength(10);
    expect(world.ranges('shop/orders', 'o')).toEqual([
      [0, 6],
      [6, 10],
    ]);
  });

  test('R11: reordered and multiplied rows leave the offsets as they are', async () => {
    const world = new World();
    await world.start(source(), {
      untilEnd: true,
      pipe: (changes$) =>
        changes$.pipe(
          reduce((all: Change[], each) => [each, ...all], []),
          concatMap((all) => from(all)),
          mergeMap((each) => [
            each,
            { ...each, key: { id: 100n + BigInt(each.offset) }, after: { ...each.after, id: 100n } },
          ]),
          delay(0),
        ),
    }).done;
    expect(world.ranges('shop/orders', 'o')).toEqual([[0, 10]]);
    const applied = world.table('shop/orders').commits.flatMap((commit) => commit.applied);
    expect(applied).toHaveLength(20);
    expect(new Set(applied).size).toBe(10);
  });

  test('R11: an operator that fails ends its lane with nothing lost', async () => {
    const world = new World();
    const failing = await world.start(source(), {
      untilEnd: true,
      pipe: () => throwError(() => new Error('no such customer')),
    }).done;
    expect(failing.failed).toMatchObject([
      { code: 'OPERATOR_FAILED', table: 'shop/orders', topic: 'o', offset: 0 },
    ]);
    expect(world.table('shop/orders').commits).toEqual([]);
    await world.start(source(), { untilEnd: true }).done;
    expect(world.rows('shop/orders')).toHaveLength(10);
    expect(world.ranges('shop/orders', 'o')).toEqual([[0, 10]]);
  });
});

describe('R31, R32: credit', () => {
  const many = (table: string, from: number, count: number) =>
    Array.from({ length: count }, (_, n) => change({ op: 'c', id: from + n, table, offset: from + n }));

  test('R31: a table that has failed returns what it held and holds nobody up', async () => {
    const world = new World();
    const rows = many('orders', 0, 20);
    const batches = rows.map((record, n) => ({
      topic: 'o',
      partition: 0,
      records: [n === 3 ? garbage(3) : record],
    }));
    const healthy = many('users', 0, 20).map((record) => ({ topic: 'u', partition: 0, records: [record] }));
    const oneRecord = 300;
    const summary = await world.start(arraySource([...batches, ...healthy]), {
      untilEnd: true,
      memory: { maxBytes: 4 * oneRecord },
    }).done;
    expect(summary.failed).toMatchObject([{ table: 'shop/orders', offset: 3 }]);
    expect(world.rows('shop/orders')).toHaveLength(3);
    expect(world.rows('shop/users')).toHaveLength(20);
  });

  test('R32: credit smaller than one record lets them through one at a time', async () => {
    const world = new World();
    const batches = many('orders', 0, 5).map((record) => ({ topic: 'o', partition: 0, records: [record] }));
    const summary = await world.start(arraySource(batches), { untilEnd: true, memory: { maxBytes: 1 } }).done;
    expect(summary.failed).toEqual([]);
    expect(world.ranges('shop/orders', 'o')).toEqual([0, 1, 2, 3, 4].map((n) => [n, n + 1]));
  });

  test('R32: when credit runs out the largest lane settles, long before its time', async () => {
    const world = new World();
    const known = [
      { topic: 'u', partition: 0, records: [users(0, 0)] },
      { topic: 'o', partition: 0, records: [orders(0, 0)] },
    ];
    await world.start(arraySource(known), { untilEnd: true }).done;
    // Orders holds the most when the credit is gone; with 10 s to go, nothing else would set it free.
    const batches = [
      ...known,
      ...many('users', 1, 2).map((record) => ({ topic: 'u', partition: 0, records: [record] })),
      ...many('orders', 1, 19).map((record) => ({ topic: 'o', partition: 0, records: [record] })),
    ];
    const sink = world.start(arraySource(batches), { memory: { maxBytes: 2400 } });
    await until('all are read', () => sink.events.filter(({ kind }) => kind === 'read').length === 21);
    expect(world.ranges('shop/users', 'u')).toEqual([[0, 1]]);
    expect(world.ranges('shop/orders', 'o').length).toBeGreaterThan(1);
    await sink.stop();
    expect(world.rows('shop/orders')).toHaveLength(20);
  });
});

describe('a store that does not answer', () => {
  const full = () =>
    new SluiceError('STORE_FULL', 'no space left for part-0.parquet', {
      context: { file: 'part-0.parquet' },
    });

  test('the table waits, says so once with the file, and goes on once it is mended', async () => {
    const world = new World();
    let broken = true;
    const source = arraySource([
      { topic: 'o', partition: 0, records: [orders(0, 1)] },
      { topic: 'u', partition: 0, records: [users(0, 1)] },
    ]);
    const sink = world.start(source, {
      batch: { maxMs: 100 },
      faults: {
        committing: ({ name }) => {
          if (broken && name === 'shop/orders') throw full();
        },
      },
    });
    await until('read', () => sink.events.filter(({ kind }) => kind === 'read').length === 2);
    await sink.time.advance(200_000);
    const told = () => sink.events.filter(({ kind }) => kind === 'waiting' || kind === 'resumed');
    expect(told()).toMatchObject([
      { kind: 'waiting', table: 'shop/orders', why: 'no space left for part-0.parquet' },
    ]);
    expect(world.rows('shop/users')).toEqual(['1=v']);
    broken = false;
    await sink.time.advance(31_000);
    expect(told().map(({ kind }) => kind)).toEqual(['waiting', 'resumed']);
    expect(world.ranges('shop/orders', 'o')).toEqual([[0, 1]]);
    await sink.stop();
    expect((await sink.done).failed).toEqual([]);
  });

  test('an answer that got lost after the commit landed is not committed again', async () => {
    const world = new World();
    let lost = 1;
    const source = arraySource([{ topic: 'o', partition: 0, records: [orders(0, 1), orders(1, 2)] }]);
    const sink = world.start(source, {
      batch: { maxMs: 100 },
      faults: {
        committed: () => {
          if (lost-- > 0) throw new SluiceError('STORE_UNAVAILABLE', 'no answer', { retry: 'ambiguous' });
        },
      },
    });
    await until('read', () => sink.events.some(({ kind }) => kind === 'read'));
    await sink.time.advance(2_000);
    expect(world.ranges('shop/orders', 'o')).toEqual([[0, 2]]);
    source.push({ topic: 'o', partition: 0, records: [orders(2, 3)] });
    await quiet();
    await sink.stop();
    expect(world.ranges('shop/orders', 'o')).toEqual([
      [0, 2],
      [2, 3],
    ]);
  });

  test('a table that cannot be read fails alone', async () => {
    const world = new World();
    const source = arraySource([
      { topic: 'o', partition: 0, records: [orders(0, 1)] },
      { topic: 'u', partition: 0, records: [users(0, 1)] },
    ]);
    const corrupt = new SluiceError('CORRUPT_LOG', 'version 3 is missing');
    const summary = await world.start(source, {
      untilEnd: true,
      faults: {
        recovering: ({ name }) => {
          if (name === 'shop/orders') throw corrupt;
        },
      },
    }).done;
    expect(summary.failed).toMatchObject([{ table: 'shop/orders', code: 'CORRUPT_LOG' }]);
    expect(world.rows('shop/users')).toEqual(['1=v']);
  });
});
