import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { must } from '../../src/base/errors.js';
import { never } from '../../src/base/signals.js';
import { computeStats } from '../../src/columnar/file-stats.js';
import { writeParquet } from '../../src/columnar/parquet.js';
import { compileCondition } from '../../src/expr/compile.js';
import { parseExpression } from '../../src/expr/parse.js';
import type { Action, AddFile } from '../../src/protocol/actions.js';
import { RowSet } from '../../src/protocol/row-set.js';
import { formatStats, statsAfterDeletion, statsColumns } from '../../src/protocol/stats.js';
import {
  BOOLEAN,
  DATE,
  decimal,
  DOUBLE,
  field,
  INTEGER,
  LONG,
  STRING,
  struct,
  TIMESTAMP,
} from '../../src/schema/build.js';
import type { Value } from '../../src/schema/types.js';
import { memoryStore } from '../../src/storage/memory.js';
import { writeDeletionVectors } from '../../src/table/deletion-vectors.js';
import { newScanMetrics, type ScanMetrics } from '../../src/table/scan.js';
import type { Snapshot } from '../../src/table/snapshot.js';
import { createTable, mustCommit, scanRows, tableOfRows } from './tables.js';

const STORED = [
  field('id', LONG),
  field('n', INTEGER),
  field('x', DOUBLE),
  field('t', STRING),
  field('d', decimal(12, 2)),
  field('at', TIMESTAMP),
  field('day', DATE),
  field('ok', BOOLEAN),
  field('s', struct([field('a', INTEGER), field('b', STRING)])),
];
const SCHEMA = struct([...STORED, field('p', STRING), field('q', INTEGER)]);
const ROWS_PER_GROUP = 3;

type File = {
  readonly rows: readonly Value[][];
  readonly partition: readonly [string | null, string | null];
  readonly stats: 'tight' | 'wide' | 'none';
  readonly deleted: readonly number[];
};

/** A table whose files have row groups of three rows, as the log of another writer could have them. */
async function tableOf(files: readonly File[]): Promise<Snapshot> {
  const store = memoryStore();
  let snapshot = await createTable(store, {
    schema: SCHEMA,
    partitionColumns: ['p', 'q'],
    configuration: { 'delta.enableDeletionVectors': 'true' },
  });
  const adds: AddFile[] = [];
  for (const [index, file] of files.entries()) {
    const stored = struct(STORED);
    const table = tableOfRows(stored, file.rows);
    const body = writeParquet(table, { rowsPerGroup: ROWS_PER_GROUP });
    const path = `part-${index}.parquet`;
    await store.put(path, body, { signal: never });
    const columns = statsColumns(stored, { columns: -1 });
    const told = formatStats(computeStats(table, stored, { columns: columns.length }), stored);
    const [deletionVector] = await writeDeletionVectors(
      store,
      file.deleted.length === 0 ? [] : [RowSet.from(file.deleted)],
      { signal: never },
    );
    const wide = file.stats === 'wide' || file.deleted.length > 0;
    const stats = wide ? statsAfterDeletion(told, 0, file.rows.length) : told;
    adds.push({
      path,
      partitionValues: new Map([
        ['p', file.partition[0]],
        ['q', file.partition[1]],
      ]),
      size: body.byteLength,
      modificationTime: 0,
      dataChange: true,
      ...(file.stats === 'none' ? {} : { stats }),
      ...(deletionVector === undefined ? {} : { deletionVector }),
    });
  }
  snapshot = await mustCommit(store, snapshot, {
    actions: () => adds.map((add): Action => ({ kind: 'add', add })),
  });
  return snapshot;
}

