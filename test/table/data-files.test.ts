import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isSluiceError, must } from '../../src/base/errors.js';
import { never } from '../../src/base/signals.js';
import { rowsOf } from '../../src/columnar/cells.js';
import { openParquet } from '../../src/columnar/parquet.js';
import type { AddFile } from '../../src/protocol/actions.js';
import { decodePath } from '../../src/protocol/path.js';
import { RowSet } from '../../src/protocol/row-set.js';
import {
  array,
  BINARY,
  BOOLEAN,
  BYTE,
  DATE,
  decimal,
  DOUBLE,
  field,
  FLOAT,
  INTEGER,
  LONG,
  map,
  SHORT,
  STRING,
  struct,
  TIMESTAMP,
  TIMESTAMP_NTZ,
} from '../../src/schema/build.js';
import { canonicalRow } from '../../src/schema/canonical.js';
import type { StructField, StructType, Value } from '../../src/schema/types.js';
import { memoryStore } from '../../src/storage/memory.js';
import type { ObjectStore } from '../../src/storage/object-store.js';
import { openDataFile, type FileAction } from '../../src/table/data-file.js';
import { writeChangeFiles, writeDataFiles } from '../../src/table/data-files.js';
import { readDeletionVector, writeDeletionVectors } from '../../src/table/deletion-vectors.js';
import type { TableLayout } from '../../src/table/layout.js';
import { PEOPLE, tableOfRows } from './tables.js';

const signal = never;

function layoutOf(schema: StructType, options: Partial<TableLayout> = {}): TableLayout {
  return { schema, partitionColumns: [], configuration: {}, ...options };
}

async function readBack(store: ObjectStore, file: FileAction, layout: TableLayout): Promise<string[]> {
  using open = await openDataFile(store, file, { layout, signal });
  const table = await open.read({ signal });
  return [...rowsOf(table, layout.schema)].map((row) => canonicalRow(layout.schema, row));
}

async function physicalColumns(store: ObjectStore, add: FileAction): Promise<readonly StructField[]> {
  const body = must(await store.get(decodePath(add.path), { signal }), add.path);
  using parquet = await openParquet({
    size: body.length,
    read: async (start, end) => body.subarray(start, end),
  });
  return parquet.schema.fields;
}

/** Every type that a column can have, nested ones too. */
const EVERY: StructType = struct([
  field('b', BOOLEAN),
  field('i8', BYTE),
  field('i16', SHORT),
  field('i32', INTEGER),
  field('i64', LONG),
  field('f32', FLOAT),
  field('f64', DOUBLE),
  field('d', decimal(38, 10)),
  field('s', STRING),
  field('bytes', BINARY),
  field('date', DATE),
  field('ts', TIMESTAMP),
  field('ntz', TIMESTAMP_NTZ),
  field('list', array(struct([field('x', INTEGER), field('y', STRING)]))),
  field('map', map(STRING, struct([field('z', LONG)]))),
  field('in', struct([field('deep', struct([field('er', DATE)]))])),
]);

const long = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
/** Instants that every reader of Delta prints: the years 1 to 9999. */
const micros = fc.bigInt({ min: -62_135_596_800_000_000n, max: 253_402_300_799_999_999n });
const days = fc.integer({ min: -719_162, max: 2_932_896 });
const orNull = (value: fc.Arbitrary<Value>) => fc.option(value, { nil: null, freq: 4 });

