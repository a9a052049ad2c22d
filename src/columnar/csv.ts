import type { Table } from 'apache-arrow';
import type { StructType, Value } from '../schema/types.js';
import { rowsOf } from './cells.js';
import { cellText } from './cell-text.js';

const PIECE_UNITS = 64 * 1024;

export type CsvOptions = {
  /** Whether a line of column names comes first. */
  readonly header: boolean;
};

/**
 * The rows as RFC 4180 has them, lines ended by CRLF. A null is an empty field, an empty text a quoted one; nested values
 * are JSON. Comes in pieces of whole lines, made as they are asked for.
 */
export function* csv(
  table: Table,
  struct: StructType,
  options: CsvOptions,
): Generator<string, void, undefined> {
  let piece = options.header ? line(struct.fields.map(({ name }) => quoted(name))) : '';
  for (const row of rowsOf(table, struct)) {
    piece += line(row.map((value, column) => field(struct, column, value)));
    if (piece.length < PIECE_UNITS) continue;
    yield piece;
    piece = '';
  }
  if (piece !== '') yield piece;
}

function line(fields: readonly string[]): string {
  return `${fields.join(',')}\r\n`;
}

function field(struct: StructType, column: number, value: Value): string {
  const type = struct.fields[column]?.type;
  if (value === null || type === undefined) return '';
  const text = cellText(type, value);
  return text === '' ? '""' : quoted(text);
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
