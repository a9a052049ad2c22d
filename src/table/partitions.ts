import { must } from '../base/errors.js';
import type { ArrowTable } from '../columnar/arrow.js';
import { takeRows } from '../columnar/arrow.js';
import { reader } from '../columnar/cells.js';
import type { PartitionValues } from '../protocol/actions.js';
import type { StructField } from '../schema/types.js';
import { mappingMode, physicalName } from './column-mapping.js';
import type { TableLayout } from './layout.js';
import { formatPartitionValue } from './partition-values.js';

/** Rows that share their partition values; the values stand under their physical names. */
export type Part = { readonly rows: ArrowTable; readonly partitionValues: PartitionValues };

/** The partition columns' fields, in partition order. */
export function partitionFields({ schema, partitionColumns }: TableLayout): readonly StructField[] {
  return partitionColumns.map((name) =>
    must(
      schema.fields.find((column) => column.name === name),
      `partition column ${name} in the schema`,
    ),
  );
}

/** Parts rows by partition values, in the order in which the values first appear; one part for a table without. */
export function partRows(rows: ArrowTable, layout: TableLayout): readonly Part[] {
  const columns = partitionFields(layout);
  if (columns.length === 0) return [{ rows, partitionValues: new Map() }];
  const texts = columns.map(({ name, type }) => {
    if (rows.getChild(name) === null) return () => null;
    const read = reader(rows, name, type);
    return (row: number) => formatPartitionValue(type, read(row));
  });
  const groups = new Map<string, { readonly values: readonly (string | null)[]; readonly rows: number[] }>();
  for (let row = 0; row < rows.numRows; row++) {
    const values = texts.map((text) => text(row));
    const id = JSON.stringify(values);
    const group = groups.get(id);
    if (group === undefined) groups.set(id, { values, rows: [row] });
    else group.rows.push(row);
  }
  const mode = mappingMode(layout.configuration);
  return [...groups.values()].map((group) => ({
    rows: groups.size === 1 ? rows : takeRows(rows, Uint32Array.from(group.rows)),
    partitionValues: new Map(
      columns.map((column, i) => [physicalName(column, mode), group.values[i] ?? null]),
    ),
  }));
}

/**
 * The folder for a part's files, with its slash: `a=1/b=2/` as Hive lays it out, which people look for and no reader
 * relies on. None under column mapping, where names of columns do not belong in paths.
 */
export function partFolder(part: Part, layout: TableLayout): string {
  if (mappingMode(layout.configuration) !== 'none') return '';
  let folder = '';
  for (const [name, value] of part.partitionValues) {
    folder += `${hiveEscape(name)}=${value === null ? '__HIVE_DEFAULT_PARTITION__' : hiveEscape(value)}/`;
  }
  return folder;
}

/** Hive's own escape: the characters that it escapes, as `%XX`. Delta protocol, "Partition Values". */
function hiveEscape(text: string): string {
  return text.replace(
    HIVE_SPECIAL,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}

// Controls are what is looked for.
// eslint-disable-next-line no-control-regex
const HIVE_SPECIAL = /[\u0001-\u001f\u007f"#%'*/:=?\\{[\]^]/g;
