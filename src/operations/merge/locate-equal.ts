import type { ArrowTable } from '../../columnar/arrow.js';
import { reader } from '../../columnar/cells.js';
import type { AddFile } from '../../protocol/actions.js';
import { canonicalRow } from '../../schema/canonical.js';
import { keyPart } from '../../schema/key-text.js';
import type { StructField, Value } from '../../schema/types.js';
import type { TableLayout } from '../../table/layout.js';
import type { Snapshot } from '../../table/snapshot.js';
import { hasOrder } from './compare-values.js';
import { keyProbe } from './key-probe.js';
import { KeySetBuilder } from './key-set.js';
import { mustFindColumns } from './locate.js';
import { locateInFiles, type Probe } from './probe-files.js';
import { mayHoldKeys } from './prune.js';
import type { LocatedRows } from './rows.js';

export type LocateEqualOptions = {
  /** The row images looked for: every column of `columns` by its logical name and type. */
  readonly rows: ArrowTable;
  /** Logical names of the columns that are compared (a sink leaves its own columns out). */
  readonly columns: readonly string[];
  /** Logical names of columns whose values are wanted of each row found. */
  readonly extra?: readonly string[];
  /** Only these files. Default: all live files of the snapshot. */
  readonly files?: Iterable<AddFile>;
  /** The layout to read with. Default: the snapshot's. */
  readonly layout?: TableLayout;
  readonly signal: AbortSignal;
};

/**
 * Finds live rows that equal one of the images in every compared column (null equals null, NaN equals NaN), for tables
 * without a key. The `key` of a row found is its `rowTexts` text.
 */
export async function locateEqualRows(snapshot: Snapshot, options: LocateEqualOptions): Promise<LocatedRows> {
  const { rows, signal, layout = snapshot.layout } = options;
  const columns = mustFindColumns(snapshot, layout, options.columns);
  const extra = mustFindColumns(snapshot, layout, options.extra ?? []);
  const wanted = textsOf(rows, columns);
  const sieves = sievesOf(rows, columns);
  const pruners = sieves.map(({ column, keys }) => mayHoldKeys(layout, [column], keys));
  const files = [...(options.files ?? snapshot.files)].filter(
    (file) => wanted.size > 0 && pruners.every((may) => may(file)),
  );
  const probes = [...coarseProbe(sieves), equalProbe(columns, wanted)];
  return locateInFiles(snapshot.store, files, { probes, extra, layout, signal });
}

/** The text by which two rows are equal over these columns, by row of the table. */
export function rowTexts(table: ArrowTable, columns: readonly StructField[]): (row: number) => string {
  const struct = { kind: 'struct', fields: columns } as const;
  const readers = columns.map(({ name, type }) => reader(table, name, type));
  return (row) =>
    canonicalRow(
      struct,
      readers.map((read) => read(row)),
    );
}

function textsOf(rows: ArrowTable, columns: readonly StructField[]): ReadonlySet<string> {
  return new Set(Array.from({ length: rows.numRows }, (_, row) => row).map(rowTexts(rows, columns)));
}

/** The values of one column in all images: a row with another value there equals none of them. */
type Sieve = { readonly column: StructField; readonly keys: KeySetBuilder };

/** Columns that can be looked up like keys: of a type with an order, and null in no image. */
function sievesOf(rows: ArrowTable, columns: readonly StructField[]): readonly Sieve[] {
  const sieves: Sieve[] = [];
  for (const column of columns) {
    if (!hasOrder(column.type)) continue;
    const values = valuesOf(rows, column);
    if (values === undefined) continue;
    const keys = new KeySetBuilder([column]);
    for (const value of values) keys.add(keyPart(column.type, value), [value]);
    sieves.push({ column, keys });
  }
  return sieves;
}

function valuesOf(rows: ArrowTable, { name, type }: StructField): readonly Value[] | undefined {
  const read = reader(rows, name, type);
  const values: Value[] = [];
  for (let row = 0; row < rows.numRows; row++) {
    const value = read(row);
    if (value === null) return undefined;
    values.push(value);
  }
  return values;
}

/** Reads the one column that tells the images best apart before all columns are read. */
function coarseProbe(sieves: readonly Sieve[]): readonly Probe[] {
  const best = sieves.reduce<Sieve | undefined>(
    (one, other) => (one === undefined || other.keys.size > one.keys.size ? other : one),
    undefined,
  );
  if (best === undefined) return [];
  const { column, keys } = best;
  return [{ columns: [column.name], open: (table) => keyProbe(table, [column], keys) }];
}

function equalProbe(columns: readonly StructField[], wanted: ReadonlySet<string>): Probe {
  return {
    columns: columns.map(({ name }) => name),
    open: (table) => {
      const text = rowTexts(table, columns);
      return (row) => {
        const one = text(row);
        return wanted.has(one) ? one : null;
      };
    },
  };
}
