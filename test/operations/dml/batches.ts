import { Table } from 'apache-arrow';
import { structOf, type ArrowBatch, type ArrowTable } from '../../../src/columnar/arrow.js';
import type { StructType } from '../../../src/schema/types.js';

/** A batch as a table, and its columns as Delta types. */
export function tableOfBatch(batch: ArrowBatch): { readonly rows: ArrowTable; readonly struct: StructType } {
  return { rows: new Table(batch), struct: structOf(batch.schema) };
}
