import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { parquetMetadata, type FileMetaData } from 'hyparquet';
import { describe, expect, test } from 'vitest';
import { isSluiceError, SluiceError } from '../../src/base/errors.js';
import { project } from '../../src/columnar/arrow.js';
import { rowsOf } from '../../src/columnar/cells.js';
import { openParquet, writeParquet, type ParquetSource } from '../../src/columnar/parquet.js';
import { DOUBLE, field, INTEGER, LONG, STRING, struct, TIMESTAMP } from '../../src/schema/build.js';
import { parseColumnsText } from '../../src/schema/type-text.js';
import type { StructType, Value } from '../../src/schema/types.js';
import { rowsWithColumns, tableOfRows } from './arbitraries.js';
import { inMemory } from './sources.js';

const WIDE: StructType = struct([field('id', LONG, false), field('name', STRING), field('x', DOUBLE)]);

function wideRows(count: number): Value[][] {
  return Array.from({ length: count }, (_, i): Value[] => [BigInt(i), `name ${i}`, i / 7]);
}

function footerOf(bytes: Uint8Array): FileMetaData {
  return parquetMetadata(bytes.slice().buffer);
}

describe('writing', () => {
  test('types, names and nullability are those that Spark writes', () => {
    const text =
      'id BIGINT NOT NULL, at TIMESTAMP, ntz TIMESTAMP_NTZ, day DATE, b TINYINT, d DECIMAL(12,2), tags ARRAY<STRING>, m MAP<STRING, BIGINT>';
    const schema = struct(parseColumnsText(text).map((column) => column.field));
    const { schema: elements } = footerOf(writeParquet(tableOfRows(schema, [])));
    const shape = elements.map(({ name, repetition_type, type, logical_type }) => [
      name,
      repetition_type,
      type,
      logical_type?.type,
    ]);
    expect(shape.slice(1)).toEqual([
      ['id', 'REQUIRED', 'INT64', undefined],
      ['at', 'OPTIONAL', 'INT64', 'TIMESTAMP'],
      ['ntz', 'OPTIONAL', 'INT64', 'TIMESTAMP'],
      ['day', 'OPTIONAL', 'INT32', 'DATE'],
      ['b', 'OPTIONAL', 'INT32', 'INTEGER'],
      ['d', 'OPTIONAL', 'INT64', 'DECIMAL'],
      ['tags', 'OPTIONAL', undefined, 'LIST'],
      ['list', 'REPEATED', undefined, undefined],
      ['element', 'OPTIONAL', 'BYTE_ARRAY', 'STRING'],
      ['m', 'OPTIONAL', undefined, 'MAP'],
      ['key_value', 'REPEATED', undefined, undefined],
      ['key', 'REQUIRED', 'BYTE_ARRAY', 'STRING'],
      ['value', 'OPTIONAL', 'INT64', undefined],
    ]);
    expect(elements.find(({ name }) => name === 'at')?.logical_type).toMatchObject({
      isAdjustedToUTC: true,
      unit: 'MICROS',
    });
    expect(elements.find(({ name }) => name === 'ntz')?.logical_type).toMatchObject({
      isAdjustedToUTC: false,
      unit: 'MICROS',
    });
  });

  test('the id of a mapped column is its field id, in nested columns too', async () => {
    const mapped = (name: string, id: number, type: StructType['fields'][number]['type']) =>
      field(name, type, true, { 'delta.columnMapping.id': id });
    const schema = struct([mapped('a', 7, INTEGER), mapped('s', 9, struct([mapped('b', 8, STRING)]))]);
    const bytes = writeParquet(tableOfRows(schema, []));
    expect(
      footerOf(bytes)
        .schema.map(({ name, field_id }) => [name, field_id])
        .slice(1),
    ).toEqual([
      ['a', 7],
      ['s', 9],
      ['b', 8],
    ]);
    using file = await openParquet(inMemory(bytes));
    expect(file.schema.fields[1]?.metadata).toEqual({ 'PARQUET:field_id': 9 });
  });

  test('the footer holds statistics, the codec that was asked for, and row groups of at most the rows asked for', () => {
    const codecs = { zstd: 'ZSTD', snappy: 'SNAPPY', uncompressed: 'UNCOMPRESSED' } as const;
    for (const compression of ['zstd', 'snappy', 'uncompressed'] as const) {
      const { row_groups: groups } = footerOf(
        writeParquet(tableOfRows(WIDE, wideRows(25)), { compression, rowsPerGroup: 10 }),
      );
      expect(groups.map(({ num_rows }) => Number(num_rows))).toEqual([10, 10, 5]);
      const meta = groups[1]?.columns[0]?.meta_data;
      expect(meta?.codec).toBe(codecs[compression]);
      expect(meta?.statistics).toMatchObject({ min_value: 10n, max_value: 19n, null_count: 0n });
    }
  });

  test('a column of few values gets a dictionary, one of many does not', () => {
    const rows = Array.from({ length: 3000 }, (_, i): Value[] => [BigInt(i), `name ${i % 5}`, i / 7]);
    const [group] = footerOf(writeParquet(tableOfRows(WIDE, rows))).row_groups;
    const encodings = group?.columns.map(({ meta_data }) => meta_data?.encodings.includes('RLE_DICTIONARY'));
    expect(encodings).toEqual([false, true, false]);
  });
});

