import { describe, expect, test } from 'vitest';
import { createTable } from '../../../src/operations/create-table.js';
import { field, LONG, struct } from '../../../src/schema/build.js';
import { formatAppId } from '../../../src/sink/app-id.js';
import { deltaSink } from '../../../src/sink/delta-sink.js';
import { createTableSettler } from '../../../src/sink/settle/table-settler.js';
import type { Slice, TableSettler } from '../../../src/sink/settler.js';
import { tableDefaults } from '../../../src/sink/sink-options.js';
import { withFaults } from '../../../src/storage/faults.js';
import { memoryStore } from '../../../src/storage/memory.js';
import type { ObjectStore } from '../../../src/storage/object-store.js';
import { openSnapshot } from '../../../src/table/snapshot.js';
import { arraySource } from '../../../src/testing/array-source.js';
import { sliceOf } from '../../support/change-events.js';
import { foreignCommit } from '../../support/foreign-commits.js';
import { never, settlerOf, tableRows } from '../../support/postgres-replay.js';
import { feedErrors, rangesOf, tilingErrors } from '../../support/table-laws.js';
import { change } from '../support/world.js';

const TOPIC = 'test.public.items';
const WEEK_MS = 7 * 24 * 3_600_000;

const rows = (from: number, upTo: number, partition = 0): Slice =>
  sliceOf(
    from,
    Array.from({ length: upTo - from }, (_, at) => {
      const id = 1000 * partition + from + at;
      return { op: 'c', key: { id }, after: { id }, lsn: 100 + id } as const;
    }),
    { partition },
  );

/** The store, whose next commit waits for what others do meanwhile. */
function racing(store: ObjectStore, meanwhile: () => Promise<unknown>): ObjectStore {
  const until = async () => void (await meanwhile());
  const fault = { kind: 'delay', when: 'before', until } as const;
  return withFaults(store, [{ operation: 'putIfAbsent', key: /_delta_log\/\d{20}\.json$/, fault }]);
}

describe('R3: two workers make a table at once', () => {
  test('one of them does, the other finds what it holds, and nothing is there twice', async () => {
    const store = memoryStore();
    let waiting = 0;
    let both: () => void = () => undefined;
    const arrived = new Promise<void>((resolve) => (both = resolve));
    const start = () => {
      const until = () => {
        if (++waiting === 2) both();
        return arrived;
      };
      const fault = { kind: 'delay', when: 'before', until } as const;
      const key = /orders\/_delta_log\/0{20}\.json$/;
      const base = withFaults(store, [{ operation: 'putIfAbsent', key, fault }]);
      // Without a key no position says that a row is there already.
      const records = [0, 1, 2, 3].map((offset) => ({
        ...change({ op: 'c', id: offset, table: 'orders', offset }),
        key: null,
      }));
      const source = arraySource([{ topic: 't', partition: 0, records }]);
      return deltaSink(source, { base, untilEnd: true }).done;
    };
    const ran = await Promise.all([start(), start()]);
    expect(waiting).toBe(2);
    expect(ran.map(({ failed }) => failed)).toEqual([[], []]);
    const table = store.at('shop/orders');
    expect(await rangesOf(table)).toMatchObject([
      { version: 0, ranges: [{ topic: 't', partition: 0, base: 0, next: 4 }] },
    ]);
    expect((await tableRows(table)).map(({ id }) => Number(id)).toSorted()).toEqual([0, 1, 2, 3]);
    expect(ran.map(({ tables }) => tables[0]?.inserted).toSorted()).toEqual([0, 4]);
    expect(await feedErrors(table)).toEqual([]);
  });

  test('what only the one that came late has is brought in after it', async () => {
    const store = memoryStore();
    const late = racing(store, () => settlerOf(store).settler.settle([rows(0, 2)], never));
    const { settler } = settlerOf(late);
    expect(await settler.settle([rows(0, 5)], never)).toMatchObject({ kind: 'moved' });
    expect(await settler.settle([rows(2, 5)], never)).toMatchObject({ kind: 'committed', version: 1 });
    expect(await tilingErrors(store)).toEqual([]);
  });
});

describe('R8: a base is compared with a version at least as new', () => {
  test('a worker whose partition another had meanwhile goes on from there, and cries for no rewind', async () => {
    const store = memoryStore();
    const { settler } = settlerOf(store);
    await settler.settle([rows(0, 2)], never);
    await settlerOf(store).settler.settle([rows(2, 6)], never);
    // It was told to begin at 6 by whoever asked the table after it did.
    expect(await settler.settle([rows(6, 8)], never)).toMatchObject({ kind: 'committed', version: 2 });
    expect(await tilingErrors(store)).toEqual([]);
  });
});

