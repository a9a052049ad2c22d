import { DataType as ArrowType, type Data, type Table } from 'apache-arrow';
import { joinKey, keyPart } from '../schema/key-text.js';
import type { DataType, StructField } from '../schema/types.js';
import { chunkedReader, columnChunks, nullTest } from './chunks.js';
import { dataReader } from './data-reader.js';

/**
 * Reads the key of a row over the given columns as the canonical text of `schema/key-text`; `null` when any part is null.
 * At least one column; one column of integers or strings is read without a value in between.
 */
export function keyReader(table: Table, fields: readonly StructField[]): (row: number) => string | null {
  const parts = fields.map((field) =>
    chunkedReader(columnChunks(table, field.name), (chunk) => partReader(chunk, field.type, field.name)),
  );
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return only;
  return (row) => {
    const texts: string[] = [];
    for (const part of parts) {
      const text = part(row);
      if (text === null) return null;
      texts.push(text);
    }
    return joinKey(texts);
  };
}

function partReader(data: Data, type: DataType, column: string): (row: number) => string | null {
  const fast = integerText(data, type);
  if (fast !== undefined) {
    const isNull = nullTest(data);
    return isNull === undefined ? fast : (row) => (isNull(row) ? null : fast(row));
  }
  const read = dataReader(data, type, column);
  return (row) => {
    const value = read(row);
    return value === null ? null : typeof value === 'string' ? value : keyPart(type, value);
  };
}

function integerText(data: Data, type: DataType): ((row: number) => string) | undefined {
  if (type.kind !== 'primitive' || !ArrowType.isInt(data.type)) return undefined;
  if (!['byte', 'short', 'integer', 'long'].includes(type.name)) return undefined;
  if (data.type.bitWidth < 64) {
    const values: Int32Array = data.values;
    return (row) => String(values[row] ?? 0);
  }
  if (type.name !== 'long') return undefined;
  const longs: BigInt64Array = data.values;
  const words = new Int32Array(longs.buffer, longs.byteOffset, longs.length * 2);
  return (row) => {
    const low = words[row * 2] ?? 0;
    const high = words[row * 2 + 1] ?? 0;
    if (high === low >> 31) return String(low);
    // 2^21 * 2^32 is where a double stops holding each integer.
    if (high >= -0x20_0000 && high < 0x20_0000) return String(high * 0x1_0000_0000 + (low >>> 0));
    return String(longs[row] ?? 0n);
  };
}
