import { ahead, type Job } from '../base/ahead.js';
import { ascending } from '../base/ascending.js';
import { must } from '../base/errors.js';
import { lowerBound } from '../base/lower-bound.js';
import { beside, project, rowSelector, takeRows, type ArrowTable } from '../columnar/arrow.js';
import { decodingThreads } from '../columnar/parquet.js';
import { columnsIn } from '../expr/columns.js';
import { compileVerdict } from '../expr/may-match.js';
import type { Expr } from '../expr/parse.js';
import type { AddFile } from '../protocol/actions.js';
import type { ObjectStore } from '../storage/object-store.js';
import { openDataFile, type DataFile } from './data-file.js';
import type { TableLayout } from './layout.js';
import { pruneFiles, type JudgedFile } from './prune.js';
import type { Snapshot } from './snapshot.js';

export type ScanOptions = {
  readonly signal: AbortSignal;
  /** Logical names, in the order wanted. Default: all. */
  readonly columns?: readonly string[];
  readonly where?: Expr;
  /** Only these files of the snapshot. Default: all live files. */
  readonly files?: Iterable<AddFile>;
  /** At most so many rows, which ones is not said. */
  readonly limit?: number;
  /** Counts what the scan reads and what it need not read. */
  readonly metrics?: ScanMetrics;
};

/** What scans have read and left unread so far, added up. */
export type ScanMetrics = {
  /** Files that partition values or stats ruled out. */
  filesSkipped: number;
  filesRead: number;
  /** Row groups that the footer's statistics ruled out. */
  groupsSkipped: number;
  groupsRead: number;
  /** Row groups of which only the columns of the condition were read, since no row met it. */
  groupsWithoutRows: number;
  /** Rows, deleted ones included, of the row groups that were read. */
  rowsRead: number;
};

export function newScanMetrics(): ScanMetrics {
  return {
    filesSkipped: 0,
    filesRead: 0,
    groupsSkipped: 0,
    groupsRead: 0,
    groupsWithoutRows: 0,
    rowsRead: 0,
  };
}

/**
 * The live rows of a snapshot for which `where` is true, one batch a row group, in the order of the log; empty batches
 * are left out. Files that partition values or stats rule out are not opened, row groups that the footer rules out are
 * not read, and columns that the condition does not need only where it found rows. Row groups are read ahead of the
 * consumer on other threads, as many as {@link READ_AHEAD} says.
 */
export async function* scan(
  snapshot: Snapshot,
  options: ScanOptions,
): AsyncGenerator<ArrowTable, void, undefined> {
  const { signal, where, metrics = newScanMetrics() } = options;
  const { store, layout } = snapshot;
  const columns = options.columns ?? layout.schema.fields.map(({ name }) => name);
  const condition = where === undefined ? undefined : conditionOf(where, snapshot, columns);
  let left = options.limit ?? Infinity;
  if (left <= 0) return;
  const open = new Set<DataFile>();
  const wanted: Wanted = { store, layout, columns, condition, metrics, open, signal };
  const files = pruneFiles(layout, options.files ?? snapshot.files, where, () => metrics.filesSkipped++);
  // Who wants a few rows only does not pay for those after them.
  const most = options.limit === undefined ? READ_AHEAD : { jobs: 1, weight: READ_AHEAD.weight };
  const opened = ahead(openings(files, wanted), { jobs: most.jobs, weight: most.jobs });
  try {
    for await (const rows of ahead(reads(opened, wanted), most)) {
      signal.throwIfAborted();
      if (rows.numRows === 0) continue;
      yield rows.numRows <= left ? rows : rows.slice(0, left);
      left -= rows.numRows;
      if (left <= 0) return;
    }
  } finally {
    for (const file of open) file[Symbol.dispose]();
  }
}

/**
 * Row groups that are decoded while the reader is busy with the one before: enough for every thread that decodes, and
 * no more bytes, decoded, than keep a scan small.
 */
const READ_AHEAD = { jobs: decodingThreads() + 1, weight: 64 * 2 ** 20 };

type Wanted = {
  readonly store: ObjectStore;
  readonly layout: TableLayout;
  readonly columns: readonly string[];
  readonly condition: Condition | undefined;
  readonly metrics: ScanMetrics;
  /** Files that have not been read to their end. */
  readonly open: Set<DataFile>;
  readonly signal: AbortSignal;
};

/** A file that may have rows to give. */
type OpenedFile = {
  readonly file: DataFile;
  /** Undefined where partition values and stats have shown that every row meets it. */
  readonly condition: Condition | undefined;
  readonly deleted: Float64Array | undefined;
};

