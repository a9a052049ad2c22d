import { DataType as ArrowType, DateUnit, Precision, TimeUnit, type Data } from 'apache-arrow';
import { must } from '../base/errors.js';
import type { Batch, Present, Vector } from '../expr/vectors.js';
import type { DataType, StructType, Value } from '../schema/types.js';
import { dataReader } from './data-reader.js';

/**
 * Columns of one record batch as an expression over `struct` sees them. `find` gives a column's cells by its name; asking
 * for one that is not there is our bug.
 */
export function batchView(struct: StructType, rows: number, find: (name: string) => Data | undefined): Batch {
  const vectors: (Vector | undefined)[] = [];
  const dataOf = (column: number): readonly [Data, DataType, string] => {
    const { name, type } = must(struct.fields[column], 'the column that a condition reads');
    return [must(find(name), `column ${name} of a batch`), type, name];
  };
  return {
    rows,
    vector: (column) => {
      const [data, type] = dataOf(column);
      return (vectors[column] ??= vectorOf(data, type));
    },
    cells: (column): ((row: number) => Value) => dataReader(...dataOf(column)),
  };
}

/** The chunk's cells in place, if they lie as values of the type do; any other reading is left to `cells`. */
function vectorOf(data: Data, type: DataType): Vector {
  const { type: arrow } = data;
  const present = presentIn(data);
  if (present === null) return CELLS;
  if (type.kind === 'decimal') {
    if (!ArrowType.isDecimal(arrow) || arrow.scale !== type.scale) return CELLS;
    return wordsIn(data, arrow.bitWidth >> 5, present);
  }
  if (type.kind !== 'primitive') return CELLS;
  switch (type.name) {
    case 'byte':
    case 'short':
    case 'integer':
      return ArrowType.isInt(arrow) && arrow.bitWidth < 64 && arrow.isSigned
        ? numbersIn(data, present)
        : CELLS;
    case 'float':
    case 'double':
      return ArrowType.isFloat(arrow) && arrow.precision !== Precision.HALF
        ? numbersIn(data, present)
        : CELLS;
    case 'date':
      return ArrowType.isDate(arrow) && arrow.unit === DateUnit.DAY ? numbersIn(data, present) : CELLS;
    case 'long':
      return ArrowType.isInt(arrow) && arrow.bitWidth === 64 && arrow.isSigned
        ? wordsIn(data, 2, present)
        : CELLS;
    case 'timestamp':
    case 'timestamp_ntz':
      return ArrowType.isTimestamp(arrow) && arrow.unit === TimeUnit.MICROSECOND
        ? wordsIn(data, 2, present)
        : CELLS;
    case 'string':
      return ArrowType.isUtf8(arrow)
        ? { kind: 'text', offsets: data.valueOffsets, bytes: data.values ?? NO_BYTES, present }
        : CELLS;
    case 'boolean':
      return ArrowType.isBool(arrow)
        ? { kind: 'booleans', bits: data.values, offset: data.offset, present }
        : CELLS;
    default:
      return CELLS;
  }
}

const CELLS: Vector = { kind: 'cells' };
const NO_BYTES = new Uint8Array(0);

/** Null if the cells are all null without a bitmap that says so. */
function presentIn({ nullBitmap, nullCount, offset }: Data): Present | null {
  if (nullCount === 0) return undefined;
  return nullBitmap === null || nullBitmap === undefined || nullBitmap.length === 0
    ? null
    : { bits: nullBitmap, offset };
}

function numbersIn({ values }: Data, present: Present): Vector {
  return { kind: 'numbers', values, present };
}

function wordsIn({ values, length }: Data, width: number, present: Present): Vector {
  const cells: Uint32Array | BigInt64Array = values;
  // Decimals lie as bytes where a writer packed them oddly; words need their own alignment.
  if (cells.byteOffset % 4 !== 0) return CELLS;
  return {
    kind: 'words',
    words: new Int32Array(cells.buffer, cells.byteOffset, length * width),
    width,
    present,
  };
}