const LONG_TEXT = 'the same first thirty-two letters, ';
const cell = (values: readonly Value[]) => fc.option(fc.constantFrom(...values), { freq: 6, nil: null });
const row: fc.Arbitrary<Value[]> = fc.tuple(
  cell([-(2n ** 63n), -1n, 0n, 1n, 2n ** 53n + 1n]),
  cell([-2, 0, 1, 2, 2147483647]),
  cell([NaN, -0, 0, 1.5, -Infinity, 1e300]),
  cell([
    '',
    'a',
    'ab',
    'b',
    '\uff5e',
    '\u{1f600}',
    `${LONG_TEXT}a`,
    `${LONG_TEXT}\uffff`,
    `${LONG_TEXT}\u{10ffff}`,
  ]),
  cell([-150n, 0n, 100n, 225n, 999_999_999_999n]),
  cell([-1n, 0n, 1n, 1234n, 1999n, -253_402_300_800_000_000n]),
  cell([-1, 0, 1, 18_000]),
  cell([true, false]),
  cell([
    { a: 1, b: 'x' },
    { a: null, b: 'y' },
    { a: 2, b: null },
  ]),
);

/** Rows of a file often stand in some order, so that row groups differ. */
const file: fc.Arbitrary<File> = fc.record({
  rows: fc
    .tuple(fc.array(row, { minLength: 1, maxLength: 11 }), fc.nat(STORED.length - 1))
    .map(([rows, by]) => rows.toSorted((a, b) => String(a[by]).localeCompare(String(b[by])))),
  partition: fc.tuple(
    fc.constantFrom('a', 'ä b/c', null, '%'),
    fc.constantFrom('1', '-5', null, '2147483647'),
  ),
  stats: fc.constantFrom('tight' as const, 'wide' as const, 'none' as const),
  deleted: fc.uniqueArray(fc.nat(10), { maxLength: 3 }),
});

const atoms: readonly string[] = [
  ...['=', '<>', '<', '>=', '<=>'].flatMap((op) =>
    [
      'id @ 0',
      'id @ 9007199254740993',
      'n @ 1',
      'n @ 1.5',
      'x @ 0',
      "x @ CAST('NaN' AS DOUBLE)",
      'x @ 1.5D',
      "t @ 'a'",
      "t @ ''",
      `t @ '${LONG_TEXT}a'`,
      `t @ '${LONG_TEXT}\u{10ffff}'`,
      "t @ '\uff5e'",
      'd @ 1',
      'd @ 2.25',
      "at @ TIMESTAMP '1970-01-01 00:00:00.001'",
      "at @ TIMESTAMP '1970-01-01 00:00:00.001999'",
      "at @ TIMESTAMP '1969-12-31 23:59:59.999999'",
      "day @ DATE '1970-01-01'",
      "day @ '1970-01-02'",
      's.a @ 1',
      "s.b @ 'x'",
      "p @ 'a'",
      'q @ 1',
      'n @ q',
      'id @ n',
      "upper(p) @ 'A'",
      'q + 1 @ 2',
    ].map((text) => text.replace('@', op)),
  ),
  ...['id', 'n', 'x', 't', 'ok', 's', 's.a', 'p', 'q'].flatMap((name) => [
    `${name} IS NULL`,
    `${name} IS NOT NULL`,
  ]),
  'ok',
  'NOT ok',
  "t LIKE 'a%'",
  `t LIKE '${LONG_TEXT}%'`,
  "t NOT LIKE 'a%'",
  "p LIKE 'ä%'",
  'n IN (1, 2)',
  'n NOT IN (1, 2)',
  "p IN ('a', NULL)",
  'n BETWEEN 0 AND 1',
  'n + 1 > 2',
  'CAST(x AS INT) = 1',
  'isnan(x)',
  "coalesce(p, 'none') = 'none'",
  "CASE WHEN q = 1 THEN n = 1 ELSE p = 'a' END",
];
const condition: fc.Arbitrary<string> = fc.letrec<{ it: string }>((tie) => ({
  it: fc.oneof(
    { depthSize: 'small', maxDepth: 3 },
    { weight: 5, arbitrary: fc.constantFrom(...atoms) },
    fc.tuple(tie('it'), fc.constantFrom('AND', 'OR'), tie('it')).map(([a, op, b]) => `(${a} ${op} ${b})`),
    tie('it').map((one) => `(NOT ${one})`),
    tie('it').map((one) => `((${one}) IS UNKNOWN)`),
  ),
})).it;

function partitionCells(text: readonly [string | null, string | null]): Value[] {
  return [text[0], text[1] === null ? null : Number(text[1])];
}

