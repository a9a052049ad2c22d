import type { Data, Table } from 'apache-arrow';
import { canonicalValue } from '../schema/canonical.js';
import type { DataType, StructType } from '../schema/types.js';
import { chunkedReader, columnChunks, nullTest } from './chunks.js';
import { dataReader } from './data-reader.js';
import { integerText, isIntegerName } from './integer-text.js';

/** Large enough that writing it out is not paid per row, small enough that nobody waits for the first rows. */
const PIECE_UNITS = 64 * 1024;

/**
 * The rows as canonical JSON objects, one a line, each line ended by a newline; keys are the columns of `struct` in its
 * order. Comes in pieces of whole lines, made as they are asked for. The form is that of `canonicalRow`.
 */
export function* ndjson(table: Table, struct: StructType): Generator<string, void, undefined> {
  const columns = struct.fields.map((field, index) => {
    const text = chunkedReader(columnChunks(table, field.name), (chunk) =>
      textReader(chunk, field.type, field.name),
    );
    return { key: `${index === 0 ? '{' : ','}${JSON.stringify(field.name)}:`, text };
  });
  const close = columns.length === 0 ? '{}\n' : '}\n';
  let piece = '';
  for (let row = 0; row < table.numRows; row++) {
    for (const { key, text } of columns) piece += key + text(row);
    piece += close;
    if (piece.length < PIECE_UNITS) continue;
    yield piece;
    piece = '';
  }
  if (piece !== '') yield piece;
}

function textReader(chunk: Data, type: DataType, column: string): (row: number) => string {
  const integers = type.kind === 'primitive' && isIntegerName(type.name) ? integerText(chunk) : undefined;
  if (integers !== undefined) {
    const isNull = nullTest(chunk);
    return isNull === undefined ? integers : (row) => (isNull(row) ? 'null' : integers(row));
  }
  const read = dataReader(chunk, type, column);
  return (row) => canonicalValue(type, read(row));
}
