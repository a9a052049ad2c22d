import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { must } from '../../src/base/errors.js';
import { never } from '../../src/base/signals.js';
import { parseExpression } from '../../src/expr/parse.js';
import type { Action, AddFile } from '../../src/protocol/actions.js';
import { RowSet } from '../../src/protocol/row-set.js';
import { statsAfterDeletion } from '../../src/protocol/stats.js';
import { DATE, DOUBLE, field, LONG, STRING, struct, TIMESTAMP } from '../../src/schema/build.js';
import type { StructType, Value } from '../../src/schema/types.js';
import { localStore } from '../../src/storage/local.js';
import { memoryStore } from '../../src/storage/memory.js';
import type { ObjectStore } from '../../src/storage/object-store.js';
import { writeDeletionVectors } from '../../src/table/deletion-vectors.js';
import { pruneFiles } from '../../src/table/prune.js';
import { scan } from '../../src/table/scan.js';
import { openSnapshot, type Snapshot } from '../../src/table/snapshot.js';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { appendRows, createTable, mustCommit, scanRows } from './tables.js';

const signal = never;

/** Deletes rows of one file by ordinal, as a merge on read does. */
async function deleteRows(snapshot: Snapshot, add: AddFile, ordinals: readonly number[]): Promise<Snapshot> {
  const { store } = snapshot;
  const physicalRows: number = JSON.parse(must(add.stats, 'stats')).numRecords;
  const [deletionVector] = await writeDeletionVectors(store, [RowSet.from(ordinals)], { signal });
  const { path, partitionValues, size } = add;
  const stats = statsAfterDeletion(add.stats, 0, physicalRows);
  const actions: Action[] = [
    { kind: 'remove', remove: { path, partitionValues, size, dataChange: true, extendedFileMetadata: true } },
    { kind: 'add', add: { ...add, stats, deletionVector: must(deletionVector, 'the vector') } },
  ];
  return mustCommit(store, snapshot, { actions: () => actions });
}

async function prunedBy(snapshot: Snapshot, where: string): Promise<number> {
  return [...pruneFiles(snapshot.layout, snapshot.files, parseExpression(where))].length;
}

