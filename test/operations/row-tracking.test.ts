import { describe, expect, test } from 'vitest';
import { never } from '../../src/base/signals.js';
import { reader } from '../../src/columnar/cells.js';
import { parseExpression } from '../../src/expr/parse.js';
import { alterTableActions } from '../../src/operations/alter.js';
import { deleteRows } from '../../src/operations/dml/delete-rows.js';
import { updateRows } from '../../src/operations/dml/update-rows.js';
import { rowIdFields } from '../../src/operations/merge/row-ids.js';
import { commitInfo } from '../../src/protocol/commit-info.js';
import { LONG } from '../../src/schema/build.js';
import { memoryStore } from '../../src/storage/memory.js';
import type { ObjectStore } from '../../src/storage/object-store.js';
import { commit, type CommitRequest } from '../../src/table/commit.js';
import { openDataFile } from '../../src/table/data-file.js';
import { openSnapshot, type Snapshot } from '../../src/table/snapshot.js';
import { appended, mergeIds } from './merging.js';
import { idV, idVs, newTable } from './tables.js';

const signal = never;
const ON = { 'delta.enableRowTracking': 'true', 'delta.enableChangeDataFeed': 'false' };

/** By `id`: the row's stable id and the version that wrote it, as a reader of row tracking finds them. */
async function tracked(snapshot: Snapshot): Promise<Map<bigint, readonly [bigint, bigint]>> {
  const { layout } = snapshot;
  const hidden = rowIdFields(layout);
  const [id, version] = hidden;
  const found = new Map<bigint, readonly [bigint, bigint]>();
  for (const file of snapshot.files) {
    using open = await openDataFile(snapshot.store, file, { layout, signal, extra: hidden });
    const rows = await open.read({ signal });
    const dead = await open.deleted(signal);
    const key = reader(rows, 'id', LONG);
    const idOf = id === undefined ? () => null : reader(rows, id.name, LONG);
    const versionOf = version === undefined ? () => null : reader(rows, version.name, LONG);
    for (let row = 0; row < rows.numRows; row++) {
      if (dead?.has(row) === true) continue;
      found.set(BigInt(String(key(row))), [
        BigInt(String(idOf(row) ?? (file.baseRowId ?? -1n) + BigInt(row))),
        BigInt(String(versionOf(row) ?? file.defaultRowCommitVersion)),
      ]);
    }
  }
  return found;
}

function highWaterMark(snapshot: Snapshot): unknown {
  return JSON.parse(snapshot.domain('delta.rowTracking') ?? '{}');
}

async function tableOf(store: ObjectStore, properties: Readonly<Record<string, string>>): Promise<Snapshot> {
  const empty = await newTable(store, { properties });
  return appended(empty, idV([1, 'a'], [2, 'b'], [3, 'c']), idV([4, 'd'], [5, 'e']));
}

async function alter(snapshot: Snapshot, set: Readonly<Record<string, string>>): Promise<Snapshot> {
  const txnId = 'alter';
  const { actions } = alterTableActions(snapshot, { set });
  const request: CommitRequest = {
    readVersion: snapshot.version,
    txnId,
    signal,
    actions: ({ nowMs }) => [
      {
        kind: 'commitInfo',
        commitInfo: commitInfo({
          operation: { operation: 'SET TBLPROPERTIES', operationParameters: {} },
          timestamp: nowMs,
          readVersion: snapshot.version,
          isBlindAppend: false,
          txnId,
        }),
      },
      ...actions,
    ],
    reconcile: () => Promise.resolve({ conflict: 'no' }),
  };
  const outcome = await commit(snapshot, snapshot.store, request);
  if (outcome.kind !== 'committed') throw new Error(outcome.why);
  await outcome.background;
  return outcome.snapshot;
}

