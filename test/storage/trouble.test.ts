import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isSluiceError } from '../../src/base/errors.js';
import { never } from '../../src/base/signals.js';
import { append } from '../../src/operations/append.js';
import { withFaults, type Fault, type FaultRule, type StoreOperation } from '../../src/storage/faults.js';
import { localStore } from '../../src/storage/local.js';
import { memoryStore } from '../../src/storage/memory.js';
import type { ObjectStore } from '../../src/storage/object-store.js';
import { openSnapshot } from '../../src/table/snapshot.js';
import { idV, idVs, newTable } from '../operations/tables.js';

const anyway = { signal: never };

type Place = AsyncDisposable & {
  readonly store: ObjectStore;
  readonly left: () => Promise<readonly string[]>;
};

const PLACES: readonly (readonly [string, () => Promise<Place>])[] = [
  ['memory', async () => ({ store: memoryStore(), left: async () => [], async [Symbol.asyncDispose]() {} })],
  [
    'local',
    async () => {
      const dir = await mkdtemp(join(tmpdir(), 'sluice-trouble-'));
      const left = async () =>
        (await readdir(dir, { recursive: true })).filter((name) => name.endsWith('.tmp'));
      return { store: localStore(dir), left, [Symbol.asyncDispose]: () => rm(dir, { recursive: true }) };
    },
  ],
];

/** Appends a row under a plan of faults; told is whether the writer was told that it is in. */
async function appended(store: ObjectStore, plan: readonly FaultRule[], id: number): Promise<boolean> {
  const faulty = withFaults(store, plan);
  try {
    const snapshot = await openSnapshot(faulty, anyway);
    await append(snapshot, [idV([id, 'x'])], anyway);
    return true;
  } catch (cause) {
    if (isSluiceError(cause) && cause.code.startsWith('STORE_')) return false;
    throw cause;
  }
}

const TROUBLE: readonly Fault[] = [
  { kind: 'fails', code: 'STORE_UNAVAILABLE' },
  { kind: 'lost-answer', landed: true },
  { kind: 'lost-answer', landed: false },
];

describe.each(PLACES)('a table on %s', (_, open) => {
  test('holds a row once if its writer was told so, and at most once if not, whichever call fails', async () => {
    await using place = await open();
    const { store } = place;
    await newTable(store);
    const operations: readonly StoreOperation[] = ['get', 'put', 'putIfAbsent', 'list', 'head'];
    const told: string[] = [];
    const untold: string[] = [];
    let id = 0;
    for (const operation of operations) {
      for (const fault of TROUBLE) {
        for (const nth of [1, 2, 3]) {
          const row = `${++id}x`;
          const isTold = await appended(store, [{ operation, nth, fault }], id);
          (isTold ? told : untold).push(row);
        }
      }
    }
    const rows = await idVs(await openSnapshot(store, anyway));
    expect(new Set(rows).size).toBe(rows.length);
    expect(rows).toEqual(
      expect.arrayContaining(told.map((row) => expect.stringContaining(row.slice(0, -1)))),
    );
    expect(rows.length).toBeGreaterThanOrEqual(told.length);
    expect(rows.length).toBeLessThanOrEqual(told.length + untold.length);
    // Both happen: a lost answer that was looked up, and a failure that went through.
    expect(told.length).toBeGreaterThan(0);
    expect(untold.length).toBeGreaterThan(0);
    expect(await place.left()).toEqual([]);
  });

  test('is never taken for an older one because its listing broke off', async () => {
    await using place = await open();
    const { store } = place;
    await newTable(store);
    for (let id = 1; id <= 5; id++) expect(await appended(store, [], id)).toBe(true);
    for (let after = 0; after <= 7; after++) {
      const faulty = withFaults(store, [{ operation: 'list', fault: { kind: 'breaks-off', after } }]);
      await expect(openSnapshot(faulty, anyway)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
      expect((await openSnapshot(faulty, anyway)).version).toBe(5);
    }
  });
});
