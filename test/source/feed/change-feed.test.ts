import * as fc from 'fast-check';
import { concatMap, firstValueFrom, map, take, tap, toArray } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { must } from '../../../src/base/errors.js';
import { isSluiceError } from '../../../src/base/errors.js';
import { never } from '../../../src/base/signals.js';
import { alterTableActions } from '../../../src/operations/alter.js';
import { append } from '../../../src/operations/append.js';
import { deleteCursor, listCursors } from '../../../src/operations/feed/cursors.js';
import { LONG, field, struct } from '../../../src/schema/build.js';
import type { ChangeBatch } from '../../../src/source/feed/change-batch.js';
import { changeFeed, type ChangeFeedOptions } from '../../../src/source/feed/change-feed.js';
import { withFaults, type FaultRule } from '../../../src/storage/faults.js';
import { memoryStore } from '../../../src/storage/memory.js';
import type { ObjectStore } from '../../../src/storage/object-store.js';
import { commitKey } from '../../../src/protocol/log-files.js';
import { openSnapshot, type Snapshot } from '../../../src/table/snapshot.js';
import { writeCheckpoint } from '../../../src/table/checkpoint.js';
import { deed, note, optimize, perform, restore } from '../../operations/histories.js';
import { appended } from '../../operations/merging.js';
import { commitActions, idV, newTable, rowsTable } from '../../operations/tables.js';

const QUICK = { minMs: 1, maxMs: 4 };

/** What a batch tells, in short: `+3=c` at version 2 with `!` where it is the last of it. */
function told(batch: ChangeBatch): string {
  const signs: Record<string, string> = {
    insert: '+',
    update_postimage: '+',
    delete: '-',
    update_preimage: '-',
  };
  const rows = batch.toRows().map((row) => `${signs[String(row['_change_type'])]}${String(row['id'])}`);
  return `${batch.version}${batch.isLast ? '!' : ''} ${rows.join(' ')}`;
}

/** All that a feed gives that ends by itself, acknowledged. */
async function drained(table: ObjectStore, options: ChangeFeedOptions): Promise<string[]> {
  const lines: string[] = [];
  for await (const batch of changeFeed(table, { follow: false, ...options })) {
    lines.push(told(batch));
    await batch.ack();
  }
  return lines;
}

async function nextOf(batches: AsyncIterator<ChangeBatch>): Promise<ChangeBatch> {
  const { value, done } = await batches.next();
  if (done === true) throw new Error('the feed has ended');
  return value;
}

async function growing(snapshot: Snapshot): Promise<Snapshot> {
  const schema = struct([...snapshot.schema.fields, field('extra', LONG)]);
  return commitActions(snapshot, 'ADD COLUMNS', () => alterTableActions(snapshot, { schema }).actions);
}

const place = async (table: ObjectStore) => (await listCursors(table))[0]?.nextVersion;