describe('reading', () => {
  test('any columns and row groups come back in file order, and what is not there is absent', async () => {
    const rows = wideRows(95);
    const bytes = writeParquet(tableOfRows(WIDE, rows), { rowsPerGroup: 10 });
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.constantFrom<string[]>('id', 'name', 'x', 'gone'), { maxLength: 4 }),
        fc.uniqueArray(fc.nat(9), { maxLength: 10 }),
        async (columns, groups) => {
          using file = await openParquet(inMemory(bytes));
          const table = await file.read({ columns, groups });
          const wanted = [...groups]
            .sort((a, b) => a - b)
            .flatMap((group) => rows.slice(group * 10, group * 10 + 10));
          const fields = WIDE.fields.filter(({ name }) => columns.includes(name));
          expect(table.schema.fields.map(({ name }) => name)).toEqual(fields.map(({ name }) => name));
          expect(table.numRows).toBe(wanted.length);
          const indexes = fields.map((each) => WIDE.fields.indexOf(each));
          const expected = wanted.map((row) => indexes.map((index) => row[index]));
          expect([...rowsOf(table, struct(fields))]).toEqual(expected);
        },
      ),
      { numRuns: 50 },
    );
  });

  test('groups say where their rows stand in the file', async () => {
    using file = await openParquet(
      inMemory(writeParquet(tableOfRows(WIDE, wideRows(25)), { rowsPerGroup: 10 })),
    );
    expect(file.groups).toEqual([
      { rows: 10, firstRow: 0 },
      { rows: 10, firstRow: 10 },
      { rows: 5, firstRow: 20 },
    ]);
    expect(file.columns).toEqual(['id', 'name', 'x']);
  });

  test('names with dots, and a struct beside a column of the same dotted name, are told apart', async () => {
    const schema = struct([field('s.b', LONG), field('s', struct([field('b', LONG), field('c', STRING)]))]);
    const rows: Value[][] = [[1n, { b: 2n, c: 'x' }]];
    using file = await openParquet(inMemory(writeParquet(tableOfRows(schema, rows))));
    const flat = await file.read({ columns: ['s.b'] });
    expect([...rowsOf(flat, struct(schema.fields.slice(0, 1)))]).toEqual([[1n]]);
    const nested = await file.read({ columns: ['s'] });
    expect([...rowsOf(nested, struct(schema.fields.slice(1)))]).toEqual([[{ b: 2n, c: 'x' }]]);
  });

  test('only the bytes of the asked columns and groups are fetched', async () => {
    const rows = Array.from({ length: 60_000 }, (_, i): Value[] => [
      BigInt(i * 7919),
      `name ${i * 31}`,
      Math.sin(i),
    ]);
    const bytes = writeParquet(tableOfRows(WIDE, rows), { rowsPerGroup: 20_000 });
    const source = inMemory(bytes);
    using file = await openParquet(source);
    expect(source.reads).toHaveLength(1);
    source.reads.length = 0;
    await file.read({ columns: ['id'], groups: [1] });
    const fetched = source.reads.reduce((sum, [start, end]) => sum + end - start, 0);
    expect(source.reads).toHaveLength(1);
    expect(fetched).toBeLessThan(bytes.length / 6);
  });

  test('a footer longer than the first read is fetched whole', async () => {
    const schema = struct(
      Array.from({ length: 700 }, (_, i) => field(`a_rather_long_column_name_${i}`, INTEGER)),
    );
    const rows = [schema.fields.map((_, i): Value => i)];
    const bytes = writeParquet(tableOfRows(schema, rows));
    const source = inMemory(bytes);
    using file = await openParquet(source);
    expect(source.reads).toHaveLength(2);
    expect([...rowsOf(await file.read(), schema)]).toEqual(rows);
  });

  test('INT96 timestamps keep years beyond the reach of nanoseconds', async () => {
    const bytes = readFileSync(new URL('files/int96-year-9999.parquet', import.meta.url));
    using file = await openParquet(inMemory(bytes));
    const times = file.schema.fields.filter(
      ({ type }) => type.kind === 'primitive' && type.name === 'timestamp',
    );
    expect(times).toHaveLength(2);
    const [name] = times.map((each) => each.name);
    const table = project(
      await file.read(),
      times.map((each) => each.name),
    );
    // 9999-12-31T00:00:00Z and 2022-01-01T00:00:00Z.
    expect(name).toBeDefined();
    expect([...rowsOf(table, struct(times.map((each) => field(each.name, TIMESTAMP))))]).toEqual([
      [253_402_214_400_000_000n, 1_640_995_200_000_000n],
    ]);
  });
});

