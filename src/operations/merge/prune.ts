import type { AddFile } from '../../protocol/actions.js';
import { parseStats, statsPath } from '../../protocol/stats.js';
import type { StructField, StructType } from '../../schema/types.js';
import { mapped, mappingMode, physicalName } from '../../table/column-mapping.js';
import { parsePartitionValue } from '../../table/partition-values.js';
import type { TableLayout } from '../../table/layout.js';
import { compareValues, hasOrder } from './compare-values.js';
import type { KeyRange, KeySet } from './key-set.js';

/** Tells whether a file may hold one of the keys; `false` is a proof. */
export function mayHoldKeys(
  layout: TableLayout,
  columns: readonly StructField[],
  keys: KeySet,
): (file: AddFile) => boolean {
  if (keys.size === 0) return () => false;
  const mode = mappingMode(layout.configuration);
  const { physical } = mapped(layout.schema, mode);
  const parts = columns.map((column) => ({
    column,
    name: physicalName(column, mode),
    partition: layout.partitionColumns.includes(column.name),
  }));
  const inStats = parts.filter(({ partition }) => !partition).map(({ name }) => statsPath([name]));
  return (file) => {
    const known = rangesOf(file, layout.schema, physical, inStats);
    const ranges: (KeyRange | undefined)[] = [];
    for (const { column, name, partition } of parts) {
      if (!partition) {
        ranges.push(known.get(statsPath([name])));
        continue;
      }
      const value = parsePartitionValue(column.type, file.partitionValues.get(name));
      // A key part is never null, so none of the rows has a key.
      if (value === null) return false;
      ranges.push({ min: value, max: value });
    }
    return keys.mayHave === undefined ? mayMeet(columns, ranges, keys.bounds()) : keys.mayHave(ranges);
  };
}

function mayMeet(
  columns: readonly StructField[],
  ranges: readonly (KeyRange | undefined)[],
  bounds: readonly KeyRange[] | undefined,
): boolean {
  return columns.every(({ type }, i) => {
    const range = ranges[i];
    const bound = bounds?.[i];
    if (range === undefined || bound === undefined || !hasOrder(type)) return true;
    return !(compareValues(range.max, bound.min) < 0 || compareValues(range.min, bound.max) > 0);
  });
}

type Ranges = ReadonlyMap<string, KeyRange | undefined>;

/**
 * The ranges of these columns in the file's stats, read once for as long as somebody holds the file: batches come every
 * few seconds and look at the same files again.
 */
function rangesOf(file: AddFile, schema: StructType, physical: StructType, paths: readonly string[]): Ranges {
  const before = ranged.get(file);
  const known = before?.schema === schema ? before.ranges : undefined;
  if (known !== undefined && paths.every((path) => known.has(path))) return known;
  const stats = file.stats === undefined ? undefined : parseStats(file.stats, physical, new Set(paths));
  const ranges = new Map(known);
  for (const path of paths) {
    const min = stats?.minValues.get(path) ?? null;
    const max = stats?.maxValues.get(path) ?? null;
    ranges.set(path, min === null || max === null ? undefined : { min, max });
  }
  ranged.set(file, { schema, ranges });
  return ranges;
}

const ranged = new WeakMap<AddFile, { readonly schema: StructType; readonly ranges: Ranges }>();