describe('changeFeed', () => {
  test('gives each version whole before the next, in several batches where it has several files', async () => {
    let snapshot = await newTable(memoryStore());
    snapshot = await perform(snapshot, { kind: 'load', files: [[1], [2, 3]] });
    snapshot = await perform(snapshot, { kind: 'merge', put: [3, 4], drop: [] });
    expect(await drained(snapshot.store, { from: { version: 0 } })).toEqual([
      '1 +1',
      '1! +2 +3',
      '2! -3 +3 +4',
    ]);
    expect(await drained(snapshot.store, { from: { version: 1 }, to: { version: 1 } })).toEqual([
      '1 +1',
      '1! +2 +3',
    ]);
    expect(await drained(snapshot.store, { from: { version: 3 } })).toEqual([]);
  });

  test('batches carry schema, version and commit time', async () => {
    const snapshot = await appended(await newTable(memoryStore()), idV([1, 'a']));
    for await (const batch of changeFeed(snapshot.store, { from: { version: 0 }, follow: false })) {
      expect(batch.toRows()).toEqual([
        {
          id: 1n,
          v: 'a',
          _change_type: 'insert',
          _commit_version: 1n,
          _commit_timestamp: batch.committedAt.toISOString().replace('Z', '000Z'),
        },
      ]);
      expect(batch.schema.fields.map(({ name }) => name)).toEqual(
        batch.rows.schema.fields.map(({ name }) => name),
      );
      const { commitTimestampMs } = await openSnapshot(snapshot.store, { signal: never });
      expect(batch.committedAt.getTime()).toBe(commitTimestampMs);
      await batch.ack();
    }
  });

  test('follows what is committed later, and lists only what is new', async () => {
    const listed: string[] = [];
    const inner = memoryStore();
    const table: ObjectStore = {
      url: inner.url,
      at: (prefix) => inner.at(prefix),
      get: (key, options) => inner.get(key, options),
      getRange: (key, start, end, options) => inner.getRange(key, start, end, options),
      put: (key, body, options) => inner.put(key, body, options),
      putIfAbsent: (key, body, options) => inner.putIfAbsent(key, body, options),
      head: (key, options) => inner.head(key, options),
      delete: (key, options) => inner.delete(key, options),
      list: (prefix, options) => {
        listed.push(options.from ?? '');
        return inner.list(prefix, options);
      },
    };
    let snapshot = await appended(await newTable(inner), idV([1, 'a']));
    const batches = changeFeed(table, { from: { version: 0 }, poll: QUICK })[Symbol.asyncIterator]();
    const seen: string[] = [];
    const first = await nextOf(batches);
    seen.push(told(first));
    await first.ack();
    listed.length = 0;
    for (const id of [2, 3, 4]) {
      snapshot = await appended(snapshot, idV([id, 'x']));
      const batch = await nextOf(batches);
      seen.push(told(batch));
      await batch.ack();
    }
    await batches.return();
    expect(seen).toEqual(['1! +1', '2! +2', '3! +3', '4! +4']);
    expect(listed.length).toBeGreaterThanOrEqual(3);
    for (const from of listed) expect(from).toMatch(/^_delta_log\/0{19}[1-3]$/);
  });

  test('asks for no batch before the last one is acknowledged', async () => {
    const snapshot = await appended(await newTable(memoryStore()), idV([1, 'a']), idV([2, 'b']));
    const batches = changeFeed(snapshot.store, { from: { version: 0 } })[Symbol.asyncIterator]();
    await nextOf(batches);
    await expect(batches.next()).rejects.toMatchObject({ code: 'USAGE', context: { version: 1 } });
    // An acknowledgement that is under way is waited for.
    const others = changeFeed(snapshot.store, { from: { version: 0 }, cursor: 'a' })[Symbol.asyncIterator]();
    const pending = (await nextOf(others)).ack();
    expect(told(await nextOf(others))).toBe('2! +2');
    await pending;
    await others.return();
  });

  test('ends by its signal, also while it waits for versions', async () => {
    const snapshot = await appended(await newTable(memoryStore()), idV([1, 'a']));
    const aborter = new AbortController();
    const seen: string[] = [];
    const run = (async () => {
      const options = {
        from: { version: 0 },
        poll: { minMs: 60_000, maxMs: 60_000 },
        signal: aborter.signal,
      };
      for await (const batch of changeFeed(snapshot.store, options)) {
        seen.push(told(batch));
        await batch.ack();
        setImmediate(() => aborter.abort(new Error('enough')));
      }
    })();
    await expect(run).rejects.toThrow('enough');
    expect(seen).toEqual(['1! +1']);
  });

  test('begins by time, and by a time that is yet to come with the next version', async () => {
    let snapshot = await appended(await newTable(memoryStore()), idV([1, 'a']));
    const at = new Date((await openSnapshot(snapshot.store, { signal: never })).commitTimestampMs);
    expect((await drained(snapshot.store, { from: { timestamp: at } })).at(-1)).toBe('1! +1');
    const later = { timestamp: new Date(at.getTime() + 3_600_000) };
    const none = drained(snapshot.store, { from: later });
    await expect(none).rejects.toMatchObject({ code: 'VERSION_NOT_FOUND', context: { latest: 1 } });
    const batches = changeFeed(snapshot.store, { from: later, poll: QUICK })[Symbol.asyncIterator]();
    const next = nextOf(batches);
    // Begun before the commit: the first look at the table has to be over.
    await new Promise((resolve) => setImmediate(resolve));
    snapshot = await appended(snapshot, idV([2, 'b']));
    const first = await next;
    expect(first.version).toBe(2);
    await first.ack();
    await batches.return();
  });

  test('wants to know where to begin, and ends not before it begins', async () => {
    const { store } = await newTable(memoryStore());
    await expect(drained(store, {})).rejects.toMatchObject({ code: 'USAGE' });
    await expect(drained(store, { cursor: 'new' })).rejects.toMatchObject({ code: 'USAGE' });
    const turned = { from: { version: 1 }, to: { version: 0 } };
    await expect(drained(store, turned)).rejects.toMatchObject({ code: 'USAGE' });
    await expect(drained(store, { ...turned, follow: true })).rejects.toMatchObject({ code: 'USAGE' });
    await expect(drained(memoryStore(), { from: { version: 0 } })).rejects.toMatchObject({
      code: 'TABLE_NOT_FOUND',
    });
    const late = { from: { version: 5 } };
    await expect(drained(store, late)).rejects.toMatchObject({
      code: 'VERSION_NOT_FOUND',
      context: { version: 5, earliest: 0, latest: 0 },
    });
  });

  test('goes on when columns are added, and ends where one is dropped until it is begun again', async () => {
    let snapshot = await appended(await newTable(memoryStore()), idV([1, 'a']));
    snapshot = await growing(snapshot);
    ({ snapshot } = await append(snapshot, [rowsTable(snapshot.schema, [[2n, 'b', 7n]])], { signal: never }));
    const mapped = alterTableActions(snapshot, {
      set: { 'delta.columnMapping.mode': 'name' },
    });
    snapshot = await commitActions(snapshot, 'SET TBLPROPERTIES', () => mapped.actions);
    const without = struct(snapshot.schema.fields.filter(({ name }) => name !== 'extra'));
    snapshot = await commitActions(
      snapshot,
      'DROP COLUMNS',
      () => alterTableActions(snapshot, { schema: without }).actions,
    );
    snapshot = await appended(snapshot, idV([3, 'c']));
    const seen: string[] = [];
    const subscribe = async (): Promise<void> => {
      const options = { from: { version: 0 }, follow: false, cursor: 'grow' };
      for await (const batch of changeFeed(snapshot.store, options)) {
        seen.push(`${told(batch)} ${batch.schema.fields.map(({ name }) => name[0]).join('')}`);
        await batch.ack();
      }
    };
    const dropped = { code: 'SCHEMA_CHANGED', context: { version: 5 } };
    await expect(subscribe()).rejects.toMatchObject(dropped);
    expect(seen).toEqual(['1! +1 iv___', '3! +2 ive___']);
    await subscribe();
    expect(seen.slice(2)).toEqual(['6! +3 iv___']);
  });

  test('tells from where on it is on, once its turn comes', async () => {
    let snapshot = await appended(await newTable(memoryStore()), idV([1, 'a']));
    const turned = async (on: string) => {
      const { actions } = alterTableActions(snapshot, { set: { 'delta.enableChangeDataFeed': on } });
      snapshot = await commitActions(snapshot, 'SET TBLPROPERTIES', () => actions);
    };
    await turned('false');
    snapshot = await appended(snapshot, idV([2, 'b']));
    await turned('true');
    snapshot = await appended(snapshot, idV([3, 'c']));
    const seen: string[] = [];
    const failure = await (async () => {
      for await (const batch of changeFeed(snapshot.store, { from: { version: 0 }, follow: false })) {
        seen.push(told(batch));
        await batch.ack();
      }
    })().catch((cause: unknown) => cause);
    expect(seen).toEqual(['1! +1']);
    expect(failure).toMatchObject({
      code: 'FEED_UNAVAILABLE',
      context: { version: 2, earliest: 4, latest: 5 },
    });
    expect(await drained(snapshot.store, { from: { version: 4 } })).toEqual(['5! +3']);
  });
});

