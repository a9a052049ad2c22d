import type { Action, Metadata, Protocol } from '../protocol/actions.js';
import type { StructType } from '../schema/types.js';
import type { TableLayout } from '../table/layout.js';

export type CreateOptions = {
  readonly schema: StructType;
  readonly partitionBy?: readonly string[];
  /** Table properties. Default: deletion vectors and the change feed are on. A property given here wins. */
  readonly properties?: Readonly<Record<string, string>>;
  /** Columns of the rows' key: they are made non-null-checked names of the schema. */
  readonly keyColumns?: readonly string[];
  readonly name?: string;
  readonly description?: string;
  readonly nowMs: number;
};

export type CreatedTable = {
  readonly protocol: Protocol;
  readonly metaData: Metadata;
  /** What data files of the new table are written with. */
  readonly layout: TableLayout;
  /** protocol and metaData, in that order: they follow commitInfo in version 0. */
  readonly actions: readonly Action[];
  /** `operationParameters` of CREATE TABLE. */
};

/**
 * The actions that make a table: protocol (3,7) with exactly the features that its schema and properties need, and its
 * metadata. Names that Parquet readers can't hold turn column mapping by name on; names that differ only by case, or
 * that the change feed keeps for itself, are `SCHEMA_MISMATCH`.
 */
export declare function createTableActions(options: CreateOptions): CreatedTable;
