import { DataType as ArrowType, type Data, type Table } from 'apache-arrow';
import type { DataType, Value } from '../schema/types.js';
import { deltaType } from './arrow-types.js';
import { findChunks, nullTest } from './chunks.js';
import { dataReader } from './data-reader.js';

/** One chunk of a column of structs: the structs that are no null, and their fields by their row in the chunk. */
export type StructChunk = {
  /** Rows of structs that are no null, ascending. */
  readonly rows: Uint32Array;
  has(field: string): boolean;
  /** Whether a field is null, or not there. */
  isNull(field: string): (row: number) => boolean;
  /** Reads whole structs, each field as its own type. */
  whole(): (row: number) => Value;
  /**
   * Reads a field as values of a type, by default of its own; null for a field that is not there.
   *
   * @throws SluiceError SCHEMA_MISMATCH if its values are no values of the type
   */
  reader(field: string, type?: DataType): (row: number) => Value;
  /** Whether each cell of a field is null, or the field is not there. */
  isAllNull(field: string): boolean;
  /** Whether each cell of a field of maps is null or empty. */
  isAllEmpty(field: string): boolean;
  /**
   * An integer field for each of `rows`, in their order: NaN for a null and for what a double does not hold exactly;
   * undefined for a field of another type.
   */
  integers(field: string): Float64Array | undefined;
  /** The bytes of a field of text: row `i` is from `offsets[i]` to `offsets[i + 1]`; undefined if it lies otherwise in memory. */
  text(field: string): Utf8Column | undefined;
};

export type Utf8Column = { readonly values: Uint8Array; readonly offsets: Int32Array };

/** The chunks of a column of structs; none if the table has no such column. */
export function structChunks(table: Table, column: string): readonly StructChunk[] {
  const chunks = findChunks(table, column) ?? [];
  return chunks.filter((chunk) => ArrowType.isStruct(chunk.type)).map((chunk) => structChunk(chunk, column));
}

function structChunk(data: Data, column: string): StructChunk {
  const child = (field: string): { readonly data: Data; readonly type: ArrowType } | undefined => {
    const at = (data.type.children as readonly { readonly name: string }[]).findIndex(
      ({ name }) => name === field,
    );
    const found = data.children[at];
    return found === undefined ? undefined : { data: found, type: found.type };
  };
  const rows = rowsPresent(data);
  return {
    rows,
    has: (field) => child(field) !== undefined,
    isNull(field) {
      const found = child(field);
      return found === undefined ? () => true : (nullTest(found.data) ?? (() => false));
    },
    whole: () => dataReader(data, deltaType(data.type, column), column),
    reader(field, type) {
      const found = child(field);
      if (found === undefined) return () => null;
      const name = `${column}.${field}`;
      return dataReader(found.data, type ?? deltaType(found.type, name), name);
    },
    isAllNull(field) {
      const found = child(field)?.data;
      return found === undefined || found.nullCount === found.length;
    },
    isAllEmpty(field) {
      const found = child(field)?.data;
      if (found === undefined || !ArrowType.isMap(found.type)) return false;
      const offsets: Int32Array = found.valueOffsets;
      return offsets[0] === offsets[found.length];
    },
    integers(field) {
      const found = child(field)?.data;
      if (found === undefined || !ArrowType.isInt(found.type)) return undefined;
      return integersOf(found, rows);
    },
    text(field) {
      const found = child(field)?.data;
      if (found === undefined || !ArrowType.isUtf8(found.type)) return undefined;
      return { values: found.values, offsets: found.valueOffsets };
    },
  };
}

function integersOf(data: Data, rows: Uint32Array): Float64Array {
  const numbers = new Float64Array(rows.length);
  const isNull = nullTest(data);
  if (data.values instanceof BigInt64Array) {
    // The halves of each number, without a bigint for it.
    const { buffer, byteOffset, length } = data.values;
    const halves = new Int32Array(buffer, byteOffset, length * 2);
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i] ?? 0;
      const number = (halves[row * 2 + 1] ?? 0) * 2 ** 32 + ((halves[row * 2] ?? 0) >>> 0);
      numbers[i] = isNull?.(row) === true || !Number.isSafeInteger(number) ? NaN : number;
    }
    return numbers;
  }
  const values: ArrayLike<number | bigint> = data.values;
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] ?? 0;
    const number = Number(values[row]);
    numbers[i] = isNull?.(row) === true || !Number.isSafeInteger(number) ? NaN : number;
  }
  return numbers;
}

function rowsPresent(data: Data): Uint32Array {
  const isNull = nullTest(data);
  const rows = new Uint32Array(data.length - (isNull === undefined ? 0 : data.nullCount));
  let count = 0;
  for (let row = 0; row < data.length; row++) if (isNull === undefined || !isNull(row)) rows[count++] = row;
  return rows;
}