const everyRow: fc.Arbitrary<Value[]> = fc
  .tuple(
    orNull(fc.boolean()),
    orNull(fc.integer({ min: -128, max: 127 })),
    orNull(fc.integer({ min: -32768, max: 32767 })),
    orNull(fc.integer()),
    orNull(long),
    orNull(fc.float()),
    orNull(fc.double()),
    orNull(fc.bigInt({ min: -(10n ** 38n) + 1n, max: 10n ** 38n - 1n })),
    orNull(fc.string({ unit: 'grapheme' })),
    orNull(fc.uint8Array({ maxLength: 8 })),
    orNull(days),
    orNull(micros),
    orNull(micros),
    orNull(
      fc.array(orNull(fc.record({ x: orNull(fc.integer()), y: orNull(fc.string()) })), { maxLength: 3 }),
    ),
    orNull(
      fc.uniqueArray(fc.tuple(fc.string(), orNull(fc.record({ z: orNull(long) }))), {
        maxLength: 3,
        selector: ([key]) => key,
      }),
    ),
    orNull(fc.record({ deep: orNull(fc.record({ er: orNull(days) })) })),
  )
  .map((row) => [...row]);

/** The schema with mapping ids and physical names at every level, as Delta Spark gives them. */
function withMapping(schema: StructType): StructType {
  let id = 0;
  const mapType = (type: StructField['type']): StructField['type'] => {
    if (type.kind === 'struct') return struct(type.fields.map(mapField));
    if (type.kind === 'array') return { ...type, element: mapType(type.element) };
    if (type.kind === 'map') return { ...type, key: mapType(type.key), value: mapType(type.value) };
    return type;
  };
  const mapField = (one: StructField): StructField => {
    const own = ++id;
    const metadata = { 'delta.columnMapping.id': own, 'delta.columnMapping.physicalName': `col-${own}` };
    return { ...one, type: mapType(one.type), metadata };
  };
  return struct(schema.fields.map(mapField));
}