describe('failures', () => {
  const bytes = writeParquet(tableOfRows(WIDE, wideRows(500)), { rowsPerGroup: 100 });

  test("a store's own error comes through as it is, from open and from read", async () => {
    const denied = new SluiceError('STORE_DENIED', 'no');
    let fail = true;
    const source: ParquetSource = {
      size: bytes.length,
      read: async (start, end) => {
        if (fail) throw denied;
        return bytes.subarray(start, end);
      },
    };
    await expect(openParquet(source)).rejects.toBe(denied);
    fail = false;
    const file = await openParquet(source);
    fail = true;
    await expect(file.read()).rejects.toBe(denied);
    fail = false;
    expect((await file.read()).numRows).toBe(500);
  });

  test.each([
    ['nothing', new Uint8Array(0)],
    ['other bytes', Buffer.from('this is some text and no Parquet')],
    ['a file cut off at its end', bytes.subarray(0, bytes.length - 10)],
    ['a file cut off at its start', bytes.subarray(bytes.length - 400)],
  ])('%s is a corrupt file, by name', async (_, broken) => {
    const opened = openParquet(inMemory(broken)).then((file) => file.read());
    await expect(opened).rejects.toMatchObject({ code: 'CORRUPT_FILE', context: { file: 'part-0.parquet' } });
  });

  test('flipped bytes are read or refused, and the next file is read as ever', async () => {
    await fc.assert(
      fc.asyncProperty(
        rowsWithColumns(undefined, 10),
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 }),
        async ({ struct: schema, rows }, flips) => {
          const broken = writeParquet(tableOfRows(schema, rows));
          for (const [at, mask] of flips)
            broken[at % broken.length] = (broken[at % broken.length] ?? 0) ^ mask;
          try {
            using file = await openParquet(inMemory(broken));
            await file.read();
          } catch (cause) {
            if (!isSluiceError(cause, 'CORRUPT_FILE') && !isSluiceError(cause, 'SCHEMA_MISMATCH'))
              throw cause;
          }
        },
      ),
      { numRuns: 300 },
    );
    using file = await openParquet(inMemory(bytes));
    expect((await file.read()).numRows).toBe(500);
  });
});
