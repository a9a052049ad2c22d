import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { never } from '../../src/base/signals.js';
import { cleanLogAfter, passedText, type PassedCursors } from '../../src/operations/clean-log.js';
import { CURSORS_FOLDER, cursorKey } from '../../src/operations/feed/cursor.js';
import { formatCursor } from '../../src/operations/feed/cursor-record.js';
import { restoreTable } from '../../src/operations/restore.js';
import { checkpointKey, checksumKey, commitKey } from '../../src/protocol/log-files.js';
import { memoryStore } from '../../src/storage/memory.js';
import type { ObjectStore } from '../../src/storage/object-store.js';
import { writeCheckpoint } from '../../src/table/checkpoint.js';
import { openSnapshot } from '../../src/table/snapshot.js';
import { appended } from './merging.js';
import { idV, newTable } from './tables.js';

const signal = never;
const DAY = 86_400_000;
const START = Date.UTC(2026, 0, 1, 12);
const WRITTEN = { kind: 'written', version: 0 } as const;

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: START }));
afterEach(() => void vi.useRealTimers());

/** A table of one commit a day at noon, from day 0 on, with a checkpoint at each version given. */
async function daily(
  store: ObjectStore,
  days: number,
  checkpoints: readonly number[],
  properties: Readonly<Record<string, string>> = {},
): Promise<void> {
  const wide = { 'delta.checkpointInterval': '1000', ...properties };
  let snapshot = await newTable(store, { properties: wide });
  for (let day = 1; day < days; day++) {
    vi.setSystemTime(START + day * DAY);
    snapshot = await appended(snapshot, idV([day, 'x']));
    if (checkpoints.includes(day)) await writeCheckpoint(snapshot, { signal, nowMs: Date.now() });
  }
}

async function clean(store: ObjectStore, day: number, passed: PassedCursors[] = []): Promise<unknown> {
  const nowMs = START + day * DAY;
  vi.setSystemTime(nowMs);
  const snapshot = await openSnapshot(store, { signal });
  return cleanLogAfter(snapshot, WRITTEN, { signal, nowMs, warn: (one) => passed.push(one) });
}

async function versions(store: ObjectStore): Promise<number[]> {
  const found: number[] = [];
  for await (const { key } of store.list('_delta_log/', { signal })) {
    const version = /(\d{20})\.json$/.exec(key)?.[1];
    if (version !== undefined) found.push(Number(version));
  }
  return found;
}

describe('the log', () => {
  test('is cleaned up to the newest checkpoint that the retention no longer needs, and loads as before', async () => {
    const store = memoryStore();
    await daily(store, 45, [5, 10, 20, 40]);
    const before = await openSnapshot(store, { signal });
    // On day 44 the retention of 30 days begins at midnight of day 14: commit 13 is the last before it.
    expect(await clean(store, 44)).toMatchObject({ kind: 'cleaned', keepFrom: 10 });
    expect((await versions(store))[0]).toBe(10);
    expect(await store.head(checksumKey(9), { signal })).toBeUndefined();
    expect(await store.head(checksumKey(10), { signal })).toBeDefined();
    expect((await openSnapshot(store, { signal })).files.size).toBe(before.files.size);
    expect((await openSnapshot(store, { signal, version: 11 })).version).toBe(11);
    await expect(openSnapshot(store, { signal, version: 9 })).rejects.toMatchObject({
      code: 'VERSION_NOT_FOUND',
      context: { earliest: 10 },
    });
    expect(await clean(store, 44)).toEqual({ kind: 'nothing' });
  });

  test('is cleaned up by whole days: nothing goes at another hour of the same day', async () => {
    const store = memoryStore();
    await daily(store, 45, [13, 14]);
    expect(await clean(store, 44)).toMatchObject({ keepFrom: 13 });
    expect(await clean(store, 44.49)).toEqual({ kind: 'nothing' });
    expect(await clean(store, 45)).toMatchObject({ keepFrom: 14 });
  });

  test('stays where no checkpoint covers it, where the table says so, and where it is young', async () => {
    const uncovered = memoryStore();
    await daily(uncovered, 45, [20]);
    expect(await clean(uncovered, 44)).toEqual({ kind: 'nothing' });
    const kept = memoryStore();
    await daily(kept, 45, [5], { 'delta.enableExpiredLogCleanup': 'false' });
    expect(await clean(kept, 44)).toEqual({ kind: 'nothing' });
    const long = memoryStore();
    await daily(long, 45, [5], { 'delta.logRetentionDuration': 'interval 60 days' });
    expect(await clean(long, 44)).toEqual({ kind: 'nothing' });
    expect(await versions(long)).toHaveLength(45);
  });

  test('is not cleaned past a checkpoint of which a part is missing', async () => {
    const store = memoryStore();
    await daily(store, 45, [5, 10]);
    const key = '_delta_log/00000000000000000010.checkpoint.parquet';
    await store.put(
      key.replace('parquet', '0000000001.0000000002.parquet'),
      (await store.get(key, { signal })) ?? new Uint8Array(),
      { signal },
    );
    await store.delete(key, { signal });
    expect(await clean(store, 44)).toMatchObject({ keepFrom: 5 });
  });

  test('a named cursor that is passed is told before anything goes', async () => {
    const store = memoryStore();
    await daily(store, 45, [10]);
    for (const [name, nextVersion] of [
      ['behind', 4],
      ['abreast', 13],
    ] as const) {
      const record = { name, nextVersion, tableId: 't', updatedAt: '', generation: 1, subscription: 's' };
      const body = new TextEncoder().encode(formatCursor(record));
      await store.at(CURSORS_FOLDER).put(cursorKey(name), body, { signal });
    }
    const passed: PassedCursors[] = [];
    let there: Uint8Array | undefined;
    const nowMs = START + 44 * DAY;
    const warn = (one: PassedCursors): void => {
      passed.push(one);
      void store.get(commitKey(0), { signal }).then((body) => (there = body));
    };
    await cleanLogAfter(await openSnapshot(store, { signal }), WRITTEN, { signal, nowMs, warn });
    expect(there).toBeDefined();
    expect(passed).toHaveLength(1);
    const [one] = passed;
    expect(one?.cursors.map(({ name, nextVersion }) => [name, nextVersion])).toEqual([['behind', 4]]);
    expect(one === undefined ? '' : passedText(one)).toContain('behind (at version 4)');
  });

  test('sidecars that no checkpoint names any more go a day later', async () => {
    const store = memoryStore();
    await daily(store, 45, [10]);
    const orphan = '_delta_log/_sidecars/orphan.parquet';
    vi.setSystemTime(START + 43 * DAY);
    await store.put(orphan, new Uint8Array([1]), { signal });
    vi.setSystemTime(START + 43.5 * DAY);
    await store.put(`${orphan}.young`, new Uint8Array([1]), { signal });
    await clean(store, 44.1);
    expect(await store.head(orphan, { signal })).toBeUndefined();
    expect(await store.head(`${orphan}.young`, { signal })).toBeDefined();
  });

  test('is cleaned up after a RESTORE that made a checkpoint due', async () => {
    const store = memoryStore();
    await daily(store, 45, [10], { 'delta.checkpointInterval': '45' });
    const snapshot = await openSnapshot(store, { signal });
    await restoreTable(snapshot, { version: 11 }, { signal });
    expect((await versions(store))[0]).toBe(10);
    expect(await store.head(checkpointKey(45), { signal })).toBeDefined();
  });
});
