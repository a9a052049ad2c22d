import type { TableBuilder } from '../columnar/table-builder.js';
import type { JsonValue } from '../base/json.js';
import type { DataType, StructField, StructType, Value } from '../schema/types.js';
import type { RawRecord } from './record.js';

/**
 * What a record does to a row. `foreign`: it is no row change and is to be passed over (a heartbeat, a
 * transaction marker, a schema change, a logical message). `bad`: it cannot be read; `problem(i)` says why.
 */
export const Op = {
  foreign: 0,
  read: 1,
  create: 2,
  update: 3,
  delete: 4,
  truncate: 5,
  tombstone: 6,
  bad: 7,
} as const;
export type Op = (typeof Op)[keyof typeof Op];

/**
 * Facts about a record, as bits.
 *
 * - `before`, `after`: that half is there and not null.
 * - `placeholder`: the `after` half may hold an unavailable value (an unchanged TOAST column). May be set
 *   without one being there; never missing where there is one. `RowAppender.placeholders` is exact.
 * - `oldKey`, `newKey`: the headers `__debezium.oldkey`, `__debezium.newkey` are there: one half of a key change.
 * - `snapshot`: the record came from a snapshot, initial or incremental.
 */
export const Flag = { before: 1, after: 2, placeholder: 4, oldKey: 8, newKey: 16, snapshot: 32 } as const;

/** Which image of the row. */
export type Half = 'before' | 'after';

/** Where a change was made. Interned per decoder: the same table is the same object. Absent parts are ''. */
export type Origin = {
  readonly connector: string;
  readonly name: string;
  readonly db: string;
  readonly schema: string;
  readonly table: string;
};

/**
 * Why a record cannot be used. `reason` is constant text for people and never holds row data.
 *
 * - `json`: not JSON, or not UTF-8.
 * - `envelope`: JSON, but no change event of Debezium's.
 * - `key`: the record key is missing, has another shape, or a part of it is absent or null.
 * - `value`: a value that its column cannot hold without loss.
 * - `schema`: a value of another kind than its column's.
 */
export type RecordProblem = {
  readonly kind: 'json' | 'envelope' | 'key' | 'value' | 'schema';
  readonly reason: string;
  readonly field?: string;
};

/**
 * A column as the records have it. `nullable` is false only for fields of the record key. `metadata`
 * belongs into the created column: `sluice.unit` says how numbers of a time column count.
 */
export type SourceColumn = {
  readonly name: string;
  /** The source itself says the type (schema half); else it is known, configured or inferred. */
  readonly declared: boolean;
  readonly type: DataType;
  readonly nullable: boolean;
  readonly metadata: Readonly<Record<string, JsonValue>>;
};

/**
 * What tells a change from the others at its place. `ordinal`: the source numbers the changes of a transaction, and no
 * other change there has this number. `content`: a digest of the change; another at the same place may equal it.
 */
export type EventIdentity = { readonly kind: 'ordinal' | 'content'; readonly text: string };

/** The columns that some records need, or the first record that does not agree with the others. */
export type ColumnsFound =
  | { readonly kind: 'found'; readonly columns: readonly SourceColumn[] }
  | { readonly kind: 'problem'; readonly problem: RecordProblem; readonly row: number };

/**
 * What a cheap look at a run of records of one partition found: arrays by record index, in offset order.
 * Rows are not read before someone asks for them.
 */
export interface Changes {
  readonly topic: string;
  readonly partition: number;
  readonly length: number;
  /** Bytes of all keys and values. */
  readonly bytes: number;
  /** `Op` by record. */
  readonly op: Uint8Array;
  /** `Flag` bits by record. */
  readonly flags: Uint8Array;
  /** Position texts (`position.ts`); '' for records that are no row change with a source. */
  readonly position: readonly string[];

  offset(i: number): number;
  /** The record's timestamp, ms since 1970. */
  timestamp(i: number): number;
  origin(i: number): Origin;

  /** Names of the record key's fields, in order, interned per topic. Undefined: a null key, or one that is no object. */
  keyFields(i: number): readonly string[] | undefined;

  /**
   * Canonical text (`schema/key-text`) of the record key for these key columns. Undefined for a null key,
   * and for a key that lacks a part, or holds null or a value its column cannot hold: then `problem(i)` says why.
   */
  key(i: number, columns: readonly StructField[]): string | undefined;

  /** The values behind `key(i, columns)`, in the columns' order; empty where that is undefined. */
  keyValues(i: number, columns: readonly StructField[]): readonly Value[];

  /** Canonical text of the key the row had before a key change (header `__debezium.oldkey`). */
  oldKey(i: number, columns: readonly StructField[]): string | undefined;

  /** Canonical text of the key the row goes on under after a key change (header `__debezium.newkey`). */
  newKey(i: number, columns: readonly StructField[]): string | undefined;

  /** What tells a row change from others at its place: the same when the source delivers the change again. */
  identity(i: number): EventIdentity;

  /** Why a record of `Op.bad` is bad, or why a question about record `i` got undefined for an answer. */
  problem(i: number): RecordProblem | undefined;

  raw(i: number): RawRecord;

  /**
   * Columns that these rows' halves need, in source order, as Delta types: what the source says where it
   * says it; else the `known` table's type, then the configured one, then careful inference over all the
   * given rows. A column that is only null and that nobody knows is left out.
   */
  columns(rows: ArrayLike<number>, half: Half, known: StructType | undefined): ColumnsFound;

  /**
   * Writes rows of `target` columnwise. Columns named in `own` are the caller's: the appender leaves them alone.
   */
  appender(target: StructType, own?: readonly string[]): RowAppender;
}

/** Reads row images straight from record bytes into the columns of a table builder. */
export interface RowAppender {
  /**
   * Appends one cell to each column of `builder` (whose schema has all the target's columns, by name)
   * except our own ones. A field that `target` does not name is passed over; a column that the record
   * lacks gets null. A problem: the builder is as before.
   */
  append(i: number, half: Half, builder: TableBuilder): RecordProblem | undefined;

  /**
   * Builder column indexes that held the unavailable-value placeholder in the row appended last; null was
   * put there. The array is reused: read it before the next append.
   */
  readonly placeholders: readonly number[];

  /**
   * By column: how many infinities, NaN decimals and instants beyond the type's range became null so far
   * (timestamps: 64-bit microseconds; dates: years -290308 to 294247, what Spark can read).
   */
  readonly outOfRange: ReadonlyMap<string, number>;
}
