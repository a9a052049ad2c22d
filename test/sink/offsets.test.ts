import { describe, expect, test, vi } from 'vitest';
import type { RawRecord } from '../../src/cdc/record.js';
import { createTable } from '../../src/operations/create-table.js';
import { field, LONG, struct } from '../../src/schema/build.js';
import { deltaSink } from '../../src/sink/delta-sink.js';
import { changeOffsets, type OffsetsChanged } from '../../src/sink/offsets/change-offsets.js';
import type { OffsetsChange } from '../../src/sink/offsets/planned-change.js';
import { type PartitionOffsets, readOffsets } from '../../src/sink/offsets/table-offsets.js';
import { domainsOf } from '../../src/sink/settle/partition-domain.js';
import type { Settled, Slice, TableOptions } from '../../src/sink/settler.js';
import type { RunSummary } from '../../src/sink/sink-events.js';
import type { StartPolicy } from '../../src/source/change-source.js';
import { withFaults } from '../../src/storage/faults.js';
import { memoryStore } from '../../src/storage/memory.js';
import type { ObjectStore } from '../../src/storage/object-store.js';
import { checkpointKey, commitKey } from '../../src/protocol/log-files.js';
import { writeCheckpoint } from '../../src/table/checkpoint.js';
import { openSnapshot } from '../../src/table/snapshot.js';
import { arraySource } from '../../src/testing/array-source.js';
import { sliceOf, type EventText } from '../support/change-events.js';
import { foreignCommit, restoreTo } from '../support/foreign-commits.js';
import { never, settlerOf, tableRows } from '../support/postgres-replay.js';
import { feedErrors } from '../support/table-laws.js';
import { change as recordOf } from './support/world.js';

const TOPIC = 'test.public.items';
const P0 = { topic: TOPIC, partition: 0 };
const SET = { kind: 'set', ...P0 } as const;

const put = (id: number, lsn = 100 + id, v = 'v'): EventText => ({
  op: 'c',
  key: { id },
  after: { id, v },
  lsn,
});
const upTo = (from: number, to: number, partition = 0): Slice =>
  sliceOf(
    from,
    Array.from({ length: to - from }, (_, at) => put(1000 * partition + from + at)),
    { partition },
  );

/** The same, numbered by their source. */
const numbered = (from: number, to: number): Slice =>
  sliceOf(
    from,
    Array.from({ length: to - from }, (_, at) => ({ ...put(from + at), totalOrder: 1 })),
  );

const change = (store: ObjectStore, what: OffsetsChange): Promise<OffsetsChanged> =>
  changeOffsets(store, what, { by: 'somebody', reason: 'because', signal: never });

const offsetsOf = async (store: ObjectStore): Promise<readonly PartitionOffsets[]> =>
  (await readOffsets(store, { signal: never })).partitions;

const ids = async (store: ObjectStore): Promise<readonly number[]> =>
  (await tableRows(store)).map(({ id }) => Number(id)).toSorted((a, b) => a - b);

/** A process of its own: asks what the table holds, and brings the slice's events in from there. */
async function settle(
  store: ObjectStore,
  slice: Slice,
  options: Partial<TableOptions> = {},
): Promise<Settled> {
  const { settler } = settlerOf(store, options);
  await settler.recover([slice], never);
  return settler.settle([slice], never);
}

/** Versions 0, 1 and 2 hold the offsets up to 2, 4 and 6. */
async function filled(): Promise<ObjectStore> {
  const store = memoryStore();
  for (const from of [0, 2, 4]) await settle(store, upTo(from, from + 2));
  return store;
}