describe('changeFeed as an Observable', () => {
  test('pushes a batch once the one before is acknowledged', async () => {
    const snapshot = await appended(
      await newTable(memoryStore()),
      idV([1, 'a']),
      idV([2, 'b']),
      idV([3, 'c']),
    );
    let out = 0;
    let most = 0;
    const lines = await firstValueFrom(
      changeFeed(snapshot.store, { from: { version: 0 }, follow: false })
        .asObservable()
        .pipe(
          tap(() => {
            out++;
            most = Math.max(most, out);
          }),
          concatMap(async (batch) => {
            await new Promise((resolve) => setImmediate(resolve));
            out--;
            await batch.ack();
            return told(batch);
          }),
          toArray(),
        ),
    );
    expect(lines).toEqual(['1! +1', '2! +2', '3! +3']);
    expect(most).toBe(1);
  });

  test('an acknowledgement counts also after the subscriber has left', async () => {
    const snapshot = await appended(await newTable(memoryStore()), idV([1, 'a']), idV([2, 'b']));
    const feed = changeFeed(snapshot.store, { from: { version: 0 }, cursor: 'one' });
    const batch = await firstValueFrom(feed.asObservable().pipe(take(1)));
    expect(await place(snapshot.store)).toBeUndefined();
    await batch.ack();
    expect(await place(snapshot.store)).toBe(2);
    // The same feed can be subscribed to again, and begins where the cursor stands.
    const again = feed.asObservable().pipe(take(1), map(told));
    expect(await firstValueFrom(again)).toBe('2! +2');
  });

  test('fails by the signal also while a batch is out, and with what the feed fails with', async () => {
    const snapshot = await appended(await newTable(memoryStore()), idV([1, 'a']));
    const aborter = new AbortController();
    const feed = changeFeed(snapshot.store, { from: { version: 0 }, signal: aborter.signal });
    const failure = await new Promise((resolve) => {
      feed.asObservable().subscribe({ next: () => aborter.abort(new Error('enough')), error: resolve });
    });
    expect(failure).toMatchObject({ message: 'enough' });
    const nowhere = firstValueFrom(changeFeed(memoryStore(), { from: { version: 0 } }).asObservable());
    await expect(nowhere).rejects.toMatchObject({ code: 'TABLE_NOT_FOUND' });
  });
});

