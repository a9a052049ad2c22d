import type { ArrowTable } from '../../columnar/arrow.js';
import { reader } from '../../columnar/cells.js';
import type { AddFile } from '../../protocol/actions.js';
import type { RowSet } from '../../protocol/row-set.js';
import type { StructField, Value } from '../../schema/types.js';
import type { ObjectStore } from '../../storage/object-store.js';
import { openDataFile, type DataFile } from '../../table/data-file.js';
import type { TableLayout } from '../../table/layout.js';
import { mapAFewAtOnce } from './each-file.js';
import type { LocatedRows } from './rows.js';

/** Tells the text of a row that is looked for, null for any other row. */
export type RowProbe = (row: number) => string | null;

export type Probe = {
  /** Logical names of what the probe reads. */
  readonly columns: readonly string[];
  open(table: ArrowTable): RowProbe;
};

export type ProbeOptions = {
  /** A row is found if all say so, one after the other; the last one's text counts. Cheap ones first. */
  readonly probes: readonly Probe[];
  /** Columns whose values are wanted of the rows found. */
  readonly extra: readonly StructField[];
  readonly layout: TableLayout;
  /** Row groups are read together up to so many rows. Default: 2^20, some 64 MiB for a key of 16 bytes, four files open. */
  readonly rowsPerRead?: number;
  readonly signal: AbortSignal;
};

/** Runs probes over the live rows of files, a few of which are open at once, and collects the hits in file order. */
export async function locateInFiles(
  store: ObjectStore,
  files: readonly AddFile[],
  options: ProbeOptions,
): Promise<LocatedRows> {
  const { layout, signal } = options;
  const found = await mapAFewAtOnce(
    files,
    async (file) => {
      using open = await openDataFile(store, file, { layout, signal });
      return await probeFile(open, options);
    },
    { signal },
  );
  return collect(files, found, options.extra.length);
}

type Hits = { readonly ordinals: number[]; readonly keys: string[]; readonly extra: readonly Value[][] };

async function probeFile(file: DataFile, options: ProbeOptions): Promise<Hits> {
  const hits: Hits = { ordinals: [], keys: [], extra: options.extra.map(() => []) };
  const deleted = await file.deleted(options.signal);
  for (const run of groupRuns(file, options.rowsPerRead ?? ROWS_PER_READ))
    await probeRun(file, run, deleted, options, hits);
  return hits;
}

async function probeRun(
  file: DataFile,
  run: GroupRun,
  deleted: RowSet | undefined,
  { probes, extra, signal }: ProbeOptions,
  hits: Hits,
): Promise<void> {
  const read = (columns: readonly string[]): Promise<ArrowTable> =>
    file.read({ columns, groups: run.groups, signal });
  let rows: readonly number[] | undefined;
  let texts: readonly string[] = [];
  for (const probe of probes) {
    const test = probe.open(await read(probe.columns));
    const kept: { rows: number[]; texts: string[] } = { rows: [], texts: [] };
    const candidates = rows?.length ?? run.rows;
    for (let i = 0; i < candidates; i++) {
      const row = rows === undefined ? i : (rows[i] ?? 0);
      const text = test(row);
      if (text === null || (rows === undefined && deleted?.has(run.firstRow + row) === true)) continue;
      kept.rows.push(row);
      kept.texts.push(text);
    }
    ({ rows, texts } = kept);
    if (rows.length === 0) return;
  }
  for (const [i, row] of (rows ?? []).entries()) {
    hits.ordinals.push(run.firstRow + row);
    hits.keys.push(texts[i] ?? '');
  }
  if (extra.length === 0) return;
  const values = await read(extra.map(({ name }) => name));
  for (const [i, field] of extra.entries()) {
    const value = reader(values, field.name, field.type);
    for (const row of rows ?? []) hits.extra[i]?.push(value(row));
  }
}

type GroupRun = { readonly groups: number[]; readonly firstRow: number; rows: number };

/** Row groups joined into reads that are worth their fixed cost and stay small beside the batch. */
function groupRuns(file: DataFile, rowsPerRead: number): readonly GroupRun[] {
  const runs: GroupRun[] = [];
  for (const [index, { rows, firstRow }] of file.groups.entries()) {
    const run = runs.at(-1);
    if (run === undefined || run.rows + rows > rowsPerRead) {
      runs.push({ groups: [index], firstRow, rows });
    } else {
      run.groups.push(index);
      run.rows += rows;
    }
  }
  return runs;
}

const ROWS_PER_READ = 1 << 20;

function collect(files: readonly AddFile[], found: readonly Hits[], extras: number): LocatedRows {
  const held: AddFile[] = [];
  const count = found.reduce((sum, { ordinals }) => sum + ordinals.length, 0);
  const file = new Int32Array(count);
  const ordinal = new Float64Array(count);
  const key: string[] = [];
  const extra: Value[][] = Array.from({ length: extras }, () => []);
  let at = 0;
  for (const [index, hits] of found.entries()) {
    const add = files[index];
    if (add === undefined || hits.ordinals.length === 0) continue;
    file.fill(held.length, at, at + hits.ordinals.length);
    ordinal.set(hits.ordinals, at);
    at += hits.ordinals.length;
    held.push(add);
    for (const text of hits.keys) key.push(text);
    for (const [i, values] of hits.extra.entries()) {
      for (const value of values) extra[i]?.push(value);
    }
  }
  return { count, files: held, file, ordinal, key, extra };
}
