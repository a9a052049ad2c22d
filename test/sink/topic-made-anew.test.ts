import { describe, expect, test } from 'vitest';
import type { RawRecord } from '../../src/cdc/record.js';
import { deltaSink } from '../../src/sink/delta-sink.js';
import type { RunSummary, SinkEvent } from '../../src/sink/sink-events.js';
import { memoryStore } from '../../src/storage/memory.js';
import type { ObjectStore } from '../../src/storage/object-store.js';
import { type ArrayBatch, arraySource, type ArraySource } from '../../src/testing/array-source.js';
import { tableRows } from '../support/postgres-replay.js';
import { tilingErrors } from '../support/table-laws.js';
import { change, World } from './support/world.js';

const orders = (offset: number, id = offset, value = 'v') =>
  change({ op: 'c', id, table: 'orders', offset, value });
const users = (offset: number, id = offset, value = 'v') =>
  change({ op: 'c', id, table: 'users', offset, value });
const all = (...records: RawRecord[]): ArrayBatch => ({ topic: 't', partition: 0, records });

type Ran = RunSummary & { readonly events: readonly SinkEvent[] };

/** One process over real tables, from its start until its source is drained. */
async function drain(store: ObjectStore, source: ArraySource): Promise<Ran> {
  const sink = deltaSink(source, { base: store, untilEnd: true });
  const events: SinkEvent[] = [];
  sink.events$.subscribe((event) => events.push(event));
  return { ...(await sink.done), events };
}

const rows = async (store: ObjectStore, table: string): Promise<readonly string[]> =>
  (await tableRows(store.at(table))).map(({ id, value }) => `${String(id)}=${String(value)}`).toSorted();

/** Where reading began, and where it was sent. */
function watched(source: ArraySource): { readonly source: ArraySource; readonly sought: number[] } {
  const sought: number[] = [];
  const seek = source.seek.bind(source);
  return {
    sought,
    source: Object.assign(source, {
      seek: (partition: Parameters<ArraySource['seek']>[0], offset: number) => {
        sought.push(offset);
        seek(partition, offset);
      },
    }),
  };
}