describe('R7: after a rewind', () => {
  test('accepted as it is, the table goes on from its offsets, and so do workers that ran over both', async () => {
    const store = await filled();
    const { settler } = settlerOf(store);
    await settler.recover([P0], never);
    await restoreTo(store, 1);
    expect(await change(store, { kind: 'accept-rewind' })).toMatchObject({
      version: 4,
      partitions: [{ from: 6, to: 6 }],
    });
    expect(await settler.settle([upTo(6, 7)], never)).toMatchObject({ kind: 'committed', version: 5 });
    expect(await settle(store, upTo(7, 8))).toMatchObject({ kind: 'committed', version: 6 });
    expect(await ids(store)).toEqual([0, 1, 2, 3, 6, 7]);
  });

  test('offsets that are set first leave it standing, so that each partition can be set before it is accepted', async () => {
    const store = await filled();
    await settle(store, upTo(0, 2, 1));
    await restoreTo(store, 0);
    expect(await change(store, { ...SET, to: 2 })).toMatchObject({ kind: 'changed', rewound: true });
    await expect(settle(store, upTo(2, 6))).rejects.toMatchObject({ code: 'TABLE_REWOUND' });
    expect((await readOffsets(store, { signal: never })).rewind).toMatchObject({ version: 4 });
    await change(store, { ...SET, partition: 1, to: 0 });
    expect(await change(store, { kind: 'accept-rewind' })).toMatchObject({ rewound: false });
    await settle(store, upTo(2, 6));
    await settle(store, upTo(0, 2, 1));
    expect(await ids(store)).toEqual([0, 1, 2, 3, 4, 5, 1000, 1001]);
    expect(await feedErrors(store)).toEqual([]);
  });

  test.each(['before', 'after'])(
    'rows of a table without a key come again, its offset set %s accepting',
    async (when) => {
      const keyless = { primaryKey: { mode: 'none', fields: [] } } as const;
      const store = memoryStore();
      for (const from of [0, 2, 4]) await settle(store, numbered(from, from + 2), keyless);
      await restoreTo(store, 1);
      if (when === 'after') await change(store, { kind: 'accept-rewind' });
      await change(store, { ...SET, to: 4 });
      if (when === 'before') await change(store, { kind: 'accept-rewind' });
      expect(await settle(store, numbered(4, 6), keyless)).toMatchObject({ metrics: { inserted: 2 } });
      expect(await ids(store)).toEqual([0, 1, 2, 3, 4, 5]);
    },
  );

  test('a truncate that went with it happens again', async () => {
    const store = memoryStore();
    await settle(store, upTo(0, 2));
    await settle(store, sliceOf(2, [{ op: 't', lsn: 150 }]));
    expect(await ids(store)).toEqual([]);
    await restoreTo(store, 0);
    await change(store, { ...SET, to: 2 });
    await change(store, { kind: 'accept-rewind' });
    await settle(store, sliceOf(2, [{ op: 't', lsn: 150 }]));
    expect(await ids(store)).toEqual([]);
  });

  test('by a replacement that no version came back with, nothing of rows is remembered', async () => {
    const store = memoryStore();
    await settle(store, upTo(0, 2));
    await settle(store, sliceOf(2, [{ op: 't', lsn: 150 }]));
    await foreignCommit(store, 'REPLACE TABLE AS SELECT');
    await change(store, { ...SET, to: 0 });
    await change(store, { kind: 'accept-rewind' });
    await settle(store, upTo(0, 2));
    expect(await ids(store)).toEqual([0, 1]);
  });

  test('a transaction that was taken away leaves it to the start policy', async () => {
    const store = await filled();
    const domain = { domain: `sluice.partition.${TOPIC}.1`, removed: false };
    const configuration = JSON.stringify({ version: 1, epochs: [], keys: ['id'], files: [] });
    await foreignCommit(store, 'X', {}, [
      { kind: 'domainMetadata', domainMetadata: { ...domain, configuration } },
    ]);
    await change(store, { kind: 'accept-rewind' });
    const recovered = await settlerOf(store).settler.recover([P0, { ...P0, partition: 1 }], never);
    expect(recovered).toEqual(new Map([[`${TOPIC}:0`, 6]]));
    expect(await settle(store, upTo(0, 2, 1))).toMatchObject({ kind: 'committed' });
    expect((await readOffsets(store, { signal: never })).rewind).toBeNull();
  });
});

