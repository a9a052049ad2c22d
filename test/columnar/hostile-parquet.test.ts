import { describe, expect, test } from 'vitest';
import { isSluiceError } from '../../src/base/errors.js';
import { rowsOf } from '../../src/columnar/cells.js';
import { inParquetModule, parquetModule } from '../../src/columnar/parquet-module.js';
import { openParquet, writeParquet } from '../../src/columnar/parquet.js';
import { TableBuilder } from '../../src/columnar/table-builder.js';
import {
  decodeThrift,
  decodeThriftAt,
  encodeThrift,
  Wire,
  type ThriftStruct,
  type ThriftValue,
} from '../../src/columnar/thrift.js';
import { LONG, STRING, field, struct } from '../../src/schema/build.js';
import type { Value } from '../../src/schema/types.js';

const COLUMNS = struct([field('id', LONG), field('v', STRING)]);

/** Two row groups of two columns, 1,000 rows in all. */
function wholeFile(): Uint8Array {
  const rows = new TableBuilder(COLUMNS);
  for (let row = 0; row < 1_000; row++) {
    rows.column(0).append(BigInt(row));
    rows.column(1).append(`row ${row}`);
  }
  return writeParquet(rows.finish(), { rowsPerGroup: 500, compression: 'snappy' });
}

async function read(bytes: Uint8Array, columns?: readonly string[]): Promise<Value[][]> {
  using file = await openParquet({
    size: bytes.length,
    read: async (start, end) => bytes.subarray(start, end),
  });
  const table = await file.read(columns === undefined ? {} : { columns });
  return columns?.length === 0
    ? Array.from({ length: table.numRows }, () => [])
    : [...rowsOf(table, COLUMNS)];
}

/** Why the file cannot be read; it must be told as damage of the file. */
async function refusal(bytes: Uint8Array, columns?: readonly string[]): Promise<string> {
  const failure: unknown = await read(bytes, columns).then(
    () => 'it was read',
    (cause: unknown) => cause,
  );
  expect(failure).toMatchObject({ code: 'CORRUPT_FILE' });
  return isSluiceError(failure) ? String(failure.cause) : String(failure);
}

type Change = (value: ThriftValue | undefined) => ThriftValue;

function changed(value: ThriftValue | undefined, path: readonly number[], change: Change): ThriftValue {
  const [step, ...rest] = path;
  if (step === undefined) return change(value);
  if (typeof value !== 'object' || value instanceof Uint8Array) throw new TypeError('nothing below it');
  if ('items' in value)
    return { ...value, items: value.items.with(step, changed(value.items[step], rest, change)) };
  const found = value.get(step);
  if (found === undefined) throw new TypeError(`no field ${step}`);
  return new Map(value).set(step, { wire: found.wire, value: changed(found.value, rest, change) });
}

function withFooter(bytes: Uint8Array, edit: (footer: ThriftStruct) => ThriftValue): Uint8Array {
  const end = bytes.length - 8;
  const start = end - new DataView(bytes.buffer, bytes.byteOffset).getUint32(end, true);
  return fileOf(bytes.subarray(0, start), edit(decodeThrift(bytes.subarray(start, end))));
}

function fileOf(head: Uint8Array, footer: ThriftValue): Uint8Array {
  if (!(footer instanceof Map)) throw new TypeError('a footer is a struct');
  const encoded = encodeThrift(footer);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(encoded.length);
  return new Uint8Array(Buffer.concat([head, encoded, length, Buffer.from('PAR1')]));
}

/** The file with a number of its footer changed. */
function withNumber(path: readonly number[], number: number | bigint): Uint8Array {
  return withFooter(wholeFile(), (footer) => changed(footer, path, () => number));
}

const GROUPS = 4;
const META = 3;

describe('a footer whose numbers cannot be', () => {
  test.each([
    ['rows of a group that its columns do not have', [GROUPS, 0, 3], 2 ** 31 - 1],
    ['rows beyond what an array holds', [GROUPS, 0, 3], 2n ** 40n],
    ['values of a column that its group does not have', [GROUPS, 0, 1, 0, META, 5], 400],
    ['a chunk longer than the file', [GROUPS, 0, 1, 0, META, 7], 2 ** 40],
    ['a chunk of an impossible length', [GROUPS, 0, 1, 0, META, 7], 2n ** 62n],
    ['a chunk that begins behind the end', [GROUPS, 0, 1, 0, META, 9], 2 ** 33],
    ['a negative place', [GROUPS, 0, 1, 0, META, 9], -1],
  ] as const)('is refused before anything is decoded: %s', async (_, path, number) => {
    const before = parquetModule();
    expect(await refusal(withNumber(path, number))).toMatch(/RangeError|SyntaxError/);
    expect(parquetModule()).toBe(before);
  });

  test('is refused where only its rows are counted', async () => {
    expect(await refusal(withNumber([GROUPS, 0, 3], 2 ** 31 - 1), [])).toContain('values for');
    expect(await read(wholeFile(), [])).toHaveLength(1_000);
  });

  test('is refused where row groups share their bytes: a small file would have rows without end', async () => {
    const often = withFooter(wholeFile(), (footer) =>
      changed(footer, [GROUPS], (groups) => {
        if (typeof groups !== 'object' || !('items' in groups)) throw new TypeError('no groups');
        return { ...groups, items: Array.from({ length: 5_000 }, () => groups.items[0] ?? 0) };
      }),
    );
    expect(await refusal(often)).toContain('longer than the file');
  });
});