describe('R6, W12: the record that a table applied last is seen again', () => {
  test('a topic made anew and refilled past the offsets is not taken for the old one', async () => {
    const store = memoryStore();
    await drain(store, arraySource([all(orders(0), orders(1), orders(2))]));
    const anew = all(orders(0, 50), orders(1, 51), orders(2, 52), orders(3, 53), orders(4, 54));
    const { failed, records } = await drain(store, arraySource([anew]));
    expect(failed).toMatchObject([
      { table: 'shop/orders', code: 'TOPIC_REGRESSED', topic: 't', partition: 0, offset: 2 },
    ]);
    expect(failed[0]?.hint).toContain(`sluice offsets accept ${store.at('shop/orders').url} --new-topic`);
    expect(await rows(store, 'shop/orders')).toEqual(['0=v', '1=v', '2=v']);
    expect(records).toBe(2);
  });

  test('the same topic goes on, and what was seen again is neither handed out nor counted', async () => {
    const store = memoryStore();
    const records = [orders(0), orders(1), orders(2)];
    await drain(store, arraySource([all(...records)]));
    const again = await drain(store, arraySource([all(...records, orders(3), orders(4))]));
    expect(again).toMatchObject({ failed: [], records: 2 });
    expect(again.tables).toMatchObject([{ inserted: 2, stale: 0 }]);
    const idle = await drain(store, arraySource([all(...records, orders(3), orders(4))]));
    expect(idle).toMatchObject({ failed: [], records: 0, tables: [{ commits: 0 }] });
    expect(await tilingErrors(store.at('shop/orders'))).toEqual([]);
  });

  test.each([
    ['the key', change({ op: 'c', id: 9, table: 'orders', offset: 1 })],
    ['the value', orders(1, 1, 'w')],
    ['a tombstone in its place', { ...orders(1), value: null }],
  ])('%s makes it another record', async (_, other) => {
    const store = memoryStore();
    await drain(store, arraySource([all(orders(0), orders(1))]));
    const { failed } = await drain(store, arraySource([all(orders(0), other, orders(2))]));
    expect(failed).toMatchObject([{ code: 'TOPIC_REGRESSED', offset: 1 }]);
  });

  test('another time alone does not: a topic that was copied record by record is the same', async () => {
    const store = memoryStore();
    await drain(store, arraySource([all(orders(0), orders(1))]));
    const copied = { ...orders(1), timestamp: '1800000000000' };
    const { failed } = await drain(store, arraySource([all(orders(0), copied, orders(2))]));
    expect(failed).toEqual([]);
    expect(await rows(store, 'shop/orders')).toEqual(['0=v', '1=v', '2=v']);
  });

  test('a record that was compacted away is a warning, and reading goes on', async () => {
    const store = memoryStore();
    await drain(store, arraySource([all(orders(0), orders(1), orders(2))]));
    const compacted = { ...all(orders(0), orders(1), orders(3)), base: 0 };
    const { failed, events } = await drain(store, arraySource([compacted]));
    expect(failed).toEqual([]);
    expect(events).toContainEqual({
      kind: 'unproven',
      table: 'shop/orders',
      topic: 't',
      partition: 0,
      offset: 2,
    });
    expect(await rows(store, 'shop/orders')).toEqual(['0=v', '1=v', '2=v', '3=v']);
  });

  test('nor does one that expired fail a table that wants only what is still there', async () => {
    const store = memoryStore();
    await drain(store, arraySource([all(orders(0), orders(1), orders(2))]));
    const { failed, events } = await drain(store, arraySource([all(orders(3), orders(4))]));
    expect(failed).toEqual([]);
    expect(events.filter(({ kind }) => kind === 'unproven')).toHaveLength(1);
    expect(await rows(store, 'shop/orders')).toEqual(['0=v', '1=v', '2=v', '3=v', '4=v']);
  });

  test('W13: where more than that has expired the table stops at the first offset that it wants', async () => {
    const store = memoryStore();
    await drain(store, arraySource([all(orders(0), orders(1), orders(2))]));
    const { failed } = await drain(store, arraySource([all(orders(7), orders(8))]));
    expect(failed).toMatchObject([{ code: 'OFFSET_GAP', offset: 3 }]);
    expect(failed[0]?.hint).toContain('--to 7');
    expect(await rows(store, 'shop/orders')).toEqual(['0=v', '1=v', '2=v']);
  });

  test.each([0, 1, 2])(
    'a topic that now ends at %i, below what the table holds, was made anew',
    async (end) => {
      const store = memoryStore();
      await drain(store, arraySource([all(orders(0), orders(1), orders(2))]));
      const short = { ...all(...[orders(0), orders(1)].slice(0, end)), base: 0, next: end };
      const { failed } = await drain(store, arraySource([short]));
      expect(failed).toMatchObject([{ table: 'shop/orders', code: 'TOPIC_REGRESSED' }]);
    },
  );

  test('each table of a partition is judged by its own record, wherever it lies', async () => {
    const store = memoryStore();
    const old = [users(0), orders(1), orders(2), orders(3), orders(4), orders(5)];
    await drain(store, arraySource([all(...old.slice(0, 1))]));
    await drain(store, arraySource([all(...old)]));
    // Only the record of users is another: orders goes on.
    const other = [users(0, 77), ...old.slice(1), users(6, 78), orders(6, 6), orders(7, 7)].map(
      (record, at) => ({
        ...record,
        offset: String(at),
      }),
    );
    const { failed } = await drain(store, arraySource([all(...other)]));
    expect(failed).toMatchObject([{ table: 'shop/users', code: 'TOPIC_REGRESSED', offset: 0 }]);
    expect(await rows(store, 'shop/users')).toEqual(['0=v']);
    expect(await rows(store, 'shop/orders')).toEqual(['1=v', '2=v', '3=v', '4=v', '5=v', '6=v', '7=v']);
  });

  test('between records that lie far apart nothing is read', async () => {
    const store = memoryStore();
    const old = [users(0), ...Array.from({ length: 40 }, (_, at) => orders(at + 1))];
    await drain(store, arraySource([all(...old.slice(0, 1))]));
    await drain(store, arraySource([all(...old)]));
    const pieces = [...old, orders(41)].map((record) => all(record));
    const { source, sought } = watched(arraySource(pieces));
    const { failed, records } = await drain(store, source);
    expect({ failed, records }).toEqual({ failed: [], records: 1 });
    expect(sought).toEqual([40]);
  });

  test('partitions that were taken away and given back prove themselves again', async () => {
    const world = new World();
    const source = arraySource([all(orders(0), orders(1))]);
    const run = world.start(source, { batch: { maxRows: 1 } });
    await run.time.advance(1);
    source.rebalance([{ topic: 't', partition: 0 }]);
    source.push(all(orders(2)));
    await run.time.advance(60_000);
    await run.stop();
    expect((await run.done).failed).toEqual([]);
    expect(world.rows('shop/orders')).toEqual(['0=v', '1=v', '2=v']);
    expect(world.table('shop/orders').commits.flatMap(({ applied }) => applied)).toEqual([
      't:0:0',
      't:0:1',
      't:0:2',
    ]);
  });
});
