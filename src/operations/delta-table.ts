import { never } from '../base/signals.js';
import { concat, emptyTable, type ArrowBatch, type ArrowTable } from '../columnar/arrow.js';
import { recordCount } from '../protocol/stats.js';
import type { StructType } from '../schema/types.js';
import type { ObjectStore } from '../storage/object-store.js';
import { pruneFiles } from '../table/prune.js';
import { scan } from '../table/scan.js';
import { openSnapshot, type Snapshot } from '../table/snapshot.js';
import { append } from './append.js';
import { readChanges } from './change-feed.js';
import { firstVersionSince, lastVersionUntil } from './commit-list.js';
import { assignmentsNow, conditionNow } from './condition.js';
import { tableDetail, type TableDetail } from './detail.js';
import { deleteRows } from './dml/delete-rows.js';
import { updateRows } from './dml/update-rows.js';
import { readHistory, type HistoryEntry } from './history.js';
import { mustFindColumns } from './merge/locate.js';
import type { Isolation } from './merge/rebase.js';
import { instantMs, type Moment } from './moment.js';
import { plainRows } from './plain-rows.js';
import type { PlainRow } from './plain-values.js';
import { restoreTable } from './restore.js';
import { tablesOf, type RowData } from './rows-to-append.js';

export type Cancellable = {
  /** Ends the wait; what was begun is dropped whole. Default: never. */
  readonly signal?: AbortSignal;
};

export type OpenOptions = Cancellable & (Moment | { readonly version?: never; readonly timestamp?: never });

export type ReadOptions = Cancellable & {
  /** Columns by name, in the order wanted. Default: all. */
  readonly columns?: readonly string[];
  /** Spark SQL: rows for which it is true. docs/expressions.md lists the language. */
  readonly where?: string;
};

export type LimitedReadOptions = ReadOptions & {
  /** At most so many rows, which ones is not said. Default: all. */
  readonly limit?: number;
};

/** A live data file of a table. */
export type FileEntry = {
  /** As it stands in the log: percent-encoded, relative to the table or absolute. */
  readonly path: string;
  readonly sizeInBytes: number;
  readonly modifiedAtMs: number;
  /** Values as text, null for null; keys are physical column names. */
  readonly partitionValues: Readonly<Record<string, string | null>>;
  /** Rows in the file, deleted ones included; undefined if the log does not tell. */
  readonly rows: number | undefined;
  /** Rows that a deletion vector marks. */
  readonly deletedRows: number;
};

/** What became of a verb that writes. */
export type VerbResult = {
  /** The table at the version that the verb made; at the one before if there was nothing to do. */
  readonly table: DeltaTable;
  /** `operationMetrics`, as Delta Spark names them. */
  readonly metrics: Readonly<Record<string, string>>;
};

export type WriteConflictOptions = Cancellable & {
  /**
   * What others may do at the same time. `serializable` (the default): the table is as if one writer had come after the
   * other. `write-serializable`: rows that others only append need not be seen.
   */
  readonly isolation?: Isolation;
  /** How often the verb is planned anew when another writer got in its way. Default 10. */
  readonly retries?: number;
};

export type DeleteOptions = WriteConflictOptions & {
  /** Spark SQL: rows for which it is true go. Default: all. */
  readonly where?: string;
};

export type UpdateOptions = DeleteOptions & {
  /** New values by column, in Spark SQL over the row as it was; `a.b` is a field of a struct. */
  readonly set: Readonly<Record<string, string>>;
};

/**
 * A Delta table at one version. Immutable: nothing that others commit shows until the table is opened again, and a verb
 * that writes gives the new version.
 *
 * ```ts
 * const table = await DeltaTable.open('./customers');
 * for await (const batch of table.scan({ columns: ['id', 'city'], where: "country = 'DE'" })) console.log(batch.numRows);
 * ```
 */
export class DeltaTable {
  readonly #snapshot: Snapshot;

  private constructor(snapshot: Snapshot) {
    this.#snapshot = snapshot;
  }

