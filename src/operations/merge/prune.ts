import type { AddFile } from '../../protocol/actions.js';
import { parseStats, type FileStats } from '../../protocol/stats.js';
import type { StructField, StructType, Value } from '../../schema/types.js';
import { mappingMode, physicalName, physicalStruct } from '../../table/column-mapping.js';
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
  const physical = physicalStruct(layout.schema, mode);
  const parts = columns.map((column) => ({
    column,
    path: physicalName(column, mode),
    partition: layout.partitionColumns.includes(column.name),
  }));
  return (file) => {
    const ranges: (KeyRange | undefined)[] = [];
    for (const { column, path, partition } of parts) {
      if (partition) {
        const value = parsePartitionValue(column.type, file.partitionValues.get(path));
        // A key part is never null, so none of the rows has a key.
        if (value === null) return false;
        ranges.push({ min: value, max: value });
      } else {
        ranges.push(statsRange(statsOf(file, layout.schema, physical), column, path));
      }
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

function statsRange(stats: FileStats | undefined, column: StructField, path: string): KeyRange | undefined {
  const min = stats?.minValues.get(path) ?? null;
  const max = stats?.maxValues.get(path) ?? null;
  if (min === null || max === null) return undefined;
  return { min, max: isTimestamp(column) && typeof max === 'bigint' ? max + LOST_MICROS : max };
}

/** Bounds of times are cut down to milliseconds (Delta protocol, "Per-file Statistics"): so much may be missing. */
const LOST_MICROS = 999n;

function isTimestamp({ type }: StructField): boolean {
  return type.kind === 'primitive' && (type.name === 'timestamp' || type.name === 'timestamp_ntz');
}

/**
 * The file's stats, parsed once for as long as somebody holds the file: batches come every few seconds and look at the
 * same files again.
 */
function statsOf(file: AddFile, schema: StructType, physical: StructType): FileStats | undefined {
  const known = parsed.get(file);
  if (known !== undefined && known.schema === schema) return known.stats;
  const stats = file.stats === undefined ? undefined : parseStats(file.stats, physical);
  parsed.set(file, { schema, stats });
  return stats;
}

const parsed = new WeakMap<AddFile, { readonly schema: StructType; readonly stats: FileStats | undefined }>();
