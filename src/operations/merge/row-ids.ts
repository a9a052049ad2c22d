import { SluiceError, must } from '../../base/errors.js';
import { beside, type ArrowTable } from '../../columnar/arrow.js';
import { reader } from '../../columnar/cells.js';
import { TableBuilder } from '../../columnar/table-builder.js';
import type { AddFile } from '../../protocol/actions.js';
import { rowIdColumns } from '../../protocol/row-tracking.js';
import { LONG, field } from '../../schema/build.js';
import type { StructField, Value } from '../../schema/types.js';
import type { TableLayout } from '../../table/layout.js';
import type { Snapshot } from '../../table/snapshot.js';
import { readRows } from './read-rows.js';
import type { RowPlaces } from './rows.js';

/** The hidden columns of a table that keeps the ids of rows that move; none for any other table. */
export function rowIdFields({ configuration }: TableLayout): readonly StructField[] {
  const names = rowIdColumns(configuration);
  return names === undefined ? [] : [field(names.id, LONG), field(names.commitVersion, LONG)];
}

/**
 * The rows of one file, hidden columns included, with ids and commit versions that no longer depend on where a row
 * stands: a null there means the file's own. Delta protocol, "Row Tracking".
 *
 * @param ordinals - where each row stands in the file
 */
export function withStableIds(
  rows: ArrowTable,
  file: AddFile,
  ordinals: ArrayLike<number>,
  hidden: readonly StructField[],
): ArrowTable {
  const [id, version] = hidden;
  if (id === undefined || version === undefined) return rows;
  const idOf = reader(rows, id.name, LONG);
  const versionOf = reader(rows, version.name, LONG);
  const { baseRowId, defaultRowCommitVersion } = tracked(file);
  return withIds(rows, [id, version], {
    idOf: (row) => idOf(row) ?? baseRowId + BigInt(ordinals[row] ?? 0),
    versionOf: (row) => versionOf(row) ?? defaultRowCommitVersion,
  });
}

/**
 * New rows of which the first ones are what became of the rows at `updated`, in their order: those keep their ids, and
 * their version is that of the commit.
 */
export async function withIdsOfUpdated(
  rows: ArrowTable,
  updated: RowPlaces | undefined,
  options: { readonly snapshot: Snapshot; readonly layout: TableLayout; readonly signal: AbortSignal },
): Promise<{ readonly rows: ArrowTable; readonly hidden: readonly StructField[] }> {
  const { snapshot, layout, signal } = options;
  const hidden = rowIdFields(layout);
  const [id, version] = hidden;
  if (id === undefined || version === undefined || updated === undefined || updated.ordinal.length === 0) {
    return { rows, hidden: [] };
  }
  const known = await readRows(snapshot, updated, { columns: [], extra: [id], layout, signal });
  const knownId = reader(known, id.name, LONG);
  const idOf = (row: number): Value => {
    if (row >= updated.ordinal.length) return null;
    const file = must(updated.files[updated.file[row] ?? -1], 'the file of an updated row');
    return knownId(row) ?? tracked(file).baseRowId + BigInt(updated.ordinal[row] ?? 0);
  };
  return { rows: withIds(rows, [id, version], { idOf, versionOf: () => null }), hidden };
}

/** New images of rows, with the ids of the old ones, row by row; their version is that of the commit. */
export function withIdsOf(rows: ArrowTable, before: ArrowTable, hidden: readonly StructField[]): ArrowTable {
  const [id, version] = hidden;
  if (id === undefined || version === undefined) return rows;
  return withIds(rows, [id, version], { idOf: reader(before, id.name, LONG), versionOf: () => null });
}

/** The rows with these hidden columns in place of those that they have, after their own. */
function withIds(
  rows: ArrowTable,
  [id, version]: readonly [StructField, StructField],
  { idOf, versionOf }: Readonly<Record<'idOf' | 'versionOf', (row: number) => Value>>,
): ArrowTable {
  const builder = new TableBuilder({ kind: 'struct', fields: [id, version] });
  for (let row = 0; row < rows.numRows; row++) {
    builder.column(0).append(idOf(row));
    builder.column(1).append(versionOf(row));
  }
  const names = new Set([id.name, version.name]);
  const own = rows.schema.fields.map(({ name }) => name).filter((name) => !names.has(name));
  return beside([builder.finish(), rows], [...own, ...names]);
}

function tracked(file: AddFile): { readonly baseRowId: bigint; readonly defaultRowCommitVersion: bigint } {
  const { baseRowId, defaultRowCommitVersion } = file;
  if (baseRowId !== undefined && defaultRowCommitVersion !== undefined) {
    return { baseRowId, defaultRowCommitVersion };
  }
  throw new SluiceError(
    'PROTOCOL_UNSUPPORTED',
    `rows of ${file.path} cannot be moved: the table has rowTracking on, and the file has no row ids`,
    {
      context: { file: file.path },
      hint: 'let Spark fill them in: set delta.enableRowTracking to false and to true again',
    },
  );
}