describe('a named cursor', () => {
  test('moves with the last batch of a version, and not with one before', async () => {
    let snapshot = await newTable(memoryStore());
    snapshot = await perform(snapshot, { kind: 'load', files: [[1], [2]] });
    const { store } = snapshot;
    const batches = changeFeed(store, { from: { version: 0 }, cursor: 'c' })[Symbol.asyncIterator]();
    await (await nextOf(batches)).ack();
    expect(await place(store)).toBeUndefined();
    await batches.return();
    expect(await drained(store, { cursor: 'c', from: { version: 1 } })).toEqual(['1 +1', '1! +2']);
    expect(await place(store)).toBe(2);
    expect(await drained(store, { cursor: 'c' })).toEqual([]);
  });

  test('moves over versions without rows, foreign OPTIMIZE and RESTORE among them', async () => {
    let snapshot = await appended(await newTable(memoryStore()), idV([1, 'a']), idV([2, 'b']));
    const { store } = snapshot;
    expect(await drained(store, { from: { version: 0 }, cursor: 'c' })).toEqual(['1! +1', '2! +2']);
    snapshot = await optimize(snapshot);
    snapshot = await note(snapshot);
    expect(await drained(store, { cursor: 'c' })).toEqual([]);
    expect(await place(store)).toBe(5);
    snapshot = await restore(snapshot, 1);
    expect(await drained(store, { cursor: 'c' })).toEqual(['5 -1 -2', '5! +1']);
    expect(await place(store)).toBe(6);
  });

  test('is not shared: of two subscribers the one who acknowledges second is told', async () => {
    const snapshot = await appended(await newTable(memoryStore()), idV([1, 'a']), idV([2, 'b']));
    const options = { from: { version: 0 }, cursor: 'c' };
    const one = changeFeed(snapshot.store, options)[Symbol.asyncIterator]();
    const two = changeFeed(snapshot.store, options)[Symbol.asyncIterator]();
    const [first, second] = [await nextOf(one), await nextOf(two)];
    await first.ack();
    await expect(second.ack()).rejects.toMatchObject({ code: 'CURSOR_CONFLICT', context: { cursor: 'c' } });
    await (await nextOf(one)).ack();
    expect(await place(snapshot.store)).toBe(3);
    await Promise.all([one.return(), two.return()]);
  });

  test('of another table in the same place is refused, and so is one beyond the table’s end', async () => {
    const inner = memoryStore();
    const elsewhere = memoryStore();
    const options = { from: { version: 0 }, cursor: 'c', cursorStore: elsewhere };
    await appended(await newTable(inner), idV([1, 'a']), idV([2, 'b']));
    await drained(inner, options);
    // An older copy of the same table is put back.
    const last = must(await inner.get(commitKey(2), { signal: never }), 'the last commit');
    await inner.delete(commitKey(2), { signal: never });
    await expect(drained(inner, options)).rejects.toMatchObject({
      code: 'TABLE_REWOUND',
      context: { nextVersion: 3, latest: 1 },
    });
    await inner.put(commitKey(2), last, { signal: never });
    expect(await drained(inner, options)).toEqual([]);
    const other = await appended(await newTable(memoryStore()), idV([1, 'a']), idV([2, 'b']), idV([3, 'c']));
    await expect(drained(other.store, options)).rejects.toMatchObject({ code: 'TABLE_REPLACED' });
  });

  test('below what the log still holds is refused with what can be read', async () => {
    let snapshot = await appended(await newTable(memoryStore()), idV([1, 'a']));
    const { store } = snapshot;
    await drained(store, { from: { version: 0 }, cursor: 'c' });
    snapshot = await appended(snapshot, idV([2, 'b']), idV([3, 'c']), idV([4, 'd']));
    await writeCheckpoint(await openSnapshot(store, { signal: never, version: 3 }), {
      signal: never,
      nowMs: Date.now(),
    });
    for (const version of [0, 1, 2]) await store.delete(commitKey(version), { signal: never });
    const failure = await drained(store, { cursor: 'c' }).catch((cause: unknown) => cause);
    expect(failure).toMatchObject({
      code: 'CURSOR_EXPIRED',
      context: { cursor: 'c', nextVersion: 2, earliest: 3, latest: 4 },
    });
    expect(isSluiceError(failure) && failure.hint).toMatch(/delete the cursor.*begin at version 5/);
    await deleteCursor(store, 'c');
    expect(await drained(store, { from: { version: 3 }, cursor: 'c' })).toEqual(['3! +3', '4! +4']);
  });

  test('a table that is dropped and made anew under a follower is told from the one it followed', async () => {
    const store = memoryStore();
    await appended(await newTable(store), idV([1, 'a']));
    const batches = changeFeed(store, { from: { version: 0 }, poll: QUICK })[Symbol.asyncIterator]();
    await (await nextOf(batches)).ack();
    const waiting = batches.next();
    for await (const { key } of store.list('', { signal: never })) await store.delete(key, { signal: never });
    const failure = await Promise.race([
      waiting,
      appended(await newTable(store), idV([1, 'a']), idV([9, 'z'])).then(() => waiting),
    ]).catch((cause: unknown) => cause);
    // Whichever it is found as: gone for a moment, shorter, or another.
    expect(['TABLE_NOT_FOUND', 'TABLE_REPLACED']).toContain(isSluiceError(failure) ? failure.code : failure);
  });
});

