import type { Table } from 'apache-arrow';
import TextTable from 'cli-table3';
import type { DataType, StructType, Value } from '../schema/types.js';
import { rowsOf } from './cells.js';
import { cellText } from './cell-text.js';

export type TextTableOptions = {
  /** The most characters that a cell shows; what is longer ends in `…`. */
  readonly cellCharacters: number;
};

/**
 * The rows as a table for a terminal, numbers to the right, nulls as NULL. Holds all of the text: for as many rows as
 * people look at. Control characters are shown as `\u…`, so that a value cannot steer the terminal.
 */
export function textTable(table: Table, struct: StructType, options: TextTableOptions): string {
  const text = new TextTable({
    head: struct.fields.map(({ name }) => visible(name)),
    colAligns: struct.fields.map(({ type }) => (isNumber(type) ? 'right' : 'left')),
    style: { head: [], border: [], compact: true },
  });
  for (const row of rowsOf(table, struct)) {
    text.push(row.map((value, column) => shown(struct.fields[column]?.type, value, options.cellCharacters)));
  }
  return `${text.toString()}\n`;
}

function shown(type: DataType | undefined, value: Value, most: number): string {
  if (value === null || type === undefined) return 'NULL';
  const text = visible(cellText(type, value));
  // Cut by whole characters; the cheap test spares most cells the split.
  if (text.length <= most) return text;
  const characters = Array.from(text);
  return characters.length <= most ? text : `${characters.slice(0, most - 1).join('')}…`;
}

function visible(text: string): string {
  return text.replace(
    /\p{Cc}/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function isNumber(type: DataType): boolean {
  if (type.kind === 'decimal') return true;
  return (
    type.kind === 'primitive' && ['byte', 'short', 'integer', 'long', 'float', 'double'].includes(type.name)
  );
}
