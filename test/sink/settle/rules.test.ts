import { describe, expect, test } from 'vitest';
import { must } from '../../../src/base/errors.js';
import { append } from '../../../src/operations/append.js';
import { readChanges } from '../../../src/operations/change-feed.js';
import { KeySetBuilder } from '../../../src/operations/merge/key-set.js';
import { locateRows } from '../../../src/operations/merge/locate.js';
import { readRows } from '../../../src/operations/merge/read-rows.js';
import { stageRowChanges } from '../../../src/operations/merge/stage.js';
import type { AddFile } from '../../../src/protocol/actions.js';
import { removalOf } from '../../../src/protocol/file-actions.js';
import { decodePath } from '../../../src/protocol/path.js';
import { LONG, field } from '../../../src/schema/build.js';
import type { Settled, TableOptions } from '../../../src/sink/settler.js';
import { withFaults } from '../../../src/storage/faults.js';
import { memoryStore } from '../../../src/storage/memory.js';
import type { ObjectStore } from '../../../src/storage/object-store.js';
import { writeDataFiles } from '../../../src/table/data-files.js';
import { readCommit } from '../../../src/table/log.js';
import { scan } from '../../../src/table/scan.js';
import { openSnapshot } from '../../../src/table/snapshot.js';
import { commitActions, mustCommit, rowsTable } from '../../operations/tables.js';
import { sliceOf, UNAVAILABLE, type EventText } from '../../support/change-events.js';
import { never, settlerOf, tableRows } from '../../support/postgres-replay.js';
import { feedErrors, tilingErrors } from '../../support/table-laws.js';

const TOPIC = 'test.public.items';

const put = (op: 'c' | 'u' | 'r', id: number, v: string, lsn: number): EventText => ({
  op,
  key: { id },
  after: { id, v },
  lsn,
});
const remove = (id: number, lsn: number): EventText => ({
  op: 'd',
  key: { id },
  before: { id, v: null },
  lsn,
});

/** A table that one settler has filled, with a hook that runs just before that settler's next commit is put. */
class Filled {
  readonly store: ObjectStore;
  readonly #options: Partial<TableOptions>;
  #next = 0;

  private constructor(store: ObjectStore, options: Partial<TableOptions>) {
    this.store = store;
    this.#options = options;
  }

  static async with(events: readonly EventText[], options: Partial<TableOptions> = {}): Promise<Filled> {
    const filled = new Filled(memoryStore(), options);
    await filled.settle(events);
    return filled;
  }