function* openings(files: Iterable<JudgedFile>, wanted: Wanted): Generator<Job<OpenedFile>, void, undefined> {
  const { store, layout, signal, metrics } = wanted;
  for (const { file: add, verdict } of files) {
    yield {
      weight: 1,
      run: async () => {
        const file = await openDataFile(store, add, { layout, signal });
        wanted.open.add(file);
        metrics.filesRead++;
        const deleted = (await file.deleted(signal))?.toArray();
        return { file, deleted, condition: verdict === 'all' ? undefined : wanted.condition };
      },
    };
  }
}

async function* reads(
  opened: AsyncIterable<OpenedFile>,
  wanted: Wanted,
): AsyncGenerator<Job<ArrowTable>, void, undefined> {
  const { metrics, columns, open } = wanted;
  for await (const one of opened) {
    const { file, condition } = one;
    const verdicts = file.groups.map((_, index) => condition?.verdictOf(file.bounds(index)) ?? 'all');
    let left = verdicts.filter((verdict) => verdict !== 'no').length;
    metrics.groupsSkipped += verdicts.length - left;
    const close = (): void => {
      if (!open.delete(file)) return;
      file[Symbol.dispose]();
    };
    if (left === 0) close();
    for (const [index, verdict] of verdicts.entries()) {
      if (verdict === 'no') continue;
      yield {
        weight: file.bytes(index, [...(condition?.reads ?? []), ...columns]),
        run: () =>
          readGroup(one, index, verdict === 'maybe' ? condition : undefined, wanted).finally(() => {
            if (--left === 0) close();
          }),
      };
    }
  }
}

/** A condition, made ready once for all files. */
type Condition = {
  readonly verdictOf: ReturnType<typeof compileVerdict>;
  readonly select: ReturnType<typeof rowSelector>;
  /** The columns that the condition reads, and those that are wanted beside them. */
  readonly reads: readonly string[];
  readonly others: readonly string[];
  /** Whether the others wait until the condition has found rows: as long as it finds none. */
  late: boolean;
};

function conditionOf(where: Expr, { layout }: Snapshot, columns: readonly string[]): Condition {
  const reads = columnsIn(where, layout.schema);
  return {
    verdictOf: compileVerdict(where, layout.schema),
    select: rowSelector(where, layout.schema),
    reads,
    others: [...new Set(columns)].filter((name) => !reads.includes(name)),
    late: true,
  };
}

async function readGroup(
  { file, deleted }: OpenedFile,
  index: number,
  condition: Condition | undefined,
  { columns, metrics, signal }: Wanted,
): Promise<ArrowTable> {
  const group = must(file.groups[index], 'row group');
  metrics.groupsRead++;
  metrics.rowsRead += group.rows;
  if (condition !== undefined)
    return readWhere(file, index, condition, { columns, deleted, metrics, signal });
  const rows = await file.read({ signal, columns, groups: [index] });
  return deleted === undefined
    ? rows
    : takeUnless(rows, liveRows(ascending(rows.numRows), group.firstRow, deleted));
}

type WantedRows = Pick<Wanted, 'columns' | 'metrics' | 'signal'> & Pick<OpenedFile, 'deleted'>;

/** The rows of a group for which the condition is true; a column that it does not read is not read for nothing. */
async function readWhere(
  file: DataFile,
  index: number,
  condition: Condition,
  { columns, deleted, metrics, signal }: WantedRows,
): Promise<ArrowTable> {
  const { reads, others, select } = condition;
  const late = condition.late && others.length > 0 && reads.length > 0;
  const first = await file.read({ signal, columns: late ? reads : [...reads, ...others], groups: [index] });
  const found = select(first);
  const live = deleted === undefined ? found : liveRows(found, file.groups[index]?.firstRow ?? 0, deleted);
  condition.late = live.length === 0;
  if (live.length === 0) {
    if (late) metrics.groupsWithoutRows++;
    return takeRows(first, live);
  }
  const kept = takeUnless(first, live);
  if (!late) return project(kept, columns);
  const rest = await file.read({ signal, columns: others, groups: [index] });
  return beside([kept, takeUnless(rest, live)], columns);
}

/** The rows, unless they are all, which cost no copy. */
function takeUnless(table: ArrowTable, rows: Uint32Array): ArrowTable {
  return rows.length === table.numRows ? table : takeRows(table, rows);
}

/** Those of the rows whose ordinal is not in `deleted`; both ascend, and the group's first row has the ordinal `firstRow`. */
function liveRows(rows: Uint32Array, firstRow: number, deleted: Float64Array): Uint32Array {
  const kept = new Uint32Array(rows.length);
  let count = 0;
  let next = lowerBound(deleted, firstRow + (rows[0] ?? 0));
  for (const row of rows) {
    const ordinal = firstRow + row;
    while ((deleted[next] ?? Infinity) < ordinal) next++;
    if (deleted[next] !== ordinal) kept[count++] = row;
  }
  return kept.subarray(0, count);
}
