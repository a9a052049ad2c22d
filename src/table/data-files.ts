import { randomUUID } from 'node:crypto';
import { SluiceError } from '../base/errors.js';
import { conform, type ArrowTable } from '../columnar/arrow.js';
import { computeStats } from '../columnar/file-stats.js';
import { writeParquetAside } from '../columnar/parquet.js';
import type { AddFile, CdcFile } from '../protocol/actions.js';
import { encodePath } from '../protocol/path.js';
import { formatStats } from '../protocol/stats.js';
import { STRING, field } from '../schema/build.js';
import type { StructField, StructType } from '../schema/types.js';
import type { ObjectStore } from '../storage/object-store.js';
import { mapped, mappingMode } from './column-mapping.js';
import type { TableLayout } from './layout.js';
import { partFolder, partRows, type Part } from './partitions.js';
import { statsFor } from './stats-plan.js';

export type Compression = 'zstd' | 'snappy' | 'uncompressed';

export type WriteOptions = {
  readonly layout: TableLayout;
  readonly signal: AbortSignal;
  /** Default: the table property `delta.parquet.compression.codec`, else zstd. */
  readonly compression?: Compression;
  /** Logical names of columns that get stats wherever they stand in the schema. */
  readonly alwaysStats?: readonly string[];
  /** About this many bytes of rows, as they lie in memory, go into one file. Default 128 MiB. */
  readonly targetBytes?: number;
  /** Default true; false for a rewrite that changes no row. */
  readonly dataChange?: boolean;
  /** Columns of the rows that go into the files, and are no columns of the table, under their own names. */
  readonly hidden?: readonly StructField[];
};

/** Delta Spark's own bound for a file that OPTIMIZE leaves alone is larger; half of it would double the log. */
const TARGET_BYTES = 128 * 2 ** 20;

/** The column of a change file that says what happened to the row. Delta protocol, "Change Data Files". */
const CHANGE_TYPE: StructField = field('_change_type', STRING, false);

/**
 * Writes rows as new data files and gives their `add` actions, durable before it returns; no rows give no files.
 *
 * `rows` has the layout's logical columns by name, in any order; nullable columns that it lacks become null, others are
 * ignored. A partitioned table's rows are parted by their partition values, one file or more for each.
 * `SCHEMA_MISMATCH` for a null, or no column, where the table forbids null.
 */
export async function writeDataFiles(
  store: ObjectStore,
  rows: ArrowTable,
  options: WriteOptions,
): Promise<readonly AddFile[]> {
  const { layout, dataChange = true, hidden = [] } = options;
  const own = storedColumns(layout, layout.partitionsInFiles === true);
  const columns: StructType = { kind: 'struct', fields: [...own.fields, ...hidden] };
  const { physical } = mapped(columns, mappingMode(layout.configuration));
  const stats = statsFor(layout, own, options.alwaysStats ?? []);
  const adds: AddFile[] = [];
  for (const part of partsOf(rows, options)) {
    const stored = storedTable(part.rows, columns, layout);
    const where = { ...options, folder: '', stem: 'part', index: adds.length };
    // The file is encoded elsewhere; its stats are told meanwhile.
    const [written, told] = await Promise.all([
      writeFile(store, stored, part, where),
      Promise.resolve().then(() => formatStats(computeStats(stored, physical, stats), physical)),
    ]);
    adds.push({
      path: written.path,
      partitionValues: part.partitionValues,
      size: written.size,
      modificationTime: written.modificationTime,
      dataChange,
      stats: told,
    });
  }
  return adds;
}

/**
 * Writes rows of the change feed, `_change_type` beside the logical columns, and gives their `cdc` actions. What
 * `writeDataFiles` says of its rows holds for these.
 */