describe('a data file', () => {
  for (const mode of ['none', 'name', 'id'] as const) {
    test(`gives back the rows that were written, column mapping ${mode}`, async () => {
      const schema = mode === 'none' ? EVERY : withMapping(EVERY);
      const layout = layoutOf(schema, { configuration: { 'delta.columnMapping.mode': mode } });
      await fc.assert(
        fc.asyncProperty(fc.array(everyRow, { minLength: 1, maxLength: 12 }), async (rows) => {
          const store = memoryStore();
          const [add] = await writeDataFiles(store, tableOfRows(schema, rows), { layout, signal });
          const file = must(add, 'the file written');
          const expected = rows.map((row) => canonicalRow(schema, row));
          expect(await readBack(store, file, layout)).toEqual(expected);
        }),
        { numRuns: Number(process.env['FC_RUNS'] ?? 40) },
      );
    });
  }

  test('is named for its codec and tells size, stats and physical rows', async () => {
    const store = memoryStore();
    const layout = layoutOf(PEOPLE);
    const adds = await writeDataFiles(
      store,
      tableOfRows(PEOPLE, [
        [1n, 'a'],
        [3n, null],
      ]),
      { layout, signal },
    );
    expect(adds).toHaveLength(1);
    const [add] = adds;
    expect(add?.path).toMatch(/^part-00000-[0-9a-f-]{36}\.c000\.zstd\.parquet$/);
    expect(add?.size).toBe((await store.head(add?.path ?? '', { signal }))?.size);
    expect(JSON.parse(add?.stats ?? '')).toEqual({
      numRecords: 2,
      minValues: { id: 1, name: 'a' },
      maxValues: { id: 3, name: 'a' },
      nullCount: { id: 0, name: 1 },
      tightBounds: true,
    });
    expect(await writeDataFiles(store, tableOfRows(PEOPLE, []), { layout, signal })).toEqual([]);
  });

  test('keeps stats of the columns asked for wherever they stand', async () => {
    const layout = layoutOf(PEOPLE, { configuration: { 'delta.dataSkippingNumIndexedCols': '0' } });
    const write = async (alwaysStats: readonly string[]) => {
      const [add] = await writeDataFiles(memoryStore(), tableOfRows(PEOPLE, [[1n, 'a']]), {
        layout,
        signal,
        alwaysStats,
      });
      return Object.keys(JSON.parse(add?.stats ?? '').minValues);
    };
    expect(await write([])).toEqual([]);
    expect(await write(['name'])).toEqual(['name']);
  });

  test('under column mapping has physical names and ids, in stats too', async () => {
    const schema = withMapping(struct([field('a', struct([field('b', LONG)])), field('c', STRING)]));
    const layout = layoutOf(schema, {
      partitionColumns: ['c'],
      configuration: { 'delta.columnMapping.mode': 'name' },
    });
    const store = memoryStore();
    const [add] = await writeDataFiles(store, tableOfRows(schema, [[{ b: 5n }, 'x']]), { layout, signal });
    const file = must(add, 'the file written');
    expect(file.path).not.toContain('/');
    expect(file.partitionValues).toEqual(new Map([['col-3', 'x']]));
    expect(JSON.parse(file.stats ?? '').minValues).toEqual({ 'col-1': { 'col-2': 5 } });
    const [column] = await physicalColumns(store, file);
    expect(column).toMatchObject({ name: 'col-1', metadata: { 'PARQUET:field_id': 1 } });
    expect(await readBack(store, file, layout)).toEqual(['{"a":{"b":5},"c":"x"}']);
  });

  test('in id mode is read by ids alone', async () => {
    const written = withMapping(PEOPLE);
    const store = memoryStore();
    const configuration = { 'delta.columnMapping.mode': 'id' };
    const [add] = await writeDataFiles(store, tableOfRows(written, [[1n, 'a']]), {
      layout: layoutOf(written, { configuration }),
      signal,
    });
    const renumbered = struct(
      written.fields.map((one, i) => ({
        ...one,
        metadata: { ...one.metadata, 'delta.columnMapping.id': i === 0 ? 1 : 77 },
      })),
    );
    const rows = await readBack(store, must(add, 'the file'), layoutOf(renumbered, { configuration }));
    expect(rows).toEqual(['{"id":1,"name":null}']);
  });

  test('of an older schema is seen through the newer one: widened, with null for what it lacks', async () => {
    const old = struct([
      field('a', INTEGER),
      field('f', FLOAT),
      field('d', decimal(5, 2)),
      field('t', DATE),
      field('gone', STRING),
      field('n', struct([field('x', SHORT)])),
    ]);
    const now = struct([
      field('n', struct([field('y', STRING), field('x', LONG)])),
      field('a', LONG),
      field('f', DOUBLE),
      field('d', decimal(9, 4)),
      field('t', TIMESTAMP_NTZ),
      field('fresh', map(STRING, LONG)),
    ]);
    const store = memoryStore();
    const row = [7, 0.5, 12345n, 1, 'bye', { x: 3 }];
    const [add] = await writeDataFiles(store, tableOfRows(old, [row]), { layout: layoutOf(old), signal });
    expect(await readBack(store, must(add, 'the file'), layoutOf(now))).toEqual([
      '{"n":{"y":null,"x":3},"a":7,"f":0.5,"d":"123.4500","t":"1970-01-02T00:00:00.000000","fresh":null}',
    ]);
  });

  test('whose column cannot be the table’s is refused by its name', async () => {
    const store = memoryStore();
    const [add] = await writeDataFiles(store, tableOfRows(PEOPLE, [[1n, 'a']]), {
      layout: layoutOf(PEOPLE),
      signal,
    });
    const other = layoutOf(struct([field('id', LONG), field('name', DATE)]));
    const failure = await readBack(store, must(add, 'the file'), other).catch((cause: unknown) => cause);
    expect(isSluiceError(failure, 'CORRUPT_FILE') && failure.message).toContain(add?.path);
  });

  test('gives the groups and columns asked for, in the order asked for', async () => {
    const store = memoryStore();
    const layout = layoutOf(PEOPLE, { partitionColumns: ['name'] });
    const rows = Array.from({ length: 9 }, (_, i) => [BigInt(i), 'p']);
    const [add] = await writeDataFiles(store, tableOfRows(PEOPLE, rows), { layout, signal });
    using file = await openDataFile(store, must(add, 'the file'), { layout, signal });
    expect(file.rows).toBe(9);
    const table = await file.read({ signal, columns: ['name', 'id'], groups: [0] });
    expect(table.schema.fields.map(({ name }) => name)).toEqual(['name', 'id']);
    expect((await file.read({ signal, columns: ['name'] })).numRows).toBe(9);
    await expect(file.read({ signal, columns: ['nme'] })).rejects.toMatchObject({ code: 'SCHEMA_MISMATCH' });
  });

  test('that is gone or cut is told by its name', async () => {
    const store = memoryStore();
    const layout = layoutOf(PEOPLE);
    const [add] = await writeDataFiles(store, tableOfRows(PEOPLE, [[1n, 'a']]), { layout, signal });
    const file = must(add, 'the file');
    const body = must(await store.get(file.path, { signal }), file.path);
    await store.put(file.path, body.slice(0, -3), { signal });
    const cut = await readBack(store, file, layout).catch((cause: unknown) => cause);
    expect(isSluiceError(cut, 'CORRUPT_FILE') && cut.message).toContain(file.path);
    await store.delete(file.path, { signal });
    for (const size of [file.size, 5_000_000]) {
      const gone = await readBack(store, { ...file, size }, layout).catch((cause: unknown) => cause);
      expect(isSluiceError(gone, 'FILE_NOT_FOUND') && gone.message).toContain(file.path);
    }
  });

  test('is read though the log is wrong about its size', async () => {
    const store = memoryStore();
    const layout = layoutOf(PEOPLE);
    const [add] = await writeDataFiles(store, tableOfRows(PEOPLE, [[1n, 'a']]), { layout, signal });
    const file = must(add, 'the file');
    for (const size of [0, 5, file.size + 1, 2_000_000]) {
      expect(await readBack(store, { ...file, size }, layout)).toEqual(['{"id":1,"name":"a"}']);
    }
  });

  test('never holds a null where the table forbids it', async () => {
    const schema = struct([field('id', LONG, false), field('name', STRING)]);
    const store = memoryStore();
    const write = writeDataFiles(store, tableOfRows(PEOPLE, [[null, 'a']]), {
      layout: layoutOf(schema),
      signal,
    });
    await expect(write).rejects.toMatchObject({ code: 'SCHEMA_MISMATCH', context: { column: 'id' } });
    const lacking = tableOfRows(struct([field('name', STRING)]), [['a']]);
    await expect(writeDataFiles(store, lacking, { layout: layoutOf(schema), signal })).rejects.toMatchObject({
      code: 'SCHEMA_MISMATCH',
    });
  });
});

