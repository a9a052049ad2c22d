import { DataType as ArrowType, type Data, type Table } from 'apache-arrow';
import { must } from '../base/errors.js';
import { compareUtf8 } from '../base/utf8-order.js';
import { statsColumns, type StatsColumn, type StatsOptions } from '../protocol/stats-columns.js';
import type { FileStats } from '../protocol/stats.js';
import type { StructType, Value } from '../schema/types.js';
import { columnChunks } from './chunks.js';
import { boundsOf } from './column-bounds.js';
import { dataReader } from './data-reader.js';

/**
 * The stats of a data file that holds exactly the table's rows. Bounds are whole values: `formatStats` truncates them.
 * A column without bounds (all null, a NaN among its values, a type that has none) still has its null count. A struct's
 * leaf counts as null where the struct is. Delta protocol, "Per-file Statistics".
 *
 * @param struct - the table's columns, under the names that the stats are to have
 */
export function computeStats(table: Table, struct: StructType, options: StatsOptions): FileStats {
  const minValues = new Map<string, Value>();
  const maxValues = new Map<string, Value>();
  const nullCount = new Map<string, number>();
  for (const column of statsColumns(struct, options)) {
    const leaves = columnChunks(table, column.names[0] ?? '').map((chunk) => leafOf(chunk, column.names));
    nullCount.set(
      column.path,
      leaves.reduce((sum, leaf) => sum + leaf.nullCount, 0),
    );
    const bounds = column.bounded ? columnBounds(leaves, column) : undefined;
    if (bounds === undefined) continue;
    minValues.set(column.path, bounds.min);
    maxValues.set(column.path, bounds.max);
  }
  return { numRecords: table.numRows, minValues, maxValues, nullCount, tightBounds: true };
}

/** A leaf column of one chunk, null wherever a struct around it is. */
function leafOf(chunk: Data, names: readonly string[]): Data {
  let data = chunk;
  for (const name of names.slice(1)) {
    const index = data.type.children.findIndex((field: { name: string }) => field.name === name);
    const child: Data = must(data.children[index], `field ${name} of a struct column`);
    data = data.nullCount === 0 ? child : maskedBy(child, data);
  }
  return data;
}

/** The child with a bitmap that also has the parent's nulls. */
function maskedBy(child: Data, parent: Data): Data {
  const bitmap = new Uint8Array((child.offset + child.length + 7) >> 3);
  let nullCount = child.length;
  for (let row = 0; row < child.length; row++) {
    if (!parent.getValid(row) || !child.getValid(row)) continue;
    const bit = child.offset + row;
    bitmap[bit >> 3] = (bitmap[bit >> 3] ?? 0) | (1 << (bit & 7));
    nullCount--;
  }
  const { valueOffsets, values, typeIds } = child;
  return child.clone(child.type, child.offset, child.length, nullCount, [
    valueOffsets,
    values,
    bitmap,
    typeIds,
  ]);
}

/** The least and the greatest value over all chunks; undefined where there is none or they have no order. */
function columnBounds(leaves: readonly Data[], column: StatsColumn): { min: Value; max: Value } | undefined {
  const ends: Value[] = [];
  for (const leaf of leaves) {
    if (leaf.nullCount === leaf.length || ArrowType.isNull(leaf.type)) continue;
    const rows = boundsOf(leaf);
    if (rows === undefined) return undefined;
    const read = dataReader(leaf, column.type, column.path);
    ends.push(read(rows.min), read(rows.max));
  }
  const [first] = ends;
  if (first === undefined) return undefined;
  let min = first;
  let max = first;
  for (const value of ends) {
    if (compareValues(value, min) < 0) min = value;
    if (compareValues(value, max) > 0) max = value;
  }
  return { min, max };
}

function compareValues(one: Value, other: Value): number {
  if (typeof one === 'string' && typeof other === 'string') return compareUtf8(one, other);
  return must(one, 'a bound') < must(other, 'a bound') ? -1 : one === other ? 0 : 1;
}