/** A settler of a process whose clock stands `aheadMs` after now. */
function settlerAhead(store: ObjectStore, aheadMs: number): TableSettler {
  return createTableSettler({
    url: store.url,
    store,
    name: 'table',
    appId: (partition) => formatAppId({ identity: 'test', incarnation: 0, ...partition }),
    options: tableDefaults,
    now: () => Date.now() + aheadMs,
    random: () => 0.5,
    tell: () => undefined,
  });
}

describe('R9: a partition that has long been idle', () => {
  const both = [0, 1].map((partition) => ({ topic: TOPIC, partition }));

  async function twoPartitions(): Promise<ObjectStore> {
    const store = memoryStore();
    await settlerOf(store).settler.settle([rows(0, 2), rows(0, 2, 1)], never);
    return store;
  }

  const told = async (store: ObjectStore, version: number): Promise<readonly string[]> => {
    const name = `_delta_log/${String(version).padStart(20, '0')}.json`;
    const text = Buffer.from((await store.get(name, { signal: never })) ?? []).toString();
    return [...text.matchAll(/"appId":"[^"]*:(\d+)","version":(\d+)/g)].map(
      ([, partition, at]) => `${partition}=${at}`,
    );
  };

  test('is told again with the next commit, as it is, and accounts for no offset', async () => {
    const store = await twoPartitions();
    const settler = settlerAhead(store, WEEK_MS + 60_000);
    await settler.recover(both, never);
    await settler.settle([rows(2, 3)], never);
    expect(await told(store, 1)).toEqual(['0=3', '1=2']);
    expect(await tilingErrors(store)).toEqual([]);
  });

  test('is not while it is fresh, nor if it is not ours', async () => {
    const store = await twoPartitions();
    const fresh = settlerAhead(store, WEEK_MS - 60_000);
    await fresh.recover(both, never);
    await fresh.settle([rows(2, 3)], never);
    expect(await told(store, 1)).toEqual(['0=3']);
    const other = settlerAhead(store, WEEK_MS + 60_000);
    await other.recover([{ topic: TOPIC, partition: 0 }], never);
    await other.settle([rows(3, 4)], never);
    expect(await told(store, 2)).toEqual(['0=4']);
  });

  test('is never taken back over what its owner committed meanwhile', async () => {
    const store = await twoPartitions();
    const settler = settlerAhead(
      racing(store, () => settlerOf(store).settler.settle([rows(2, 6, 1)], never)),
      WEEK_MS + 60_000,
    );
    await settler.recover(both, never);
    expect(await settler.settle([rows(2, 3)], never)).toMatchObject({ kind: 'committed', version: 2 });
    // By this clock the owner's commit is long ago as well.
    expect(await told(store, 2)).toEqual(['0=3', '1=6']);
    expect(await tilingErrors(store)).toEqual([]);
  });

  test('a table that forgets transactions is refused before anything is read for it', async () => {
    const store = memoryStore();
    const property = 'delta.setTransactionRetentionDuration';
    await createTable(store, {
      schema: struct([field('id', LONG)]),
      properties: { [property]: 'interval 30 days' },
      signal: never,
    });
    const recovered = settlerOf(store).settler.recover(both, never);
    await expect(recovered).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await expect(recovered).rejects.toMatchObject({ hint: expect.stringContaining('UNSET TBLPROPERTIES') });
  });

  test('no commit of a sink lowers an offset, whatever comes between', async () => {
    const store = await twoPartitions();
    const behind = racing(store, () => settlerOf(store).settler.settle([rows(2, 9)], never));
    const { settler } = settlerOf(behind);
    await settler.recover(both, never);
    expect(await settler.settle([rows(2, 4)], never)).toMatchObject({ kind: 'moved' });
    const saved = racing(store, () => foreignCommit(store, 'OPTIMIZE'));
    const range = { topic: TOPIC, partition: 0, base: 2, next: 5 };
    expect(await settlerOf(saved).settler.progress([range], { signal: never })).toMatchObject({
      kind: 'moved',
    });
    const { state } = await openSnapshot(store, { signal: never });
    expect([...state.txns.values()].map(({ version }) => Number(version))).toEqual([9, 2]);
  });
});