  /** Settles in a process of its own; `before` is what others do between its plan and its commit. */
  async settle(events: readonly EventText[], before?: () => Promise<unknown>): Promise<Settled> {
    const rule = {
      operation: 'putIfAbsent',
      key: /_delta_log\/\d{20}\.json$/,
      fault: { kind: 'delay', when: 'before', until: async () => void (await before?.()) },
    } as const;
    const { settler } = settlerOf(withFaults(this.store, before === undefined ? [] : [rule]), this.#options);
    const slice = sliceOf(this.#next, events);
    await settler.recover([{ topic: TOPIC, partition: 0 }], never);
    const outcome = await settler.settle([slice], never);
    this.#next += events.length;
    return outcome;
  }

  /** The rows as `id=v`, sorted, once feed, ranges and rows are seen to agree. */
  async rows(): Promise<readonly string[]> {
    expect(await feedErrors(this.store)).toEqual([]);
    expect(await tilingErrors(this.store)).toEqual([]);
    const rows = await tableRows(this.store);
    return rows.map(({ id, v }) => `${String(id)}=${String(v)}`).toSorted();
  }

  async actionsAt(version: number): Promise<readonly string[]> {
    const { actions } = must(await readCommit(this.store, version, { signal: never }), 'commit');
    return actions.map(({ kind }) => kind);
  }

  /** Another engine deletes a row, without a change file if that can be. */
  async deleted(id: number): Promise<void> {
    const snapshot = await openSnapshot(this.store, { signal: never });
    const keys = new KeySetBuilder([field('id', LONG)]);
    keys.add(String(id), [BigInt(id)]);
    const removed = await locateRows(snapshot, { keyColumns: ['id'], keys, signal: never });
    expect(removed.count).toBe(1);
    const staged = await stageRowChanges({
      snapshot,
      removed,
      counts: { source: 1, inserted: 0, updated: 0, deleted: 1 },
      // Rows that are copied to another file would be inserts to a reader of the feed.
      changes: { deleted: await readRows(snapshot, removed, { signal: never }) },
      strategy: this.#options.mergeStrategy ?? 'merge-on-read',
      signal: never,
    });
    await mustCommit(snapshot, staged);
  }

  /** Another engine appends a row that no position is known of. */
  async appended(id: number, v: string): Promise<void> {
    const snapshot = await openSnapshot(this.store, { signal: never });
    const values = snapshot.schema.fields.map(({ name }) =>
      name === 'id' ? BigInt(id) : name === 'v' ? v : null,
    );
    await append(snapshot, [rowsTable(snapshot.schema, [values])], { signal: never });
  }

  /** Another engine moves all rows into new files. */
  async compacted(): Promise<void> {
    const snapshot = await openSnapshot(this.store, { signal: never });
    const { layout } = snapshot;
    const added: AddFile[] = [];
    for await (const rows of scan(snapshot, { signal: never })) {
      added.push(...(await writeDataFiles(this.store, rows, { layout, signal: never, dataChange: false })));
    }
    await commitActions(snapshot, 'OPTIMIZE', (deletionTimestamp) => [
      ...[...snapshot.files].map((add) => ({
        kind: 'remove' as const,
        remove: removalOf(add, { deletionTimestamp, dataChange: false }),
      })),
      ...added.map((add) => ({ kind: 'add' as const, add })),
    ]);
  }

  /** Another engine puts the rows of a version back, one by one as it were. */
  async revived(version: number): Promise<void> {
    const snapshot = await openSnapshot(this.store, { signal: never });
    const old = await openSnapshot(this.store, { version, signal: never });
    await commitActions(snapshot, 'MERGE', (deletionTimestamp) => [
      ...[...snapshot.files].map((add) => ({
        kind: 'remove' as const,
        remove: removalOf(add, { deletionTimestamp, dataChange: true }),
      })),
      ...[...old.files].map((add) => ({ kind: 'add' as const, add: { ...add, dataChange: true } })),
    ]);
  }
}

const THREE = [put('c', 1, 'a', 10), put('c', 2, 'b', 11), put('c', 3, 'c', 12)];

describe.each(['merge-on-read', 'copy-on-write'] as const)(
  'another engine commits first, %s',
  (mergeStrategy) => {
    test('R25: a row that it deleted stays deleted, beside the changes of ours', async () => {
      const table = await Filled.with(THREE, { mergeStrategy });
      const outcome = await table.settle([put('u', 1, 'A', 20)], () => table.deleted(2));
      expect(outcome).toMatchObject({ kind: 'committed', metrics: { updated: 1 } });
      expect(await table.rows()).toEqual(['1=A', '3=c']);
    });

    test('R25, R28: an update whose row it deleted becomes an insert, and the feed says so', async () => {
      const table = await Filled.with(THREE, { mergeStrategy });
      const outcome = await table.settle([put('u', 1, 'A', 20)], () => table.deleted(1));
      expect(outcome).toMatchObject({ kind: 'committed', metrics: { inserted: 1, updated: 0 } });
      expect(await table.rows()).toEqual(['1=A', '2=b', '3=c']);
    });

    test('R25: rows that it brought back are not deleted a second time', async () => {
      const table = await Filled.with(THREE, { mergeStrategy });
      await table.settle([remove(3, 15)]);
      const outcome = await table.settle([put('u', 1, 'A', 20)], () => table.revived(0));
      expect(outcome).toMatchObject({ kind: 'committed', metrics: { updated: 1 } });
      expect(await table.rows()).toEqual(['1=A', '2=b', '3=c']);
    });

    test('R25: rows that it moved to another file are found there', async () => {
      const table = await Filled.with(THREE, { mergeStrategy });
      const outcome = await table.settle([put('u', 1, 'A', 20), remove(2, 21)], () => table.compacted());
      expect(outcome).toMatchObject({ kind: 'committed', metrics: { updated: 1, deleted: 1 } });
      expect(await table.rows()).toEqual(['1=A', '3=c']);
    });

    test('R28: an insert whose key it has put in becomes an update, with a change file for all of the commit', async () => {
      const table = await Filled.with(THREE, { mergeStrategy });
      const batch = [put('c', 8, 'h', 20), put('c', 9, 'i', 21)];
      const outcome = await table.settle(batch, () => table.appended(9, 'foreign'));
      expect(outcome).toMatchObject({ kind: 'committed', metrics: { inserted: 1, updated: 1 } });
      expect(await table.actionsAt(2)).toContain('cdc');
      expect(await table.rows()).toEqual(['1=a', '2=b', '3=c', '8=h', '9=i']);
    });

    test('R28: plain inserts that it does not concern are carried over it and stay without a change file', async () => {
      const table = await Filled.with(THREE, { mergeStrategy });
      const outcome = await table.settle([put('c', 9, 'i', 20)], () => table.appended(7, 'foreign'));
      expect(outcome).toMatchObject({ kind: 'committed', metrics: { inserted: 1 } });
      expect(await table.actionsAt(2)).not.toContain('cdc');
      expect(await table.rows()).toEqual(['1=a', '2=b', '3=c', '7=foreign', '9=i']);
    });
  },
);

describe('another worker commits first', () => {
  test('R14: the truncate of another partition makes what was planned below it stale', async () => {
    const table = await Filled.with(THREE);
    const other = settlerOf(table.store).settler;
    const truncated = () => other.settle([sliceOf(0, [{ op: 't', lsn: 30 }], { partition: 1 })], never);
    const outcome = await table.settle([put('c', 4, 'below', 25), put('c', 5, 'above', 35)], truncated);
    expect(outcome).toMatchObject({ kind: 'committed', metrics: { inserted: 1, stale: 1 } });
    expect(await table.rows()).toEqual(['5=above']);
  });

  test('another partition that merely moves on is no reason to plan anew', async () => {
    const table = await Filled.with(THREE);
    const other = settlerOf(table.store).settler;
    const moves = () => other.settle([sliceOf(0, [put('c', 8, 'h', 30)], { partition: 1 })], never);
    const outcome = await table.settle([put('u', 1, 'A', 25)], moves);
    // The same files at the second version; a new plan would have begun to count again.
    expect(outcome).toMatchObject({ kind: 'committed', metrics: { updated: 1, attempts: 2 } });
    expect(await table.rows()).toEqual(['1=A', '2=b', '3=c', '8=h']);
  });

  test('R8: a base that is newer than the remembered snapshot makes it look again, and is no rewinding', async () => {
    const table = await Filled.with([]);
    const first = settlerOf(table.store).settler;
    await first.settle([sliceOf(0, THREE)], never);
    await settlerOf(table.store).settler.settle([sliceOf(3, [put('c', 4, 'd', 13)])], never);
    const outcome = await first.settle([sliceOf(4, [put('c', 5, 'e', 14)])], never);
    expect(outcome).toMatchObject({ kind: 'committed', metrics: { inserted: 1 } });
    expect(await table.rows()).toEqual(['1=a', '2=b', '3=c', '4=d', '5=e']);
  });

  test('the same offsets while ours were planned are not applied again', async () => {
    const table = await Filled.with(THREE);
    const same = [put('u', 1, 'A', 20), put('c', 4, 'd', 21)];
    const zombie = settlerOf(table.store).settler;
    const outcome = await table.settle(same, () => zombie.settle([sliceOf(3, same)], never));
    expect(outcome).toEqual({ kind: 'moved', at: new Map([[`${TOPIC}:0`, 5]]) });
    expect(await table.rows()).toEqual(['1=A', '2=b', '3=c', '4=d']);
  });
});

test('the same offsets of a table without a key, put in by another worker first, are not put in again', async () => {
  const row = (id: number): EventText => ({ op: 'c', key: null, after: { id, v: 'x' }, lsn: 10 + id });
  const table = await Filled.with([row(1)]);
  const zombie = settlerOf(table.store).settler;
  const same = [row(2), row(3)];
  const outcome = await table.settle(same, () => zombie.settle([sliceOf(1, same)], never));
  expect(outcome).toEqual({ kind: 'moved', at: new Map([[`${TOPIC}:0`, 3]]) });
  expect(await table.rows()).toEqual(['1=x', '2=x', '3=x']);
});

describe('what a table remembers', () => {
  test('R12: a change that was streamed before the snapshot read its row wins over it, whatever its LSN', async () => {
    const table = await Filled.with([put('c', 2, 'b', 100)]);
    const snapshotEvent = {
      key: { id: 1 },
      raw: JSON.stringify({
        before: null,
        after: { id: 1, v: 'as of the snapshot' },
        source: {
          connector: 'postgresql',
          name: 'test',
          snapshot: 'true',
          db: 'shop',
          schema: 'public',
          table: 'items',
          lsn: 100,
          ts_ms: 1,
        },
        op: 'r',
        ts_ms: 1,
      }),
    };
    const { settler } = settlerOf(table.store);
    await settler.settle([sliceOf(1, [snapshotEvent])], never);
    await settler.settle([sliceOf(2, [put('u', 1, 'streamed', 90)])], never);
    expect(await table.rows()).toEqual(['1=streamed', '2=b']);
  });

  test('R15: rows past the floor of a truncate stay, its commit has no change file, and the feed adds up', async () => {
    const table = await Filled.with(THREE);
    const other = settlerOf(table.store).settler;
    await other.settle([sliceOf(0, [put('c', 9, 'later', 40)], { partition: 1 })], never);
    const outcome = await table.settle([put('u', 1, 'A', 15), { op: 't', lsn: 30 }, put('c', 1, 'anew', 50)]);
    expect(outcome).toMatchObject({ kind: 'committed' });
    expect(await table.rows()).toEqual(['1=anew', '9=later']);
    const kinds = await table.actionsAt(3);
    expect(kinds).toContain('remove');
    expect(kinds).not.toContain('cdc');
  });

  test('R14: the floor outlives the process: what is delivered again below it stays dead, what is above it comes', async () => {
    const table = await Filled.with([...THREE, { op: 't', lsn: 30 }]);
    const again = await table.settle([...THREE, put('c', 4, 'd', 29), put('c', 5, 'e', 31)]);
    expect(again).toMatchObject({ kind: 'committed', metrics: { inserted: 1, stale: 4 } });
    expect(await table.rows()).toEqual(['5=e']);
  });

  test('R16: the image that a key change leaves is a file that the commit names; its value outlives the row and its file', async () => {
    const table = await Filled.with([put('c', 1, 'long text', 10), put('c', 9, 'other', 11)]);
    const key = { id: 2 };
    const leaves: EventText = { ...remove(1, 20), newKey: key };
    const before = await openSnapshot(table.store, { signal: never });
    await table.settle([leaves]);
    const images = [];
    for await (const { key: file } of table.store.list('_sluice/memory/', { signal: never }))
      images.push(file);
    expect(images).toHaveLength(1);
    const after = await openSnapshot(table.store, { signal: never });
    expect(after.domain(`sluice.partition.${TOPIC}.0`)).toContain(images[0]);

    // The row's key is taken again, and VACUUM takes the file in which the row was.
    await table.settle([put('c', 1, 'another row', 25)]);
    await table.compacted();
    for (const { path } of before.files) await table.store.delete(decodePath(path), { signal: never });
    const arrives: EventText = { ...put('c', 2, UNAVAILABLE, 20), oldKey: { id: 1 } };
    expect(await table.settle([arrives])).toMatchObject({ kind: 'committed', metrics: { inserted: 1 } });
    expect((await tableRows(table.store)).find(({ id }) => id === 2n)).toMatchObject({ v: 'long text' });
  });

  test('R27: the feed tells the row that stood, whatever the event says was before', async () => {
    const table = await Filled.with([put('c', 1, 'stood', 10), put('c', 2, 'stays', 11)]);
    const lies: EventText = { ...put('u', 1, 'new', 20), before: { id: 1, v: 'never was' } };
    await table.settle([lies, { ...remove(2, 21), before: { id: 2, v: 'never was' } }]);
    const told: string[] = [];
    for await (const batch of readChanges(table.store, { from: 1, signal: never })) {
      for (const row of batch) told.push(`${row?.['_change_type']} ${row?.['v']}`);
    }
    expect(told.toSorted()).toEqual(['delete stays', 'update_postimage new', 'update_preimage stood']);
    expect(await table.rows()).toEqual(['1=new']);
  });

  test('R22: what is delivered again changes neither rows nor feed', async () => {
    const history = [...THREE, put('u', 1, 'A', 20), put('u', 2, 'B', 21)];
    const table = await Filled.with(history);
    const { version } = await openSnapshot(table.store, { signal: never });
    expect(await table.settle(history)).toEqual({ kind: 'nothing' });
    expect((await openSnapshot(table.store, { signal: never })).version).toBe(version);
  });

  test('R22: delete and create of a swapped key at one position both apply, in two batches too', async () => {
    const table = await Filled.with([put('c', 1, 'a', 10), put('c', 2, 'b', 11)]);
    await table.settle([
      { ...remove(1, 20), newKey: { id: 2 } },
      { ...remove(2, 20), newKey: { id: 1 } },
    ]);
    await table.settle([
      { ...put('c', 2, UNAVAILABLE, 20), oldKey: { id: 1 } },
      { ...put('c', 1, UNAVAILABLE, 20), oldKey: { id: 2 } },
    ]);
    expect(await table.rows()).toEqual(['1=b', '2=a']);
  });

  test('R23, R24: what is delivered again of a row that is gone does nothing, its value missing or not', async () => {
    const gone = [put('c', 1, 'a', 10), put('u', 1, UNAVAILABLE, 12), remove(1, 14)];
    const table = await Filled.with([...gone, put('c', 2, 'b', 15)]);
    expect(await table.settle(gone.slice(1, 2))).toEqual({ kind: 'nothing' });
    await table.settle(gone);
    expect(await table.rows()).toEqual(['2=b']);
  });

  test('R23: an update without its value, of a row that nobody remembers, is null, counted, and no failure', async () => {
    const table = await Filled.with([put('c', 2, 'b', 15)]);
    const lost = await table.settle([put('u', 1, UNAVAILABLE, 12)]);
    expect(lost).toMatchObject({ kind: 'committed', metrics: { inserted: 1, ignored: 1 } });
    expect(await table.rows()).toEqual(['1=null', '2=b']);
  });
});
