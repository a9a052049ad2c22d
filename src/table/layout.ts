import type { StructType } from '../schema/types.js';

/**
 * What a writer or reader of data files must know of a table: its logical schema (with column mapping metadata,
 * where the table has it), the partition columns by logical name, and the table properties. A commit that changes the
 * schema writes its files with the layout that it is about to commit.
 */
export type TableLayout = {
  readonly schema: StructType;
  readonly partitionColumns: readonly string[];
  readonly configuration: Readonly<Record<string, string>>;
};
