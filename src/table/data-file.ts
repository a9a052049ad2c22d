import { SluiceError, isSluiceError, unreachable } from '../base/errors.js';
import { conform, constantColumn, withColumn, type ArrowTable } from '../columnar/arrow.js';
import { openParquet, type ChunkStats, type ParquetReader } from '../columnar/parquet.js';
import { castBetween } from '../expr/casts.js';
import type { Bounds } from '../expr/may-match.js';
import type { DeletionVectorDescriptor, PartitionValues } from '../protocol/actions.js';
import type { RowSet } from '../protocol/row-set.js';
import type { DataType, StructField, StructType, Value } from '../schema/types.js';
import type { ObjectStore } from '../storage/object-store.js';
import { fieldId, mappingMode, physicalName, type MappingMode } from './column-mapping.js';
import { readDeletionVector } from './deletion-vectors.js';
import type { TableLayout } from './layout.js';
import { locateFile, type FileLocation } from './location.js';
import { parsePartitionValue } from './partition-values.js';

/** What is needed of an `add`, `remove` or `cdc` action to read its file. */
export type FileAction = {
  readonly path: string;
  readonly partitionValues?: PartitionValues;
  readonly size?: number;
  readonly deletionVector?: DeletionVectorDescriptor;
};

export type OpenFileOptions = {
  /** How the rows are to be seen: usually that of the snapshot, which may be newer than the file. */
  readonly layout: TableLayout;
  readonly signal: AbortSignal;
  /** Columns of the file that are no columns of the table (`_change_type`), read by their own name. */
  readonly extra?: readonly StructField[];
};

export type ReadFileOptions = {
  readonly signal: AbortSignal;
  /** Logical names (of `extra` too), in the order wanted. Default: every column of the layout, then `extra`. */
  readonly columns?: readonly string[];
  /** Indexes of row groups, ascending. Default: all. */
  readonly groups?: readonly number[];
};

/** An open data file. Rows keep the file's order; a row's ordinal counts from 0 through the whole file. */
export interface DataFile extends Disposable {
  /** Physical rows, those in the deletion vector included. */
  readonly rows: number;
  readonly groups: readonly { readonly rows: number; readonly firstRow: number }[];
  /** Ordinals that the deletion vector names, undefined if the action has none. */
  deleted(signal: AbortSignal): Promise<RowSet | undefined>;
  /**
   * Logical columns for the physical rows of those groups, deleted ones included: names mapped, columns that the file
   * lacks null, types that have widened since upcast, partition values constant.
   */
  read(options: ReadFileOptions): Promise<ArrowTable>;
  /** About how many bytes these columns (as for {@link read}) of a row group are when decoded. */
  bytes(group: number, columns: readonly string[]): number;
  /** What is known of a row group before it is read, by logical names: partition values, the footer's statistics. */
  bounds(group: number): Bounds;
}

/**
 * Opens a file of the table; whoever opens it disposes of it. `FILE_NOT_FOUND` for a file that is gone, `CORRUPT_FILE`
 * for one that is no Parquet file; both name it.
 */
export async function openDataFile(
  store: ObjectStore,
  file: FileAction,
  options: OpenFileOptions,
): Promise<DataFile> {
  const parquet = await openAt(store, file, options.signal);
  try {
    const nameIn = storedNames(parquet, mappingMode(options.layout.configuration));
    return new ParquetDataFile(store, file, parquet, options, nameIn);
  } catch (cause) {
    parquet[Symbol.dispose]();
    throw cause;
  }
}

class ParquetDataFile implements DataFile {
  readonly rows: number;
  readonly groups: readonly { readonly rows: number; readonly firstRow: number }[];
  readonly #store: ObjectStore;
  readonly #file: FileAction;
  readonly #parquet: ParquetReader;
  readonly #layout: TableLayout;
  readonly #fields: readonly StructField[];
  readonly #nameIn: NameIn;