  /**
   * Opens the table at a URL (a path, `file://`, `memory://`), its latest version or the one asked for. A timestamp means
   * the latest version committed at or before it; one later than the last commit is refused, as Delta Spark does.
   *
   * @throws SluiceError TABLE_NOT_FOUND, VERSION_NOT_FOUND, PROTOCOL_UNSUPPORTED, CORRUPT_LOG
   */
  static async open(location: string | ObjectStore, options: OpenOptions = {}): Promise<DeltaTable> {
    const { signal = never, version, timestamp } = options;
    const snapshot = await openSnapshot(location, {
      signal,
      ...(version === undefined ? {} : { version }),
      ...(timestamp === undefined ? {} : { timestampMs: instantMs(timestamp) }),
    });
    return new DeltaTable(snapshot);
  }

  get version(): number {
    return this.#snapshot.version;
  }

  /** Where the table lies. */
  get url(): string {
    return this.#snapshot.store.url;
  }

  /** The columns with their Delta types. */
  schema(): StructType {
    return this.#snapshot.schema;
  }

  /**
   * The live data files; with `where` those that may hold a row for which it is true, by partition values and stats.
   *
   * @throws SluiceError EXPRESSION_INVALID
   */
  files(options: Pick<ReadOptions, 'where'> = {}): readonly FileEntry[] {
    const { layout, files } = this.#snapshot;
    const where = options.where === undefined ? undefined : conditionNow(options.where);
    return [...pruneFiles(layout, files, where)].map(({ file }) => ({
      path: file.path,
      sizeInBytes: file.size,
      modifiedAtMs: file.modificationTime,
      partitionValues: Object.fromEntries(file.partitionValues),
      rows: recordCount(file.stats),
      deletedRows: file.deletionVector?.cardinality ?? 0,
    }));
  }