describe('rows of many files', () => {
  test('are parted by partition values under Hive’s folders, null and empty text alike', async () => {
    const schema = struct([field('id', LONG), field('p', STRING), field('d', DATE)]);
    const layout = layoutOf(schema, { partitionColumns: ['p', 'd'] });
    const store = memoryStore();
    const rows = [
      [1n, 'a b/c', 0],
      [2n, null, 1],
      [3n, 'a b/c', 0],
      [4n, '', 1],
      [5n, 'é', null],
    ];
    const adds = await writeDataFiles(store, tableOfRows(schema, rows), { layout, signal });
    expect(adds.map(({ path }) => path.replace(/part-.*/, ''))).toEqual([
      'p=a%20b%252Fc/d=1970-01-01/',
      'p=__HIVE_DEFAULT_PARTITION__/d=1970-01-02/',
      'p=é/d=__HIVE_DEFAULT_PARTITION__/',
    ]);
    expect(adds.map(({ partitionValues }) => [...partitionValues.values()])).toEqual([
      ['a b/c', '1970-01-01'],
      [null, '1970-01-02'],
      ['é', null],
    ]);
    for (const add of adds) {
      expect((await physicalColumns(store, add)).map(({ name }) => name)).toEqual(['id']);
    }
    const read = (await Promise.all(adds.map((add) => readBack(store, add, layout)))).flat();
    expect(read).toEqual([
      '{"id":1,"p":"a b/c","d":"1970-01-01"}',
      '{"id":3,"p":"a b/c","d":"1970-01-01"}',
      '{"id":2,"p":null,"d":"1970-01-02"}',
      '{"id":4,"p":null,"d":"1970-01-02"}',
      '{"id":5,"p":"é","d":null}',
    ]);
  });

  test('are cut into files of even size, each row once', async () => {
    const store = memoryStore();
    const layout = layoutOf(PEOPLE);
    const rows = Array.from({ length: 1000 }, (_, i) => [BigInt(i), `name ${i}`]);
    const adds = await writeDataFiles(store, tableOfRows(PEOPLE, rows), {
      layout,
      signal,
      targetBytes: 5_000,
    });
    const counts = adds.map((add: AddFile) => JSON.parse(add.stats ?? '').numRecords);
    expect(adds.length).toBeGreaterThan(2);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    const ids: string[] = [];
    for (const add of adds) ids.push(...(await readBack(store, add, layout)));
    expect(ids).toEqual(rows.map((row) => canonicalRow(PEOPLE, row)));
    const [, second] = adds;
    expect(JSON.parse(second?.stats ?? '').minValues.id).toBe(counts[0]);
  });
});

