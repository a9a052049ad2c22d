import type { ArrowTable } from '../../columnar/arrow.js';
import { chunkedReader, columnChunks, nullTest } from '../../columnar/chunks.js';
import { keyReader } from '../../columnar/key-columns.js';
import type { StructField } from '../../schema/types.js';
import type { KeySet } from './key-set.js';
import type { RowProbe } from './probe-files.js';

/** Looks rows of a table up in a batch's keys: one integer column by number, anything else by the key's text. */
export function keyProbe(table: ArrowTable, columns: readonly StructField[], keys: KeySet): RowProbe {
  const text = keyReader(table, columns);
  const [column] = columns;
  if (columns.length === 1 && column !== undefined && keys.numbers !== undefined) {
    return integerProbe(table, column, keys, keys.numbers, text);
  }
  return (row) => {
    const key = text(row);
    return key !== null && keys.has(key) ? key : null;
  };
}

/** The text of a key is built for hits only; a long that no double holds is looked up by its text. */
function integerProbe(
  table: ArrowTable,
  column: StructField,
  keys: KeySet,
  numbers: { has(key: number): boolean },
  text: (row: number) => string | null,
): RowProbe {
  const mayHit = chunkedReader(columnChunks(table, column.name), (chunk) => {
    const isNull = nullTest(chunk);
    const has = integerTest(chunk.values, numbers);
    return isNull === undefined ? has : (row: number) => !isNull(row) && has(row);
  });
  return (row) => {
    if (!mayHit(row)) return null;
    const key = text(row);
    return key !== null && keys.has(key) ? key : null;
  };
}

function integerTest(values: unknown, numbers: { has(key: number): boolean }): (row: number) => boolean {
  if (values instanceof BigInt64Array) {
    const words = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
    return (row) => {
      const low = words[row * 2] ?? 0;
      const high = words[row * 2 + 1] ?? 0;
      if (high === low >> 31) return numbers.has(low);
      // Beyond 2^21 * 2^32 a double no longer holds each integer: the text decides.
      if (high < -0x20_0000 || high >= 0x20_0000) return true;
      return numbers.has(high * 0x1_0000_0000 + (low >>> 0));
    };
  }
  if (values instanceof Int32Array || values instanceof Int16Array || values instanceof Int8Array) {
    return (row) => numbers.has(values[row] ?? 0);
  }
  return () => true;
}
