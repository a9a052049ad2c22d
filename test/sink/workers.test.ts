import { describe, expect, test } from 'vitest';
import type { DeadLetter } from '../../src/sink/dead-letters.js';
import { type ArrayBatch, arraySource, type ArraySourceOptions } from '../../src/testing/array-source.js';
import { change, quiet, raw, until, World } from './support/world.js';

const orders = (offset: number, id = offset) => change({ op: 'c', id, table: 'orders', offset });
const users = (offset: number, id = offset) => change({ op: 'c', id, table: 'users', offset });
const part = (partition: number, records: ArrayBatch['records']): ArrayBatch => ({
  topic: 't',
  partition,
  records,
});

/** A worker of a group: it sees the whole topic and is assigned some partitions of it. */
function member(batches: readonly ArrayBatch[], own: readonly number[], options: ArraySourceOptions = {}) {
  return arraySource(batches, { ...options, assigned: ({ partition }) => own.includes(partition) });
}

/** Hangs for ever where this table is about to commit: a process that is killed before it can. */
const killedAt = (table: string) => ({
  committing: ({ name }: { readonly name: string }) =>
    name === table ? new Promise<void>(() => undefined) : undefined,
});

describe('R5: several workers on one topic with several tables', () => {
  test('R5: a first row that a worker had only buffered is read again, although another table passed it', async () => {
    const world = new World();
    const batches = [part(0, [users(0), orders(1), orders(2), orders(3)]), part(1, [orders(0, 9)])];
    world.start(member(batches, [0]), { batch: { maxRows: 3 }, faults: killedAt('shop/users') });
    await until('orders has passed it', () => world.ranges('shop/orders', 't').length > 0);
    expect(world.ranges('shop/orders', 't')).toEqual([[0, 4]]);
    expect(world.rows('shop/users')).toEqual([]);
    await world.start(member(batches, [0, 1]), { untilEnd: true }).done;
    expect(world.rows('shop/users')).toEqual(['0=v']);
    expect(world.ranges('shop/users', 't')).toEqual([[0, 4]]);
    expect(world.rows('shop/orders')).toEqual(['1=v', '2=v', '3=v', '9=v']);
  });

  test('R5: nor is the first row in one partition lost when the table was met in another before', async () => {
    const world = new World();
    const batches = [part(0, [users(0)]), part(1, [orders(0), orders(1), users(2), orders(3)])];
    await world.start(member(batches, [0]), { untilEnd: true }).done;
    expect(world.rows('shop/users')).toEqual(['0=v']);
    world.start(member(batches, [1]), { batch: { maxRows: 3 }, faults: killedAt('shop/users') });
    await until('orders has passed it', () => world.ranges('shop/orders', 't', 1).length > 0);
    expect(world.ranges('shop/orders', 't', 1)).toEqual([[0, 4]]);
    const last = await world.start(member(batches, [0, 1]), { untilEnd: true }).done;
    expect(last.failed).toEqual([]);
    expect(world.rows('shop/users')).toEqual(['0=v', '2=v']);
  });

  test('R5: nor when the same worker met it in both', async () => {
    const world = new World();
    const batches = [part(0, [users(0)]), part(1, [orders(0), orders(1), users(2), orders(3)])];
    world.start(member(batches, [0, 1]), { batch: { maxRows: 3 }, faults: killedAt('shop/users') });
    await until('orders has passed it', () => world.ranges('shop/orders', 't', 1).length > 0);
    expect(world.ranges('shop/orders', 't', 1)).toEqual([[0, 4]]);
    await world.start(member(batches, [0, 1]), { untilEnd: true }).done;
    expect(world.rows('shop/users')).toEqual(['0=v', '2=v']);
  });

  test('R5: nor is a record that does not say whose it is and was taken for the topic’s only table', async () => {
    const world = new World();
    const letters: DeadLetter[] = [];
    const box = (write: (written: readonly DeadLetter[]) => Promise<void>) => ({
      tolerance: 'all' as const,
      deadLetters: { write, [Symbol.asyncDispose]: () => Promise.resolve() },
    });
    const batches = [
      part(0, [users(0)]),
      part(1, [raw(0, '{"id":0}', 'no json')]),
      part(1, [orders(1), orders(2), orders(3)]),
    ];
    await world.start(member(batches, [0]), { untilEnd: true }).done;
    const hanging = box(() => new Promise(() => undefined));
    world.start(member(batches, [1]), { batch: { maxRows: 3 }, errors: hanging });
    await until('orders has passed it', () => world.ranges('shop/orders', 't', 1).length > 0);
    const errors = box((written) => Promise.resolve(void letters.push(...written)));
    await world.start(member(batches, [0, 1]), { untilEnd: true, errors }).done;
    expect(letters.map(({ table, partition, offset }) => [table, partition, offset])).toEqual([
      [undefined, 1, 0],
    ]);
  });

  test('R5: a table wants nothing of the partitions of other workers in which it was never met', async () => {
    const world = new World();
    const early = Array.from({ length: 5 }, (_, n) => orders(n));
    const batches = [part(0, [users(0)]), part(1, early)];
    await world.start(member(batches, [1]), { untilEnd: true }).done;
    await world.start(member(batches, [0]), { untilEnd: true }).done;
    // What orders has of partition 1 has expired: only orders was ever in it, and it holds all of that.
    const later = [part(0, [users(0)]), { ...part(1, [orders(5), users(6)]), base: 5 }];
    const summary = await world.start(member(later, [0, 1], { low: new Map([['t:1', 5]]) }), {
      untilEnd: true,
    }).done;
    expect(summary).toMatchObject({ failed: [], records: 2 });
    expect(world.rows('shop/users')).toEqual(['0=v', '6=v']);
    expect(world.rows('shop/orders')).toHaveLength(6);
  });

  test('R5: a table whose only sight was in another partition begins where that one was read to', async () => {
    const world = new World();
    const beat = (offset: number) => raw(offset, null, JSON.stringify({ ts_ms: 5 }));
    const batches = [part(0, [users(0)]), part(1, [beat(0), beat(1)])];
    await world.start(member(batches, [1]), { untilEnd: true }).done;
    world.start(member(batches, [0]), { faults: killedAt('shop/users') });
    await quiet();
    const later = [part(0, [users(0)]), { ...part(1, [users(2)]), base: 2 }];
    const summary = await world.start(member(later, [0, 1], { low: new Map([['t:1', 2]]) }), {
      untilEnd: true,
    }).done;
    expect(summary.failed).toEqual([]);
    expect(world.rows('shop/users')).toEqual(['0=v', '2=v']);
  });
});

describe('R4: start offsets with several workers', () => {
  const five = (partition: number) =>
    part(
      partition,
      [0, 1, 2, 3, 4].map((n) => orders(n, 10 * partition + n)),
    );

  test('R4: a partition that another worker was assigned first is not taken for one that was added later', async () => {
    const world = new World();
    const batches = [five(0), five(1)];
    await world.start(member(batches, [0]), { start: 'latest', untilEnd: true }).done;
    const later = member([...batches, part(1, [orders(5, 15)])], [1]);
    await world.start(later, { start: 'latest', untilEnd: true }).done;
    await world.start(member([...batches, part(1, [orders(5, 15)])], [0, 1]), { untilEnd: true }).done;
    // Neither is read from 0; where the second begins was asked when it was first taken.
    expect(world.rows('shop/orders')).toEqual([]);
  });

  test('R4: one that was added later starts at 0, whichever worker gets it', async () => {
    const world = new World();
    await world.start(member([five(0)], [0]), { start: 'latest', untilEnd: true }).done;
    await world.start(member([five(0), five(1)], [1]), { start: 'latest', untilEnd: true }).done;
    expect(world.ranges('shop/orders', 't', 1)).toEqual([[0, 5]]);
  });
});