describe('a table with row tracking', () => {
  test('gives each row an id of its own and remembers how far they have gone', async () => {
    const snapshot = await tableOf(memoryStore(), ON);
    expect([...(await tracked(snapshot)).entries()].sort()).toEqual([
      [1n, [0n, 1n]],
      [2n, [1n, 1n]],
      [3n, [2n, 1n]],
      [4n, [3n, 2n]],
      [5n, [4n, 2n]],
    ]);
    expect(highWaterMark(snapshot)).toEqual({ rowIdHighWaterMark: 4, domainName: 'delta.rowTracking' });
  });

  test.each(['merge-on-read', 'copy-on-write'] as const)(
    'keeps the ids of rows that are moved by %s, and the versions of those that are only copied',
    async (strategy) => {
      const store = memoryStore();
      const base = await tableOf(store, ON);
      const first = await mergeIds(
        base,
        {
          put: [
            [6, 'new'],
            [2, 'B'],
            [5, 'E'],
          ],
          drop: [4],
        },
        strategy,
      );
      const after = await tracked(first);
      expect(after.get(1n)).toEqual([0n, 1n]);
      expect(after.get(2n)).toEqual([1n, 3n]);
      expect(after.get(3n)).toEqual([2n, 1n]);
      expect(after.get(5n)).toEqual([4n, 3n]);
      expect(after.get(6n)?.[0]).toBeGreaterThan(4n);
      // Ids that stand in files by now are found again, not counted anew.
      const second = await mergeIds(
        first,
        {
          put: [
            [2, 'BB'],
            [3, 'C'],
          ],
        },
        strategy,
      );
      const last = await tracked(second);
      expect(last.get(1n)).toEqual([0n, 1n]);
      expect(last.get(2n)).toEqual([1n, 4n]);
      expect(last.get(3n)).toEqual([2n, 4n]);
      expect(last.get(5n)).toEqual([4n, 3n]);
      expect(last.get(6n)).toEqual(after.get(6n));
      expect(await idVs(await openSnapshot(store, { signal }))).toEqual([
        '1=a',
        '2=BB',
        '3=C',
        '5=E',
        '6=new',
      ]);
      expect(new Set([...last.values()].map(([id]) => id)).size).toBe(5);
    },
  );

  test('keeps the ids of rows that UPDATE changes and DELETE leaves', async () => {
    const base = await tableOf(memoryStore(), { ...ON, 'delta.enableDeletionVectors': 'false' });
    const where = parseExpression('id >= 2 AND id <= 4');
    const set = [{ target: parseExpression('v'), value: parseExpression("'z'") }];
    const { snapshot: updated } = await updateRows(base, { where, set, signal });
    const after = await tracked(updated);
    const { snapshot: deleted } = await deleteRows(updated, { where: parseExpression('id = 3'), signal });
    const left = await tracked(deleted);
    expect([...after.values()].map(([id]) => id).sort()).toEqual([0n, 1n, 2n, 3n, 4n]);
    for (const id of [2n, 3n, 4n]) expect(after.get(id)).toEqual([id - 1n, 3n]);
    for (const id of [1n, 5n]) expect(after.get(id)?.[0]).toBe(id - 1n);
    expect(after.get(1n)).toEqual([0n, 1n]);
    after.delete(3n);
    expect(left).toEqual(after);
  });

  test('that is only supported gives ids to files and none to rows', async () => {
    const snapshot = await tableOf(memoryStore(), { 'delta.feature.rowTracking': 'supported' });
    expect(snapshot.files.toArray().map(({ baseRowId }) => baseRowId)).toEqual([0n, 3n]);
    expect(rowIdFields(snapshot.layout)).toEqual([]);
  });

  test('gives ids past those of a winner', async () => {
    const store = memoryStore();
    const base = await tableOf(store, ON);
    await appended(base, idV([6, 'f'], [7, 'g']));
    const late = await appended(base, idV([8, 'h']));
    expect(late.version).toBe(4);
    const found = await tracked(late);
    expect([found.get(6n), found.get(7n), found.get(8n)]).toEqual([
      [5n, 3n],
      [6n, 3n],
      [7n, 4n],
    ]);
    expect(highWaterMark(late)).toMatchObject({ rowIdHighWaterMark: 7 });
  });

  test('switched on later gives ids to the files that are there, and changes no row', async () => {
    const store = memoryStore();
    const plain = await tableOf(store, { 'delta.enableChangeDataFeed': 'false' });
    const on = await alter(plain, { 'delta.enableRowTracking': 'true' });
    expect(await idVs(on)).toEqual(await idVs(plain));
    expect([...(await tracked(on)).values()].map(([id]) => id).sort()).toEqual([0n, 1n, 2n, 3n, 4n]);
    const merged = await mergeIds(on, { put: [[1, 'A']] }, 'copy-on-write');
    expect((await tracked(merged)).get(2n)).toEqual((await tracked(on)).get(2n));
  });

  test('refuses to move rows of a file that has no ids', async () => {
    const snapshot = await tableOf(memoryStore(), ON);
    const files = snapshot.files.toArray().map((file) => {
      const { baseRowId: _id, defaultRowCommitVersion: _version, ...rest } = file;
      return { kind: 'put' as const, file: rest };
    });
    const damaged = Object.create(snapshot, {
      files: { value: snapshot.files.with(files) },
    }) as Snapshot;
    await expect(mergeIds(damaged, { put: [[1, 'A']] }, 'copy-on-write')).rejects.toMatchObject({
      code: 'PROTOCOL_UNSUPPORTED',
      message: expect.stringContaining('rowTracking'),
    });
  });
});
