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
  /** The UTF-8 bytes of a field of text that is no null; undefined if the field lies otherwise in memory. */
  bytes(field: string): ((row: number) => Uint8Array) | undefined;
};

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
  return {
    rows: rowsPresent(data),
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
    bytes(field) {
      const text = child(field)?.data;
      if (text === undefined || !ArrowType.isUtf8(text.type)) return undefined;
      const values: Uint8Array = text.values;
      const offsets: Int32Array = text.valueOffsets;
      return (row) => values.subarray(offsets[row] ?? 0, offsets[row + 1] ?? 0);
    },
  };
}

function rowsPresent(data: Data): Uint32Array {
  const isNull = nullTest(data);
  const rows = new Uint32Array(data.length - (isNull === undefined ? 0 : data.nullCount));
  let count = 0;
  for (let row = 0; row < data.length; row++) if (isNull === undefined || !isNull(row)) rows[count++] = row;
  return rows;
}
