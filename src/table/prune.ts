import { columnsIn } from '../expr/columns.js';
import { compileVerdict, type Bounds, type Verdict } from '../expr/may-match.js';
import type { Expr } from '../expr/parse.js';
import type { AddFile } from '../protocol/actions.js';
import { parseStats, statsPath, type FileStats } from '../protocol/stats.js';
import type { StructField, StructType, Value } from '../schema/types.js';
import { mapped, mappingMode, physicalName, physicalNames } from './column-mapping.js';
import type { TableLayout } from './layout.js';
import { parsePartitionValue } from './partition-values.js';

/** A file, and whether a condition is true for all of its rows or must be asked of each. */
export type JudgedFile = { readonly file: AddFile; readonly verdict: Exclude<Verdict, 'no'> };

/**
 * The files that may hold a row for which `where` is true, in their order: those that partition values or stats rule
 * out are left out, and nothing else is. All files without a condition. `onSkipped` hears of each that is left out.
 *
 * @throws SluiceError EXPRESSION_INVALID for a condition that does not fit the table's columns
 */
export function* pruneFiles(
  layout: TableLayout,
  files: Iterable<AddFile>,
  where: Expr | undefined,
  onSkipped: () => void = () => {},
): Generator<JudgedFile, void, undefined> {
  if (where === undefined) {
    for (const file of files) yield { file, verdict: 'all' };
    return;
  }
  const verdictOf = compileVerdict(where, layout.schema);
  const boundsOf = fileBounds(layout, columnsIn(where, layout.schema));
  for (const file of files) {
    const verdict = verdictOf(boundsOf(file));
    if (verdict === 'no') onSkipped();
    else yield { file, verdict };
  }
}

/** What the log knows of these columns in one file. */
function fileBounds(layout: TableLayout, columns: readonly string[]): (file: AddFile) => Bounds {
  const { schema, partitionColumns, configuration } = layout;
  const mode = mappingMode(configuration);
  const parting = new Map<string, StructField>();
  const stored: StructField[] = [];
  for (const field of schema.fields) {
    if (!columns.includes(field.name)) continue;
    if (partitionColumns.includes(field.name)) parting.set(field.name, field);
    else stored.push(field);
  }
  const struct: StructType = { kind: 'struct', fields: stored };
  const { physical } = mapped(struct, mode);
  const pathOf = (path: readonly string[]): string => statsPath(physicalNames(path, struct, mode));
  return (file) => {
    const stats = file.stats === undefined ? undefined : parseStats(file.stats, physical);
    const constant = (path: readonly string[]): Value | undefined => {
      const field = path[0] === undefined ? undefined : parting.get(path[0]);
      if (field === undefined) return undefined;
      return parsePartitionValue(field.type, file.partitionValues.get(physicalName(field, mode)));
    };
    return {
      // Only whether there are none matters; a partition value holds for however many rows there are.
      numRecords: stats?.numRecords ?? UNKNOWN_ROWS,
      min: (path) => bound(constant(path), stats?.minValues.get(pathOf(path))),
      max: (path) => bound(constant(path), stats?.maxValues.get(pathOf(path))),
      nullCount: (path) => nullCount(constant(path), stats, pathOf(path)),
      constant: (column) => constant([column]),
    };
  };
}

/** Stands for the number of rows where stats do not tell it: no null count is that large, nor is it 0. */
const UNKNOWN_ROWS = Infinity;

/** Null bounds nothing, and NaN lies outside of bounds. */
function bound(constant: Value | undefined, fromStats: Value | undefined): Value | undefined {
  if (constant === undefined) return fromStats;
  return constant === null || Number.isNaN(constant) ? undefined : constant;
}

function nullCount(
  constant: Value | undefined,
  stats: FileStats | undefined,
  path: string,
): number | undefined {
  if (constant === undefined) return stats?.nullCount.get(path);
  return constant === null ? (stats?.numRecords ?? UNKNOWN_ROWS) : 0;
}