describe('a page whose numbers cannot be', () => {
  /** The file with the header of its first page written anew; chunks behind it are not looked at. */
  function withPage(path: readonly number[], change: Change): Uint8Array {
    const bytes = wholeFile();
    const { struct: header, end } = decodeThriftAt(bytes, 4);
    const anew = changed(header, path, change);
    if (!(anew instanceof Map)) throw new TypeError('a header is a struct');
    const head = encodeThrift(anew);
    const file = new Uint8Array(Buffer.concat([bytes.subarray(0, 4), head, bytes.subarray(end)]));
    const by = head.length - (end - 4);
    return withFooter(file, (footer) =>
      changed(footer, [GROUPS, 0, 1, 0, META, 7], (size) => Number(size) + by),
    );
  }

  test('is read where nothing is wrong with it', async () => {
    const bytes = withPage([2], (size) => size ?? 0);
    expect(await read(bytes)).toHaveLength(1_000);
  });

  test.each([
    ['uncompressed bytes that those of the page cannot become', [2], 2 ** 31 - 1],
    ['more bytes than the column has', [3], 2 ** 31 - 1],
    ['a negative size', [3], -5],
  ])('is refused before anything is decoded: %s', async (_, path, number) => {
    const before = parquetModule();
    expect(await refusal(withPage(path, () => number))).toMatch(/RangeError|SyntaxError/);
    expect(parquetModule()).toBe(before);
  });

  test('is refused for a checksum that its bytes do not have', async () => {
    const { struct: header, end } = decodeThriftAt(wholeFile(), 4);
    expect(header.has(4)).toBe(false);
    const bytes = wholeFile();
    const head = encodeThrift(new Map(header).set(4, { wire: Wire.i32, value: 7 }));
    const file = new Uint8Array(Buffer.concat([bytes.subarray(0, 4), head, bytes.subarray(end)]));
    const by = head.length - (end - 4);
    const summed = withFooter(file, (footer) =>
      changed(footer, [GROUPS, 0, 1, 0, META, 7], (size) => Number(size) + by),
    );
    expect(await refusal(summed)).toContain('checksum');
  });
});

test('bytes that the codec has no answer to cost it its module, and the next file is read by a fresh one', async () => {
  const element = (name: string, children: number): ThriftStruct =>
    new Map<number, { wire: number; value: ThriftValue }>([
      ...(children === 0 ? ([[1, { wire: Wire.i32, value: 1 }]] as const) : []),
      [3, { wire: Wire.i32, value: 0 }],
      [4, { wire: Wire.binary, value: Buffer.from(name) }],
      ...(children === 0 ? [] : ([[5, { wire: Wire.i32, value: children }]] as const)),
    ]);
  const levels = Array.from({ length: 20_000 }, (_, level) => element(`c${level}`, 1));
  const schema = [element('root', 1), ...levels, element('leaf', 0)];
  const deep = fileOf(
    Buffer.from('PAR1'),
    new Map<number, { wire: number; value: ThriftValue }>([
      [1, { wire: Wire.i32, value: 2 }],
      [2, { wire: Wire.list, value: { element: Wire.struct, items: schema } }],
      [3, { wire: Wire.i64, value: 0 }],
      [4, { wire: Wire.list, value: { element: Wire.struct, items: [] } }],
    ]),
  );
  const before = parquetModule();
  expect(await refusal(deep)).toContain('nested too deeply');
  expect(parquetModule()).toBe(before);
  const trap = () => inParquetModule((wasm) => wasm.readSchema(deep).intoIPCStream());
  for (let times = 0; times < 5; times++) expect(trap).toThrow(/stack size|out of bounds|unreachable/);
  expect(parquetModule()).not.toBe(before);
  expect(await read(wholeFile())).toHaveLength(1_000);
});