describe('a subscriber that dies again and again', () => {
  type Life = {
    /** Dies before it acknowledges its nth batch. */
    readonly batches: number;
    /** Or by what befalls the store of its cursor. */
    readonly fault: FaultRule;
  };
  const fault: fc.Arbitrary<FaultRule> = fc.record({
    operation: fc.constantFrom('get', 'put', 'putIfAbsent', 'list', 'delete'),
    key: fc.constant(/^c/),
    nth: fc.integer({ min: 1, max: 12 }),
    times: fc.integer({ min: 1, max: 3 }),
    fault: fc.constantFrom(
      { kind: 'lost-answer', landed: true },
      { kind: 'lost-answer', landed: false },
      { kind: 'fails', code: 'STORE_UNAVAILABLE' },
    ),
  });
  const life: fc.Arbitrary<Life> = fc.record({ batches: fc.integer({ min: 1, max: 6 }), fault });

  test('sees every version whole at least once, in order, and none is left out', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(deed, { minLength: 1, maxLength: 6 }),
        fc.array(fc.tuple(life, fc.option(deed, { nil: undefined })), { maxLength: 6 }),
        async (deeds, lives) => {
          let snapshot = await newTable(memoryStore());
          for (const one of deeds) snapshot = await perform(snapshot, one);
          const { store } = snapshot;
          const cursors = memoryStore();
          const options = { from: { version: 0 }, cursor: 'c', follow: false };
          const whole = new Map<number, string[]>();
          let reached = 0;
          /** One life of the subscriber; the versions that it was given must follow those that were seen whole. */
          const live = async ({ batches, fault: rule }: Life): Promise<void> => {
            let left = batches;
            let lines: string[] = [];
            let last: number | undefined;
            const cursorStore = withFaults(cursors, [rule]);
            for await (const batch of changeFeed(store, { ...options, cursorStore })) {
              if (last === undefined) {
                // What lies between has no rows, or was seen whole in a life before.
                for (let version = batch.version - 1; version > reached; version--) {
                  expect(await drained(store, { from: { version }, to: { version } })).toEqual([]);
                }
              } else expect(batch.version).toBeGreaterThanOrEqual(last);
              if (batch.version !== last) lines = [];
              last = batch.version;
              lines.push(told(batch));
              if (batch.isLast) {
                whole.set(batch.version, lines);
                reached = Math.max(reached, batch.version);
              }
              if (--left === 0) return;
              await batch.ack();
            }
          };
          for (const [one, grown] of lives) {
            await live(one).catch((cause: unknown) => {
              if (!isSluiceError(cause, 'STORE_UNAVAILABLE')) throw cause;
            });
            if (grown !== undefined) snapshot = await perform(snapshot, grown);
          }
          await live({
            batches: Infinity,
            fault: { operation: 'head', fault: { kind: 'fails', code: 'STORE_FULL' } },
          });
          const seen = [...whole].sort(([a], [b]) => a - b).flatMap(([, lines]) => lines);
          expect(seen).toEqual(await drained(store, { from: { version: 0 } }));
          expect((await listCursors(store, { cursorStore: cursors }))[0]?.nextVersion).toBe(
            snapshot.version + 1,
          );
        },
      ),
      { numRuns: 60 },
    );
  });
});