  /** The row of DESCRIBE DETAIL. */
  detail(): Promise<TableDetail> {
    return Promise.resolve(tableDetail(this.#snapshot));
  }

  /** The rows of DESCRIBE HISTORY up to this version, latest first. */
  history(options: Cancellable & { readonly limit?: number } = {}): Promise<readonly HistoryEntry[]> {
    const { signal = never, limit } = options;
    return readHistory(this.#snapshot, { signal, ...(limit === undefined ? {} : { limit }) });
  }

  /**
   * The rows, as Arrow record batches: those for which `where` is true. Files that partition values or stats rule out are
   * not opened; one row group is held at a time.
   *
   * @throws SluiceError EXPRESSION_INVALID, SCHEMA_MISMATCH for an unknown column, FILE_NOT_FOUND, CORRUPT_FILE
   */
  async *scan(options: ReadOptions = {}): AsyncGenerator<ArrowBatch, void, undefined> {
    for await (const rows of this.#tables(options)) yield* rows.batches;
  }

  /** All rows asked for as one Arrow table, in memory. */
  async toArrow(options: LimitedReadOptions = {}): Promise<ArrowTable> {
    const tables: ArrowTable[] = [];
    for await (const rows of this.#tables(options)) tables.push(rows);
    return tables.length === 0 ? emptyTable(this.#columns(options.columns)) : concat(tables);
  }

  /** All rows asked for as objects, in memory: `PlainValue` says how each type comes. */
  async toRows(options: LimitedReadOptions = {}): Promise<PlainRow[]> {
    const struct = this.#columns(options.columns);
    const found: PlainRow[] = [];
    for await (const rows of this.#tables(options)) {
      for (const row of plainRows(rows, struct)) found.push(row);
    }
    return found;
  }

  /**
   * Appends rows in one commit: Arrow tables, record batches, objects (`PlainValue` says what is taken), or a stream of
   * them. Others may commit meanwhile. Columns that are left out become null.
   *
   * @throws SluiceError SCHEMA_MISMATCH, PROTOCOL_UNSUPPORTED, CONFLICT if the table was redefined meanwhile
   */
  async append(data: RowData, options: Cancellable = {}): Promise<VerbResult> {
    const { signal = never } = options;
    const tables = tablesOf(data, this.#snapshot.schema);
    const { snapshot, metrics } = await append(this.#snapshot, tables, { signal });
    return { table: new DeltaTable(snapshot), metrics };
  }

  /**
   * Deletes rows in one commit, by deletion vectors where the table has them on. Commits of others that do not touch the
   * rows are let pass; after one that does the verb looks again. No such row makes no commit.
   *
   * @throws SluiceError EXPRESSION_INVALID, PROTOCOL_UNSUPPORTED for a table of appends only, CONFLICT
   */
  async delete(options: DeleteOptions = {}): Promise<VerbResult> {
    const { where, ...rest } = options;
    const { snapshot, metrics } = await deleteRows(this.#snapshot, {
      signal: never,
      ...rest,
      where: where === undefined ? undefined : conditionNow(where),
    });
    return { table: new DeltaTable(snapshot), metrics };
  }

  /**
   * Changes columns of rows in one commit; for the rest see {@link delete}.
   *
   * @throws SluiceError EXPRESSION_INVALID, SCHEMA_MISMATCH for a value that its column cannot hold,
   *   PROTOCOL_UNSUPPORTED for a table of appends only, CONFLICT
   */
  async update(options: UpdateOptions): Promise<VerbResult> {
    const { where, set, ...rest } = options;
    const { snapshot, metrics } = await updateRows(this.#snapshot, {
      signal: never,
      ...rest,
      where: where === undefined ? undefined : conditionNow(where),
      set: assignmentsNow(Object.entries(set)),
    });
    return { table: new DeltaTable(snapshot), metrics };
  }

  /**
   * Makes the table what it was at a version or moment, in one commit: rows, columns and properties. What applications
   * note about themselves in the table (`txn`) stays.
   *
   * @throws SluiceError VERSION_NOT_FOUND; FILE_NOT_FOUND, naming files that VACUUM has taken; CONFLICT
   */
  async restore(to: Moment & Cancellable): Promise<VerbResult> {
    const { signal = never } = to;
    const { snapshot, metrics } = await restoreTable(this.#snapshot, to, { signal });
    return { table: new DeltaTable(snapshot), metrics };
  }

  /**
   * The change feed from one version or moment to another, both inclusive, up to the latest version if `to` is left out
   * or later than the last commit: rows with `_change_type`, `_commit_version` and `_commit_timestamp`, under the schema
   * at the end. `changeFeed` of `sluice` follows a table instead.
   *
   * @throws SluiceError VERSION_NOT_FOUND, FEED_UNAVAILABLE, SCHEMA_CHANGED
   */
  async *changes(
    options: Cancellable & { readonly from: Moment; readonly to?: Moment },
  ): AsyncGenerator<ArrowBatch, void, undefined> {
    const { signal = never } = options;
    const { store } = this.#snapshot;
    const from = await this.#firstVersion(options.from, signal);
    const to = options.to === undefined ? undefined : await this.#lastVersion(options.to, signal);
    const range = { from, signal, ...(to === undefined ? {} : { to }) };
    for await (const rows of readChanges(store, range)) yield* rows.batches;
  }

  #columns(names: readonly string[] | undefined): StructType {
    const { schema, layout } = this.#snapshot;
    if (names === undefined) return schema;
    return { kind: 'struct', fields: mustFindColumns(this.#snapshot, layout, names) };
  }

  #tables({ signal = never, columns, where, limit }: LimitedReadOptions): AsyncIterable<ArrowTable> {
    this.#columns(columns);
    return scan(this.#snapshot, {
      signal,
      ...(columns === undefined ? {} : { columns }),
      ...(where === undefined ? {} : { where: conditionNow(where) }),
      ...(limit === undefined ? {} : { limit }),
    });
  }

  async #firstVersion(moment: Moment, signal: AbortSignal): Promise<number> {
    if (moment.version !== undefined) return moment.version;
    const latest = await openSnapshot(this.#snapshot.store, { signal });
    return firstVersionSince(latest, instantMs(moment.timestamp), { signal });
  }

  async #lastVersion(moment: Moment, signal: AbortSignal): Promise<number> {
    if (moment.version !== undefined) return moment.version;
    const latest = await openSnapshot(this.#snapshot.store, { signal });
    return lastVersionUntil(latest, instantMs(moment.timestamp), { signal });
  }
}
