import { SluiceError } from '../../base/errors.js';
import type { ArrowTable } from '../../columnar/arrow.js';
import type { AddFile } from '../../protocol/actions.js';
import type { StructField } from '../../schema/types.js';
import type { TableLayout } from '../../table/layout.js';
import type { Snapshot } from '../../table/snapshot.js';
import { keyProbe } from './key-probe.js';
import type { KeySet } from './key-set.js';
import { locateInFiles } from './probe-files.js';
import { mayHoldKeys } from './prune.js';
import type { LocatedRows } from './rows.js';

export type LocateOptions = {
  /** Logical names of the key columns, in the order of the key's parts. */
  readonly keyColumns: readonly string[];
  readonly keys: KeySet;
  /** Logical names of columns whose values are wanted of each row found. */
  readonly extra?: readonly string[];
  /** Only these files. Default: all live files of the snapshot. */
  readonly files?: Iterable<AddFile>;
  /** The layout to read with (columns that are about to be added read as null). Default: the snapshot's. */
  readonly layout?: TableLayout;
  readonly signal: AbortSignal;
};

/**
 * Finds the live rows whose key is in the batch; rows with a null in their key are never found, a key that stands in
 * several rows is found as often. Rows come file by file, by ordinal inside a file.
 *
 * The cost follows the batch: files that partition values or stats rule out are not opened, of the others only the key
 * columns are read, and the extra columns only of row groups that hold a hit.
 */
export async function locateRows(snapshot: Snapshot, options: LocateOptions): Promise<LocatedRows> {
  const { keys, signal, layout = snapshot.layout } = options;
  const columns = mustFindColumns(snapshot, layout, options.keyColumns);
  const extra = mustFindColumns(snapshot, layout, options.extra ?? []);
  const may = mayHoldKeys(layout, columns, keys);
  // Kept files: what is known of their stats is kept with them from batch to batch.
  const files = [...(options.files ?? snapshot.files.toArray())].filter(may);
  const probe = { columns: options.keyColumns, open: (table: ArrowTable) => keyProbe(table, columns, keys) };
  return locateInFiles(snapshot.store, files, { probes: [probe], extra, layout, signal });
}

/** The layout's columns by name, in the order asked; `SCHEMA_MISMATCH` names one that is not there. */
export function mustFindColumns(
  snapshot: Snapshot,
  { schema }: TableLayout,
  names: readonly string[],
): readonly StructField[] {
  return names.map((name) => {
    const column = schema.fields.find((one) => one.name === name);
    if (column !== undefined) return column;
    throw new SluiceError('SCHEMA_MISMATCH', `table ${snapshot.store.url} has no column ${name}`, {
      context: { table: snapshot.store.url, version: snapshot.version, column: name },
    });
  });
}
