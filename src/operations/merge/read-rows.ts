import { must } from '../../base/errors.js';
import { concat, emptyTable, takeRows, type ArrowTable } from '../../columnar/arrow.js';
import type { StructField } from '../../schema/types.js';
import type { AddFile } from '../../protocol/actions.js';
import type { ObjectStore } from '../../storage/object-store.js';
import { openDataFile, type DataFile } from '../../table/data-file.js';
import type { TableLayout } from '../../table/layout.js';
import type { Snapshot } from '../../table/snapshot.js';
import { mapAFewAtOnce } from './each-file.js';
import { mustFindColumns } from './locate.js';
import type { RowPlaces } from './rows.js';

export type ReadRowsOptions = {
  /** Logical names. Default: every column of the layout. */
  readonly columns?: readonly string[];
  /** The layout to read with (columns that are about to be added read as null). Default: the snapshot's. */
  readonly layout?: TableLayout;
  /** Columns of the files that are no columns of the table, behind the others; null where a file has none. */
  readonly extra?: readonly StructField[];
  readonly signal: AbortSignal;
};

/** Reads rows by place, in the order asked; of each file only the row groups that hold one of them. */
export async function readRows(
  snapshot: Snapshot,
  places: RowPlaces,
  options: ReadRowsOptions,
): Promise<ArrowTable> {
  const { signal, layout = snapshot.layout, extra = [] } = options;
  const own = options.columns ?? layout.schema.fields.map(({ name }) => name);
  const fields = [...mustFindColumns(snapshot, layout, own), ...extra];
  const names = fields.map(({ name }) => name);
  const { jobs, order } = planReads(places);
  if (jobs.length === 0) return emptyTable({ kind: 'struct', fields });
  const parts = await mapAFewAtOnce(
    jobs,
    (job) => readFile(snapshot.store, job, { names, layout, extra, signal }),
    {
      signal,
    },
  );
  const rows = concat(parts.flat());
  return order === undefined ? rows : takeRows(rows, order);
}

/** Rows to read of one file, in ascending order. */
type Job = { readonly file: AddFile; readonly ordinals: Float64Array };

/**
 * Parts the places by file, ascending inside each. `order[i]` is where the row asked for at `i` stands among the rows so
 * read; undefined if they come in that order already.
 */
function planReads(places: RowPlaces): {
  readonly jobs: readonly Job[];
  readonly order: Uint32Array | undefined;
} {
  const count = places.ordinal.length;
  const asked = Uint32Array.from({ length: count }, (_, i) => i);
  const file = (i: number): number => places.file[i] ?? 0;
  const ordinal = (i: number): number => places.ordinal[i] ?? 0;
  asked.sort((a, b) => file(a) - file(b) || ordinal(a) - ordinal(b));
  const jobs: Job[] = [];
  for (let from = 0; from < count;) {
    const index = file(asked[from] ?? 0);
    let upTo = from;
    while (upTo < count && file(asked[upTo] ?? 0) === index) upTo++;
    const add = must(places.files[index], `file ${index} among the places`);
    jobs.push({ file: add, ordinals: Float64Array.from(asked.subarray(from, upTo), (i) => ordinal(i)) });
    from = upTo;
  }
  if (asked.every((i, at) => i === at)) return { jobs, order: undefined };
  const order = new Uint32Array(count);
  for (const [at, i] of asked.entries()) order[i] = at;
  return { jobs, order };
}

async function readFile(
  store: ObjectStore,
  { file, ordinals }: Job,
  options: {
    readonly names: readonly string[];
    readonly layout: TableLayout;
    readonly extra: readonly StructField[];
    readonly signal: AbortSignal;
  },
): Promise<readonly ArrowTable[]> {
  const { names, layout, extra, signal } = options;
  using open = await openDataFile(store, file, { layout, extra, signal });
  const parts: ArrowTable[] = [];
  for (const { group, rows } of byGroup(open, ordinals)) {
    const table = await open.read({ columns: names, groups: [group], signal });
    parts.push(takeRows(table, rows));
  }
  return parts;
}

/** The row groups that hold one of the ordinals, with the rows wanted of each, counted inside the group. */
function byGroup(
  file: DataFile,
  ordinals: Float64Array,
): readonly { readonly group: number; readonly rows: Uint32Array }[] {
  const parts: { group: number; rows: Uint32Array }[] = [];
  let from = 0;
  for (const [group, { firstRow, rows }] of file.groups.entries()) {
    let upTo = from;
    while (upTo < ordinals.length && (ordinals[upTo] ?? 0) < firstRow + rows) upTo++;
    if (upTo > from) {
      parts.push({
        group,
        rows: Uint32Array.from(ordinals.subarray(from, upTo), (ordinal) => ordinal - firstRow),
      });
    }
    from = upTo;
  }
  return parts;
}