  constructor(
    store: ObjectStore,
    file: FileAction,
    parquet: ParquetReader,
    { layout, extra = [] }: OpenFileOptions,
    nameIn: NameIn,
  ) {
    this.rows = parquet.rows;
    this.groups = parquet.groups;
    this.#store = store;
    this.#file = file;
    this.#parquet = parquet;
    this.#layout = layout;
    this.#fields = [...layout.schema.fields, ...extra];
    this.#nameIn = (field) => (extra.includes(field) ? field.name : nameIn(field));
  }

  async deleted(signal: AbortSignal): Promise<RowSet | undefined> {
    const descriptor = this.#file.deletionVector;
    return descriptor === undefined ? undefined : readDeletionVector(this.#store, descriptor, { signal });
  }

  async read({ signal, columns, groups }: ReadFileOptions): Promise<ArrowTable> {
    signal.throwIfAborted();
    const fields = columns === undefined ? this.#fields : columns.map((name) => this.#field(name));
    const constants = fields.filter(({ name }) => this.#layout.partitionColumns.includes(name));
    const stored = fields.filter((field) => !constants.includes(field)).map(this.#nameIn);
    const table = await this.#parquet.read({ columns: stored, ...(groups === undefined ? {} : { groups }) });
    signal.throwIfAborted();
    const nameIn = (field: StructField) => (constants.includes(field) ? ABSENT : this.#nameIn(field));
    return constants.reduce(
      (rows, field) =>
        withColumn(rows, field, constantColumn(field.type, this.#constant(field), rows.numRows)),
      this.#conform(table, { kind: 'struct', fields }, nameIn),
    );
  }

  bounds(group: number): Bounds {
    const numRecords = this.groups[group]?.rows;
    const stats = (path: readonly string[]) => this.#stats(group, path);
    return {
      numRecords,
      min: (path) => stats(path)?.min,
      max: (path) => stats(path)?.max,
      nullCount: (path) => stats(path)?.nullCount,
      constant: (column) => {
        const field = this.#fields.find(({ name }) => name === column);
        const isPartition = this.#layout.partitionColumns.includes(column);
        return field !== undefined && isPartition ? this.#constant(field) : undefined;
      },
    };
  }

  bytes(group: number, columns: readonly string[]): number {
    const stored = new Set(columns.map((name) => this.#nameIn(this.#field(name))));
    return this.#parquet.bytes(group, [...stored]);
  }

  /** In the type of the table: what is narrower in the file is widened, as its values are. */
  #stats(group: number, path: readonly string[]): Omit<ChunkStats, 'type'> | undefined {
    let fields = this.#fields;
    let type: DataType | undefined;
    const stored = path.map((name) => {
      const field = fields.find((one) => one.name === name);
      type = field?.type;
      fields = type?.kind === 'struct' ? type.fields : [];
      return field === undefined ? ABSENT : this.#nameIn(field);
    });
    const found = this.#parquet.stats(group, stored);
    if (found === undefined || type === undefined) return undefined;
    if (found === 'absent') return { min: undefined, max: undefined, nullCount: this.groups[group]?.rows };
    const cast = castBetween(found.type, type);
    const widen = (bound: Value | undefined): Value | undefined =>
      bound === undefined || cast?.monotone !== true ? undefined : (cast.convert(bound) ?? undefined);
    return { min: widen(found.min), max: widen(found.max), nullCount: found.nullCount };
  }

  [Symbol.dispose](): void {
    this.#parquet[Symbol.dispose]();
  }

  #field(name: string): StructField {
    const field = this.#fields.find((one) => one.name === name);
    if (field !== undefined) return field;
    throw new SluiceError('SCHEMA_MISMATCH', `the table has no column ${name}`, {
      context: { column: name, table: this.#store.url },
      hint: `its columns are ${this.#fields.map((one) => one.name).join(', ')}`,
    });
  }

  #constant(field: StructField): Value {
    const name = physicalName(field, mappingMode(this.#layout.configuration));
    return parsePartitionValue(field.type, this.#file.partitionValues?.get(name));
  }

  #conform(table: ArrowTable, struct: StructType, nameIn: NameIn): ArrowTable {
    try {
      return conform(table, struct, nameIn);
    } catch (cause) {
      if (!isSluiceError(cause, 'SCHEMA_MISMATCH')) throw cause;
      throw new SluiceError('CORRUPT_FILE', `${this.#file.path} does not fit its table: ${cause.message}`, {
        context: { ...cause.context, file: this.#file.path, table: this.#store.url },
        hint: 'rewrite the file with the engine that changed the type of this column',
        cause,
      });
    }
  }
}

/** The name that a field of the table has in a file. */
type NameIn = (field: StructField) => string;

/** A name that no column of a file has. */
const ABSENT = '\u0000';

/**
 * Finds a table's fields in one file: by physical name, or under mapping by id by nothing but the id. Without mapping a
 * top-level name that differs only by case is the same column, as for Spark.
 */
function storedNames(parquet: ParquetReader, mode: MappingMode): NameIn {
  if (mode === 'name') return (field) => physicalName(field, mode);
  if (mode === 'id') {
    const names = namesById(parquet.schema.fields);
    return (field) => names.get(fieldId(field) ?? -1) ?? ABSENT;
  }
  const exact = new Set(parquet.columns);
  const folded = new Map(parquet.columns.map((name) => [name.toLowerCase(), name]));
  return ({ name }) => (exact.has(name) ? name : (folded.get(name.toLowerCase()) ?? name));
}

function namesById(fields: readonly StructField[]): Map<number, string> {
  const names = new Map<number, string>();
  for (const { name, type, metadata } of fields) {
    const id = metadata['PARQUET:field_id'];
    if (id !== undefined) names.set(Number(id), name);
    for (const [nested, inner] of namesById(nestedFields(type))) names.set(nested, inner);
  }
  return names;
}

function nestedFields(type: DataType): readonly StructField[] {
  switch (type.kind) {
    case 'struct':
      return type.fields;
    case 'array':
      return nestedFields(type.element);
    case 'map':
      return [...nestedFields(type.key), ...nestedFields(type.value)];
    case 'decimal':
    case 'primitive':
      return [];
    default:
      return unreachable(type);
  }
}

/** Below this a file is read in one request: footer, pages and all. Above it only what is asked for. */
const WHOLE_BYTES = 2 ** 20;

async function openAt(table: ObjectStore, file: FileAction, signal: AbortSignal): Promise<ParquetReader> {
  const at = locateFile(table, file.path);
  const size = file.size ?? (await sizeOf(at, file, signal));
  try {
    return await openSized(at, file, size, signal);
  } catch (cause) {
    if (!isSluiceError(cause, 'CORRUPT_FILE') || file.size === undefined) throw cause;
    // A log may be wrong about a file's size; the footer stands at the end of what is there.
    const found = await sizeOf(at, file, signal);
    if (found === size) throw cause;
    return openSized(at, file, found, signal);
  }
}

async function openSized(
  at: FileLocation,
  file: FileAction,
  size: number,
  signal: AbortSignal,
): Promise<ParquetReader> {
  if (size <= WHOLE_BYTES) {
    const body = await at.store.get(at.key, { signal });
    if (body === undefined) throw gone(at, file);
    return openParquet({
      name: file.path,
      size: body.byteLength,
      read: async (start, end) => body.subarray(start, end),
    });
  }
  if ((await at.store.head(at.key, { signal })) === undefined) throw gone(at, file);
  const read = (start: number, end: number) => at.store.getRange(at.key, start, end, { signal });
  return openParquet({ name: file.path, size, read });
}

async function sizeOf(at: FileLocation, file: FileAction, signal: AbortSignal): Promise<number> {
  const meta = await at.store.head(at.key, { signal });
  if (meta === undefined) throw gone(at, file);
  return meta.size;
}

function gone(at: FileLocation, file: FileAction): SluiceError {
  return new SluiceError(
    'FILE_NOT_FOUND',
    `${at.store.url}/${at.key} is not there, though the log names it`,
    {
      context: { file: file.path, table: at.store.url },
      hint: 'the file was removed behind the log, by a VACUUM with a short retention perhaps: read a newer version',
    },
  );
}