export async function writeChangeFiles(
  store: ObjectStore,
  rows: ArrowTable,
  options: WriteOptions,
): Promise<readonly CdcFile[]> {
  const { layout } = options;
  const columns: StructType = {
    kind: 'struct',
    fields: [...storedColumns(layout, false).fields, CHANGE_TYPE],
  };
  const files: CdcFile[] = [];
  for (const part of partsOf(rows, options)) {
    const stored = storedTable(part.rows, columns, layout);
    const where = { ...options, folder: '_change_data/', stem: 'cdc', index: files.length };
    const { path, size } = await writeFile(store, stored, part, where);
    files.push({ path, partitionValues: part.partitionValues, size });
  }
  return files;
}

/** The columns that a file holds: partition columns stand in the log, as a rule there alone, a void column nowhere. */
function storedColumns({ schema, partitionColumns }: TableLayout, withPartitions: boolean): StructType {
  const parting = new Set(withPartitions ? [] : partitionColumns);
  const fields = schema.fields.filter(
    ({ name, type }) => !parting.has(name) && !(type.kind === 'primitive' && type.name === 'void'),
  );
  return { kind: 'struct', fields };
}

function* partsOf(rows: ArrowTable, { layout, targetBytes = TARGET_BYTES }: WriteOptions): Iterable<Part> {
  if (rows.numRows === 0) return;
  const bytesPerRow = Math.max(1, bytesOf(rows) / rows.numRows);
  const rowsPerFile = Math.max(1, Math.floor(targetBytes / bytesPerRow));
  for (const part of partRows(rows, layout)) {
    // Files of even size: one just over the bound does not leave a crumb behind.
    const files = Math.ceil(part.rows.numRows / rowsPerFile);
    for (let i = 0; i < files; i++) {
      const start = Math.floor((part.rows.numRows * i) / files);
      const end = Math.floor((part.rows.numRows * (i + 1)) / files);
      yield files === 1 ? part : { ...part, rows: part.rows.slice(start, end) };
    }
  }
}

function bytesOf(rows: ArrowTable): number {
  return rows.batches.reduce((sum, batch) => sum + batch.data.byteLength, 0);
}

/** The rows as a file holds them: physical names and ids, the columns of the file alone. */
function storedTable(rows: ArrowTable, columns: StructType, { configuration }: TableLayout): ArrowTable {
  const { physical, logicalName } = mapped(columns, mappingMode(configuration));
  const table = conform(rows, physical, logicalName);
  for (const [i, { name, nullable }] of columns.fields.entries()) {
    if (nullable || table.getChildAt(i)?.nullCount === 0) continue;
    throw new SluiceError(
      'SCHEMA_MISMATCH',
      `column ${name} may not be null, but some rows have no value for it`,
      {
        context: { column: name },
        hint: 'fill the column, or make it nullable in the table',
      },
    );
  }
  return table;
}

type Where = WriteOptions & { readonly folder: string; readonly stem: string; readonly index: number };

async function writeFile(
  store: ObjectStore,
  rows: ArrowTable,
  part: Part,
  where: Where,
): Promise<{ readonly path: string; readonly size: number; readonly modificationTime: number }> {
  const { layout, signal, folder, stem, index } = where;
  signal.throwIfAborted();
  const compression = where.compression ?? codecOf(layout.configuration);
  const body = await writeParquetAside(rows, { compression });
  const codec = compression === 'uncompressed' ? '' : `.${compression}`;
  const name = `${stem}-${String(index).padStart(5, '0')}-${randomUUID()}.c000${codec}.parquet`;
  const key = folder + partFolder(part, layout) + name;
  await store.put(key, body, { signal });
  return { path: encodePath(key), size: body.byteLength, modificationTime: Date.now() };
}

/** A codec that we do not write is no error: any reader reads what any writer chose. */
function codecOf(configuration: Readonly<Record<string, string>>): Compression {
  const codec = configuration['delta.parquet.compression.codec']?.toLowerCase();
  return codec === 'snappy' || codec === 'uncompressed' ? codec : 'zstd';
}