describe('an offset that is set', () => {
  test('back makes the records come again, and nothing changes by it', async () => {
    const store = await filled();
    await change(store, { ...SET, to: 1 });
    expect(await settle(store, upTo(1, 6))).toEqual({ kind: 'nothing' });
    expect(await ids(store)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test('back makes nothing come twice in a table without a key whose source numbers its changes', async () => {
    const keyless = { primaryKey: { mode: 'none', fields: [] } } as const;
    const store = memoryStore();
    for (const from of [0, 2, 4]) await settle(store, numbered(from, from + 2), keyless);
    await change(store, { ...SET, to: 1 });
    await settle(store, numbered(1, 7), keyless);
    expect(await ids(store)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  test('back stops a worker that is running, and one that starts goes on from there', async () => {
    const store = await filled();
    const { settler } = settlerOf(store);
    await settler.recover([P0], never);
    await change(store, { ...SET, to: 4 });
    expect(await settler.settle([upTo(6, 8)], never)).toMatchObject({
      kind: 'rewound',
      expected: 6,
      found: 4,
    });
    expect(await settle(store, upTo(4, 8))).toMatchObject({ kind: 'committed' });
    expect(await ids(store)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  test('W13: ahead passes over what is gone, also for a worker that is running', async () => {
    const store = await filled();
    const { settler } = settlerOf(store);
    await settler.recover([P0], never);
    await change(store, { ...SET, to: 9 });
    expect(await settler.settle([upTo(6, 12)], never)).toEqual({
      kind: 'moved',
      at: new Map([[`${TOPIC}:0`, 9]]),
    });
    expect(await settler.settle([upTo(9, 12)], never)).toMatchObject({ kind: 'committed' });
    expect(await ids(store)).toEqual([0, 1, 2, 3, 4, 5, 9, 10, 11]);
  });

  test('to where it is is no commit', async () => {
    const store = await filled();
    expect(await change(store, { ...SET, to: 6 })).toEqual({ kind: 'unchanged' });
    expect((await openSnapshot(store, { signal: never })).version).toBe(2);
  });

  test('R9: is not written over a commit that came first; over one that moved only files it is', async () => {
    const racing = (store: ObjectStore, meanwhile: () => Promise<unknown>) => {
      let done = false;
      const until = async () => {
        if (!done) await meanwhile();
        done = true;
      };
      const fault = { kind: 'delay', when: 'before', until } as const;
      return withFaults(store, [{ operation: 'putIfAbsent', key: /_delta_log\/\d{20}\.json$/, fault }]);
    };
    const store = await filled();
    const overtaken = racing(store, () => settle(store, upTo(6, 8)));
    await expect(change(overtaken, { ...SET, to: 2 })).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await offsetsOf(store)).toMatchObject([{ next: 8 }]);
    const compacted = racing(store, () => foreignCommit(store, 'OPTIMIZE'));
    expect(await change(compacted, { ...SET, to: 2 })).toMatchObject({ version: 5 });
    expect(await offsetsOf(store)).toMatchObject([{ next: 2, last: null, version: 5 }]);
    const restored = racing(store, () => restoreTo(store, 1));
    await expect(change(restored, { ...SET, to: 1 })).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  test('says who, why and what in the history', async () => {
    const store = await filled();
    await change(store, { ...SET, to: 3 });
    const text = Buffer.from(
      (await store.get('_delta_log/00000000000000000003.json', { signal: never })) ?? [],
    ).toString();
    expect(text).toContain('"operation":"SLUICE OFFSETS"');
    for (const word of ['somebody', 'because', '\\"from\\":6', '\\"to\\":3']) expect(text).toContain(word);
  });
});

test('offsets of a table that no sink has written, and of two clusters, cannot be changed', async () => {
  const store = memoryStore();
  await createTable(store, { schema: struct([field('id', LONG)]), signal: never });
  await expect(change(store, { kind: 'reset' })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  expect(await offsetsOf(store)).toEqual([]);

  const two = await filled();
  const appId = `sluice:other:${TOPIC}@0:0`;
  await foreignCommit(two, 'X', {}, [{ kind: 'txn', txn: { appId, version: 5n } }]);
  const refused = change(two, { kind: 'reset' });
  await expect(refused).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});

test('R3: a table that holds offsets of another cluster is refused, whichever partition it is', async () => {
  const store = await filled();
  const other = settlerOf(store, {}, 'other').settler.recover([{ ...P0, partition: 4 }], never);
  await expect(other).rejects.toMatchObject({ code: 'TOPIC_REGRESSED', context: { cluster: 'test' } });
});

const orders = (offset: number, id = offset) => recordOf({ op: 'c', id, table: 'orders', offset });
const users = (offset: number, id = offset) => recordOf({ op: 'c', id, table: 'users', offset });

/** One process over real tables, from its start until its source is drained. */
function drain(
  store: ObjectStore,
  records: readonly RawRecord[],
  start: StartPolicy = 'earliest',
): Promise<RunSummary> {
  const source = arraySource([{ topic: 't', partition: 0, records, base: 0 }]);
  return deltaSink(source, { base: store, untilEnd: true, start }).done;
}

describe('through the sink', () => {
  test('R6: a topic made anew and accepted is read from its start, beside what is there; others of its tables are not guessed', async () => {
    const store = memoryStore();
    await drain(store, [orders(0), users(1), orders(2), users(3)]);
    const anew = [orders(0, 10), users(1, 11), orders(2, 12), users(3, 13), orders(4, 14)];
    expect((await drain(store, anew)).failed).toMatchObject([
      { code: 'TOPIC_REGRESSED' },
      { code: 'TOPIC_REGRESSED' },
    ]);
    await change(store.at('shop/orders'), { kind: 'accept-new-topic' });
    expect((await drain(store, anew)).failed).toMatchObject([
      { table: 'shop/users', code: 'TOPIC_REGRESSED' },
    ]);
    expect(await ids(store.at('shop/orders'))).toEqual([0, 2, 10, 12, 14]);
    expect(await ids(store.at('shop/users'))).toEqual([1, 3]);
    await change(store.at('shop/users'), { kind: 'accept-new-topic' });
    expect((await drain(store, anew)).failed).toEqual([]);
    expect(await ids(store.at('shop/users'))).toEqual([1, 3, 11, 13]);
    expect(await offsetsOf(store.at('shop/orders'))).toMatchObject([{ incarnation: 1, next: 5 }]);
    expect((await drain(store, [...anew, orders(5, 15)])).failed).toEqual([]);
    expect(await ids(store.at('shop/orders'))).toEqual([0, 2, 10, 12, 14, 15]);
  });

  test('R6: a table that is new in an accepted topic begins at its start, whatever the policy said of the old one', async () => {
    const store = memoryStore();
    await drain(store, [orders(0), orders(1), orders(2)], 'latest');
    await drain(store, [orders(0), orders(1), orders(2), orders(3)], 'latest');
    expect(await ids(store.at('shop/orders'))).toEqual([3]);
    await change(store.at('shop/orders'), { kind: 'accept-new-topic' });
    const { failed } = await drain(store, [users(0), orders(1, 11), users(2)], 'latest');
    expect(failed).toEqual([]);
    expect(await ids(store.at('shop/orders'))).toEqual([3, 11]);
    expect(await ids(store.at('shop/users'))).toEqual([0, 2]);
  });

  test('a table that is reset begins where the start policy put it', async () => {
    const store = memoryStore();
    const records = [orders(0), orders(1), orders(2), orders(3)];
    await drain(store, records.slice(0, 2), 'latest');
    await drain(store, records, 'latest');
    expect(await change(store.at('shop/orders'), { kind: 'reset' })).toMatchObject({
      partitions: [{ from: 4, to: undefined }],
    });
    expect(await offsetsOf(store.at('shop/orders'))).toMatchObject([{ next: null }]);
    const again = await drain(store, [...records, orders(4)], 'latest');
    expect(again).toMatchObject({ failed: [], tables: [{ inserted: 1, stale: 2 }] });
    expect(await ids(store.at('shop/orders'))).toEqual([2, 3, 4]);
    expect(await offsetsOf(store.at('shop/orders'))).toMatchObject([{ next: 5 }]);
  });

  test('a topic that is made anew a second time counts on', async () => {
    const store = memoryStore();
    for (const making of [0, 1, 2]) {
      const failed = (await drain(store, [orders(0, 10 * making), orders(1, 10 * making + 1)])).failed;
      expect(failed).toEqual([]);
      await change(store.at('shop/orders'), { kind: 'accept-new-topic' });
    }
    expect(await ids(store.at('shop/orders'))).toEqual([0, 1, 10, 11, 20, 21]);
    expect(await offsetsOf(store.at('shop/orders'))).toMatchObject([{ incarnation: 3, next: 0 }]);
  });
});

describe('R13: a new epoch', () => {
  test('makes what comes from here on newer than what stands, in partitions that come up later too', async () => {
    const store = await filled();
    expect(await settle(store, sliceOf(6, [put(1, 5, 'late')]))).toEqual({ kind: 'nothing' });
    await change(store, { kind: 'accept-new-epoch' });
    await settle(store, sliceOf(6, [put(1, 5, 'newer')]));
    await settle(store, sliceOf(0, [put(2, 6, 'newer')], { partition: 3 }));
    const rows = await tableRows(store);
    expect(
      rows
        .filter(({ v }) => v === 'newer')
        .map(({ id }) => Number(id))
        .toSorted(),
    ).toEqual([1, 2]);
    await change(store, { kind: 'accept-new-epoch' });
    const domains = domainsOf(await openSnapshot(store, { signal: never }));
    expect(domains.get(`sluice.partition.${TOPIC}.0`)?.epochs).toEqual([
      { offset: 6, epoch: 1 },
      { offset: 7, epoch: 2 },
    ]);
    expect(domains.get(`sluice.partition.${TOPIC}.3`)?.epochs).toEqual([
      { offset: 0, epoch: 1 },
      { offset: 1, epoch: 2 },
    ]);
  });

  test('begins with a topic made anew where only offsets place rows, and does not where the source does', async () => {
    const store = await filled();
    await change(store, { kind: 'accept-new-topic' });
    expect(await settle(store, sliceOf(0, [put(1, 5, 'late')]))).toEqual({ kind: 'nothing' });

    const byOffset = memoryStore();
    const other = (id: number, v: string) => ({ ...put(id, 1, v), connector: 'oracle' });
    await settle(byOffset, sliceOf(0, [other(1, 'a'), other(2, 'b')]));
    await change(byOffset, { kind: 'accept-new-topic' });
    await settle(byOffset, sliceOf(0, [other(2, 'c')]));
    expect((await tableRows(byOffset)).map(({ v }) => v).toSorted()).toEqual(['a', 'c']);
  });
});

test('a change of the offsets leaves checkpoint and log as any other commit does', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2026, 0, 1, 12) });
  try {
    const store = await filled();
    const signal = never;
    await writeCheckpoint(await openSnapshot(store, { signal }), { signal, nowMs: Date.now() });
    vi.setSystemTime(Date.UTC(2026, 2, 1, 12));
    for (let version = 3; version < 10; version++) await foreignCommit(store, 'SET TBLPROPERTIES');
    expect(await change(store, { ...SET, to: 2 })).toMatchObject({ version: 10 });
    expect(await store.head(checkpointKey(10), { signal })).toBeDefined();
    expect(await store.head(commitKey(1), { signal })).toBeUndefined();
    expect(await store.head(commitKey(2), { signal })).toBeDefined();
  } finally {
    vi.useRealTimers();
  }
});
