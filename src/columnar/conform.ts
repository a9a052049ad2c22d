import type { Data, Table } from 'apache-arrow';
import { DataType as ArrowType } from 'apache-arrow';
import { must, SluiceError } from '../base/errors.js';
import type { DataType, StructField, StructType } from '../schema/types.js';
import { arrowField, arrowType } from './arrow-types.js';
import { tableOfData } from './assemble.js';
import { findChunks } from './chunks.js';
import { concatData, sameLayout } from './concat.js';
import { constantData } from './constant.js';
import { dataReader } from './data-reader.js';
import { columnBuilder } from './table-builder.js';

/**
 * The table's rows under exactly the columns of `struct`: in its order, under its names, each in the one Arrow type that
 * Sluice has for its Delta type. A column that the table lacks is all null, at any level of structs; one of a narrower
 * type is widened (Delta protocol, "Type Widening"); columns that `struct` does not have are left out.
 * `nameIn` gives the name that a field bears in the table, where that is another (its physical name).
 * What already fits is not copied.
 *
 * @throws SluiceError SCHEMA_MISMATCH if a column holds no values of its type
 */
export function conform(
  table: Table,
  struct: StructType,
  nameIn: (field: StructField) => string = (field) => field.name,
): Table {
  const columns = struct.fields.map((field) => {
    const chunks = findChunks(table, nameIn(field));
    if (chunks === undefined) return constantData(field.type, null, table.numRows);
    const fitted = chunks.map((chunk) => conformData(chunk, field.type, nameIn, field.name));
    return concatData(fitted, arrowType(field.type));
  });
  return tableOfData(struct.fields.map(arrowField), columns, table.numRows);
}

function conformData(
  data: Data,
  type: DataType,
  nameIn: (field: StructField) => string,
  column: string,
): Data {
  const target = arrowType(type);
  if (type.kind === 'struct' && ArrowType.isStruct(data.type))
    return conformStruct(data, type, nameIn, column);
  if (type.kind === 'primitive' && type.name === 'variant' && ArrowType.isStruct(data.type)) {
    return conformVariant(data, target, column);
  }
  if (!holdsStruct(type)) {
    return sameLayout(data.type, target) ? retyped(data, target) : rebuilt(data, type, column);
  }
  if (type.kind === 'array' && ArrowType.isList(data.type)) {
    const child = conformData(must(data.children[0], 'elements of a list'), type.element, nameIn, column);
    return retyped(data, target, [child]);
  }
  if (type.kind === 'map' && ArrowType.isMap(data.type)) {
    const entries = must(data.children[0], 'entries of a map');
    const [key, value] = entries.children;
    const children = [
      conformData(must(key, 'keys of a map'), type.key, nameIn, column),
      conformData(must(value, 'values of a map'), type.value, nameIn, column),
    ];
    const entryType = must(target.children[0], 'entries of a map').type;
    return retyped(data, target, [retyped(entries, entryType, children)]);
  }
  return rebuilt(data, type, column);
}

/** Writers differ in which half of a variant comes first: only their names tell. Delta protocol, "Variant Data in Parquet". */
function conformVariant(data: Data, target: ArrowType, column: string): Data {
  const names = data.type.children.map((field: { name: string }) => field.name);
  const halves = target.children.map(({ name, type }: { name: string; type: ArrowType }) => {
    const half = data.children[names.indexOf(name)];
    if (half !== undefined && sameLayout(half.type, type)) return half;
    throw new SluiceError('SCHEMA_MISMATCH', `column ${column} holds variants without a binary ${name}`, {
      context: { column },
    });
  });
  return retyped(data, target, halves);
}

function conformStruct(
  data: Data,
  struct: StructType,
  nameIn: (field: StructField) => string,
  column: string,
): Data {
  const names = data.type.children.map((field: { name: string }) => field.name);
  const children = struct.fields.map((field) => {
    const child = data.children[names.indexOf(nameIn(field))];
    return child === undefined
      ? constantData(field.type, null, data.length)
      : conformData(child, field.type, nameIn, `${column}.${field.name}`);
  });
  return retyped(data, arrowType(struct), children);
}

function holdsStruct(type: DataType): boolean {
  if (type.kind === 'array') return holdsStruct(type.element);
  if (type.kind === 'map') return holdsStruct(type.key) || holdsStruct(type.value);
  return type.kind === 'struct';
}

/** The same cells under another type of the same layout. */
function retyped(data: Data, type: ArrowType, children: Data[] = data.children): Data {
  return data.clone(type, data.offset, data.length, data.nullCount, undefined, children);
}

function rebuilt(data: Data, type: DataType, column: string): Data {
  const read = dataReader(data, type, column);
  const builder = columnBuilder(type);
  for (let row = 0; row < data.length; row++) builder.append(read(row));
  return builder.finish();
}
