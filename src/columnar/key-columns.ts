import type { Data, Table } from 'apache-arrow';
import { joinKey, keyPart } from '../schema/key-text.js';
import type { DataType, StructField } from '../schema/types.js';
import { chunkedReader, columnChunks, nullTest } from './chunks.js';
import { dataReader } from './data-reader.js';
import { integerText, isIntegerName } from './integer-text.js';

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
  const fast = type.kind === 'primitive' && isIntegerName(type.name) ? integerText(data) : undefined;
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