describe('a change file', () => {
  test('holds what happened beside the row, and not the partition', async () => {
    const layout = layoutOf(PEOPLE, { partitionColumns: ['name'] });
    const changes = struct([...PEOPLE.fields, field('_change_type', STRING)]);
    const store = memoryStore();
    const rows = [
      [1n, 'a', 'insert'],
      [2n, 'a', 'delete'],
    ];
    const [cdc] = await writeChangeFiles(store, tableOfRows(changes, rows), { layout, signal });
    const file = must(cdc, 'the file written');
    expect(file.path).toMatch(/^_change_data\/name=a\/cdc-00000-[0-9a-f-]{36}\.c000\.zstd\.parquet$/);
    expect((await physicalColumns(store, file)).map(({ name }) => name)).toEqual(['id', '_change_type']);
    const extra = [field('_change_type', STRING, false)];
    using open = await openDataFile(store, file, { layout, signal, extra });
    const read = [...rowsOf(await open.read({ signal }), changes)];
    expect(read).toEqual(rows);
  });
});

describe('deletion vectors', () => {
  test('of one commit share a file that is written once and read by slices', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uniqueArray(fc.nat(200_000), { minLength: 1, maxLength: 50 }), {
          minLength: 1,
          maxLength: 4,
        }),
        async (ordinals) => {
          const store = memoryStore();
          const sets = ordinals.map((some) => RowSet.from(some));
          const descriptors = await writeDeletionVectors(store, sets, { signal });
          expect(descriptors[0]?.offset).toBe(1);
          const keys: string[] = [];
          for await (const { key } of store.list('', { signal })) keys.push(key);
          expect(keys).toEqual([expect.stringMatching(/^deletion_vector_[0-9a-f-]{36}\.bin$/)]);
          for (const [i, descriptor] of descriptors.entries()) {
            const read = await readDeletionVector(store, descriptor, { signal });
            expect(read.equals(must(sets[i], 'the set'))).toBe(true);
          }
        },
      ),
      { numRuns: 50 },
    );
    expect(await writeDeletionVectors(memoryStore(), [], { signal })).toEqual([]);
  });

  test('that are gone are told by their file', async () => {
    const store = memoryStore();
    const [descriptor] = await writeDeletionVectors(store, [RowSet.from([1])], { signal });
    const other = memoryStore();
    const failure = await readDeletionVector(other, must(descriptor, 'it'), { signal }).catch(
      (cause: unknown) => cause,
    );
    expect(isSluiceError(failure, 'FILE_NOT_FOUND') && failure.message).toContain('deletion_vector_');
  });
});