describe('a scan', () => {
  test('gives the live rows: those of a file but for what its deletion vector names', async () => {
    const store = memoryStore();
    let snapshot = await appendRows(await createTable(store), [
      [1n, 'a'],
      [2n, 'b'],
      [3n, 'c'],
    ]);
    snapshot = await appendRows(snapshot, [[4n, 'd']]);
    const [add] = snapshot.files;
    const after = await deleteRows(snapshot, must(add, 'a file'), [0, 2]);
    // The changed file was added last.
    expect(await scanRows(after)).toEqual([
      [4n, 'd'],
      [2n, 'b'],
    ]);
    expect(await scanRows(snapshot)).toHaveLength(4);
    expect(await scanRows(await openSnapshot(store, { signal }))).toHaveLength(2);
  });

  test('gives the columns asked for in the order asked for, also where the condition reads others', async () => {
    const base = await createTable(memoryStore());
    const snapshot = await appendRows(base, [
      [1n, 'a'],
      [2n, 'b'],
    ]);
    const where = parseExpression('id = 2');
    expect(await scanRows(snapshot, { columns: ['name'], where })).toEqual([['b']]);
    expect(await scanRows(snapshot, { columns: ['name', 'id'] })).toEqual([
      ['a', 1n],
      ['b', 2n],
    ]);
  });

  test('reads each row group by itself and keeps ordinals right over all of them', async () => {
    const base = await createTable(memoryStore());
    const rows = Array.from({ length: 300_000 }, (_, i): Value[] => [BigInt(i), null]);
    const snapshot = await appendRows(base, rows);
    const gone = [0, 131_071, 131_072, 262_144, 299_999];
    const after = await deleteRows(snapshot, must([...snapshot.files][0], 'the file'), gone);
    const sizes: number[] = [];
    const ids = new Set<unknown>();
    for await (const batch of scan(after, { signal, columns: ['id'] })) {
      sizes.push(batch.numRows);
      for (const id of must(batch.getChild('id'), 'id')) ids.add(id);
    }
    expect(sizes.length).toBeGreaterThan(1);
    expect(ids.size).toBe(300_000 - gone.length);
    for (const ordinal of gone) expect(ids.has(BigInt(ordinal))).toBe(false);
  });

  test('of a local table is that of the same table in memory', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-table-'));
    try {
      const read = async (store: ObjectStore) => {
        const created = await createTable(store, { configuration: { 'delta.checkpointInterval': '2' } });
        const first = await appendRows(created, [[1n, 'a']]);
        const second = await appendRows(first, [[2n, 'ü']]);
        await deleteRows(second, must([...second.files][0], 'a file'), [0]);
        return scanRows(await openSnapshot(store, { signal }));
      };
      expect(await read(localStore(join(folder, 'tab le')))).toEqual(await read(memoryStore()));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('stops between batches once the signal is aborted', async () => {
    const base = await createTable(memoryStore());
    const snapshot = await appendRows(await appendRows(base, [[1n, 'a']]), [[2n, 'b']]);
    const stop = new AbortController();
    const reason = new Error('enough');
    const run = async () => {
      for await (const _ of scan(snapshot, { signal: stop.signal })) stop.abort(reason);
    };
    await expect(run()).rejects.toBe(reason);
  });

  test('refuses a condition on a column that is not there', async () => {
    const snapshot = await appendRows(await createTable(memoryStore()), [[1n, 'a']]);
    await expect(scanRows(snapshot, { where: parseExpression('nme = 1') })).rejects.toMatchObject({
      code: 'EXPRESSION_INVALID',
    });
  });
});

describe('pruning', () => {
  test('leaves out files by stats and by partition, and keeps those it knows nothing of', async () => {
    const schema = struct([field('id', LONG), field('p', DATE)]);
    let snapshot = await createTable(memoryStore(), { schema, partitionColumns: ['p'] });
    snapshot = await appendRows(snapshot, [
      [1n, 0],
      [9n, 0],
    ]);
    snapshot = await appendRows(snapshot, [[20n, 1]]);
    snapshot = await appendRows(snapshot, [[30n, null]]);
    expect(await prunedBy(snapshot, 'id > 9')).toBe(2);
    expect(await prunedBy(snapshot, 'id = 10')).toBe(0);
    expect(await prunedBy(snapshot, "p = DATE'1970-01-02'")).toBe(1);
    expect(await prunedBy(snapshot, 'p IS NULL')).toBe(1);
    expect(await prunedBy(snapshot, 'p IS NOT NULL AND id < 25')).toBe(2);
    const actions = [...snapshot.files].map((add): Action => {
      const { stats: _stats, ...rest } = add;
      return { kind: 'add', add: rest };
    });
    const blind = await mustCommit(snapshot.store, snapshot, { actions: () => actions });
    expect(await prunedBy(blind, 'id = 10')).toBe(3);
    expect(await prunedBy(blind, 'p IS NULL')).toBe(1);
  });

  test('loses no row, whatever the rows, the files and the condition', async () => {
    const schema: StructType = struct([
      field('n', LONG),
      field('x', DOUBLE),
      field('s', STRING),
      field('t', TIMESTAMP),
      field('p', STRING),
    ]);
    const row = fc
      .tuple(
        fc.option(fc.bigInt({ min: -2n, max: 2n })),
        fc.option(fc.constantFrom(-1, -0, 0, 0.5, NaN, Infinity)),
        fc.option(
          fc.constantFrom('', 'a', 'b', `${'a'.repeat(40)}1`, `${'a'.repeat(40)}2`, '\u{10ffff}', '\uffff'),
        ),
        fc.option(fc.constantFrom(-1n, 0n, 999n, 1000n, 1001n)),
        fc.option(fc.constantFrom('u', 'v', '')),
      )
      .map((values): Value[] => [...values]);
    const atom = fc.constantFrom(
      'n = 1',
      'n < 0',
      'n >= 1',
      'n IS NULL',
      'n IN (0, 2)',
      'NOT n = 1',
      'x > 0',
      'x = 0',
      'x <> 0',
      'x IS NOT NULL',

      "s = 'a'",
      "s > 'a'",
      "s LIKE 'aa%'",
      "s < 'b'",
      `s = '${'a'.repeat(40)}1'`,
      "p = 'u'",
      "p <> 'u'",
      'p IS NULL',

      "t > TIMESTAMP'1970-01-01 00:00:00.001'",
      "t <= TIMESTAMP'1970-01-01 00:00:00'",
      'n + 1 > 1',
    );
    const condition = fc.letrec<{ tree: string }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 3 },
        atom,
        fc.tuple(tie('tree'), tie('tree')).map(([a, b]) => `(${a} AND ${b})`),
        fc.tuple(tie('tree'), tie('tree')).map(([a, b]) => `(${a} OR ${b})`),
        tie('tree').map((a) => `NOT (${a})`),
      ),
    })).tree;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(row, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 3 }),
        fc.array(condition, { minLength: 1, maxLength: 6 }),
        fc.nat(),
        async (files, conditions, which) => {
          let snapshot = await createTable(memoryStore(), { schema, partitionColumns: ['p'] });
          for (const rows of files) snapshot = await appendRows(snapshot, rows);
          const adds = [...snapshot.files];
          const touched = must(adds[which % adds.length], 'a file');
          snapshot = await deleteRows(snapshot, touched, [0]);
          for (const text of conditions) {
            const where = parseExpression(text);
            const kept = new Set(
              [...pruneFiles(snapshot.layout, snapshot.files, where)].map(({ file }) => file.path),
            );
            for (const add of snapshot.files) {
              const { stats: _stats, ...blind } = add;
              const found = await scanRows(snapshot, { where, files: [blind] });
              // What is left out holds no such row.
              expect({ text, stats: add.stats, lost: kept.has(add.path) ? 0 : found.length }).toMatchObject({
                lost: 0,
              });
            }
          }
        },
      ),
      { numRuns: Number(process.env['FC_RUNS'] ?? 60) },
    );
  });
});