describe('skipping', () => {
  test('never changes the answer: files, row groups, deletion vectors, stats of every kind', async () => {
    const total = newScanMetrics();
    await fc.assert(
      fc.asyncProperty(
        fc.array(file, { minLength: 1, maxLength: 3 }),
        fc.array(condition, { minLength: 1, maxLength: 12 }),
        async (files, conditions) => {
          const snapshot = await tableOf(files);
          // What the files hold is known without reading any.
          const live = files.flatMap(({ rows, partition, deleted }) =>
            rows
              .filter((_, ordinal) => !deleted.includes(ordinal))
              .map((cells) => [...cells, ...partitionCells(partition)]),
          );
          for (const sql of conditions) {
            const where = parseExpression(sql);
            const holds = compileCondition(where, SCHEMA);
            const expected = live.filter((cells) => holds((column) => cells[column] ?? null) === true);
            const found = await scanRows(snapshot, { where, metrics: total });
            expect({ sql, found }).toEqual({ sql, found: expected });
            const some = await scanRows(snapshot, { where, columns: ['t', 'q'] });
            expect(some).toEqual(expected.map((cells) => [cells[3], cells[10]]));
          }
        },
      ),
      { numRuns: Number(process.env['FC_RUNS'] ?? 60) },
    );
    // Reading everything would be a right answer too.
    expect(total.filesSkipped).toBeGreaterThan(50);
    expect(total.groupsSkipped).toBeGreaterThan(50);
    expect(total.groupsWithoutRows).toBeGreaterThan(10);
  }, 120_000);

  const ordered: File = {
    rows: Array.from({ length: 12 }, (_, i): Value[] => [BigInt(i), i, i, `t${i}`, 0n, 0n, 0, true, null]),
    partition: ['a', '1'],
    stats: 'tight',
    deleted: [4, 6, 11],
  };

  async function read(where: string, files: readonly File[] = [ordered]): Promise<[Value[], ScanMetrics]> {
    const metrics = newScanMetrics();
    const snapshot = await tableOf(files);
    const rows = await scanRows(snapshot, { where: parseExpression(where), columns: ['id'], metrics });
    return [rows.map((cells) => must(cells[0], 'an id')), metrics];
  }

  test('keeps ordinals of deleted rows right behind row groups that are not read', async () => {
    const [ids, metrics] = await read('n >= 4');
    expect(ids).toEqual([5n, 7n, 8n, 9n, 10n]);
    expect(metrics).toMatchObject({ filesRead: 1, groupsSkipped: 1, groupsRead: 3, rowsRead: 9 });
  });

  test('opens no file that stats or partition values rule out', async () => {
    expect((await read('n > 11'))[1]).toMatchObject({ filesSkipped: 1, filesRead: 0, groupsRead: 0 });
    expect((await read("lower(p) = 'b'"))[1]).toMatchObject({ filesSkipped: 1, filesRead: 0 });
    expect((await read('n > 11', [{ ...ordered, stats: 'none' }]))[1]).toMatchObject({
      filesSkipped: 0,
      filesRead: 1,
      groupsSkipped: 4,
    });
  });

  test('reads the other columns only of row groups in which the condition found rows', async () => {
    const snapshot = await tableOf([ordered]);
    const metrics = newScanMetrics();
    const where = parseExpression("n % 100 = 7 AND t LIKE 't%'");
    // With a limit no row group is read ahead, so that each knows what became of the one before.
    expect(await scanRows(snapshot, { where, metrics, columns: ['d', 'id'], limit: 5 })).toEqual([[0n, 7n]]);
    // The third group has the row; the one behind it is read whole, as its neighbour had to be.
    expect(metrics).toMatchObject({ groupsRead: 4, groupsWithoutRows: 2 });
  });

  test('a limit ends the scan before files that are not needed', async () => {
    const snapshot = await tableOf([ordered, ordered]);
    const metrics = newScanMetrics();
    expect(await scanRows(snapshot, { limit: 4, columns: ['id'], metrics })).toEqual([
      [0n],
      [1n],
      [2n],
      [3n],
    ]);
    expect(metrics).toMatchObject({ filesRead: 1, groupsRead: 2 });
    expect(await scanRows(snapshot, { limit: 0 })).toEqual([]);
  });
});
