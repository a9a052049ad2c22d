import {
  isJsonObject,
  JsonSyntaxError,
  ownMember,
  parseJson,
  stringifyJson,
  type JsonObject,
  type JsonValue,
} from '../base/json.js';
import type { DataType, StructField, StructType, Value } from '../schema/types.js';
import { statsPath } from './stats-columns.js';
import { boundJson, parseBound } from './stats-values.js';

export { statsColumns, statsOptions, statsPath } from './stats-columns.js';
export { truncateMax, truncateMin } from './stats-values.js';

/**
 * What is known of the rows of one data file. Columns go by `statsPath` of their physical names; a column that
 * is not in a map is unknown, and unknown means maybe. Delta protocol, "Per-file Statistics".
 */
export type FileStats = {
  /** Physical rows, deleted ones included. */
  readonly numRecords: number;
  /** No value that is not null is below it. */
  readonly minValues: ReadonlyMap<string, Value>;
  /** No value that is not null is above it; text is compared by its UTF-8 bytes. */
  readonly maxValues: ReadonlyMap<string, Value>;
  readonly nullCount: ReadonlyMap<string, number>;
  /**
   * Whether bounds and null counts are those of the live rows. Otherwise bounds still enclose every live row,
   * and a null count says something only if it is 0 or `numRecords`.
   */
  readonly tightBounds: boolean;
};

/**
 * Reads `add.stats`. Bounds come back so that they hold: a timestamp's maximum is raised to the end of the
 * millisecond that it was cut to, and those of a column that was widened to double enclose the float of the same
 * digits. What is missing, of another type or beyond ours (NaN) is unknown. Undefined
 * for a text that is no JSON object or has no number of records.
 *
 * @param schema - under physical names
 * @param only - the columns wanted, by `statsPath`; all if left out
 */
export function parseStats(
  text: string,
  schema: StructType,
  only?: ReadonlySet<string>,
): FileStats | undefined {
  const stats = parseObject(text);
  const numRecords = stats === undefined ? undefined : recordsIn(stats);
  if (stats === undefined || numRecords === undefined) return undefined;
  const minValues = new Map<string, Value>();
  const maxValues = new Map<string, Value>();
  const nullCount = new Map<string, number>();
  const wanted = (path: string) => only === undefined || only.has(path);
  walk(ownMember(stats, 'minValues'), schema, [], (path, field, value) => {
    const bound = wanted(path) ? boundOf(field, value, 'min') : undefined;
    if (bound !== undefined) minValues.set(path, bound);
  });
  walk(ownMember(stats, 'maxValues'), schema, [], (path, field, value) => {
    const bound = wanted(path) ? boundOf(field, value, 'max') : undefined;
    if (bound !== undefined) maxValues.set(path, bound);
  });
  walk(ownMember(stats, 'nullCount'), schema, [], (path, _, value) => {
    if (wanted(path) && typeof value === 'number') nullCount.set(path, value);
  });
  return {
    numRecords,
    minValues,
    maxValues,
    nullCount,
    tightBounds: ownMember(stats, 'tightBounds') !== false,
  };
}

/**
 * Writes `add.stats` in Delta Spark's layout. Strings are cut to a prefix of 32 UTF-16 units (a maximum is cut
 * upwards) and timestamps to milliseconds. A bound that other readers could misread is left out: both bounds
 * of a column where one is NaN, infinities, and dates outside the years 1 to 9999.
 *
 * A column whose values agree in their first 32 units, such as a long common prefix, is therefore not told
 * apart by stats, even where it is always included.
 *
 * @param stats - bounds as the rows have them, before any truncation
 * @param schema - under physical names
 */
export function formatStats(stats: FileStats, schema: StructType): string {
  return stringifyJson({
    numRecords: stats.numRecords,
    minValues: boundsJson(stats, 'min', schema, []),
    maxValues: boundsJson(stats, 'max', schema, []),
    nullCount: tree(schema, [], (path) => stats.nullCount.get(path)),
    tightBounds: stats.tightBounds,
  });
}

/** The number of physical rows that `add.stats` tells, undefined if it does not. */
export function recordCount(text: string | undefined): number | undefined {
  const stats = text === undefined ? undefined : parseObject(text);
  return stats === undefined ? undefined : recordsIn(stats);
}

/**
 * The stats of a file once rows of it are deleted by a deletion vector. Bounds stay and are wide from then on. A
 * null count stays 0 if it was 0, becomes the number of physical rows if every live row was null, and tells
 * nothing otherwise. The number of records is the physical one. Delta protocol, "Per-file Statistics", and
 * Delta Spark for the null counts.
 *
 * @param text - as it stood in the log
 * @param deletedBefore - rows that a deletion vector deleted already
 * @param physicalRows - rows in the file; stands in where the text has no count
 */
export function statsAfterDeletion(
  text: string | undefined,
  deletedBefore: number,
  physicalRows: number,
): string {
  const stats = text === undefined ? undefined : parseObject(text);
  if (stats === undefined) return stringifyJson({ numRecords: physicalRows, tightBounds: false });
  const { tightBounds, ...rest } = stats;
  const counts = ownMember(stats, 'nullCount');
  // Once the bounds are wide the counts were rewritten already.
  const nullCount =
    tightBounds === false || counts === undefined
      ? counts
      : widened(counts, physicalRows - deletedBefore, physicalRows);
  return stringifyJson({
    ...rest,
    numRecords: physicalRows,
    ...(nullCount === undefined ? {} : { nullCount }),
    tightBounds: false,
  });
}

function widened(counts: JsonValue, liveRows: number, physicalRows: number): JsonValue {
  if (counts === liveRows) return liveRows === 0 ? 0 : physicalRows;
  if (!isJsonObject(counts)) return counts;
  const entries = Object.entries(counts).map(([name, count]) => [
    name,
    widened(count, liveRows, physicalRows),
  ]);
  const object: JsonObject = Object.fromEntries(entries);
  return object;
}

function parseObject(text: string): JsonObject | undefined {
  try {
    const stats = parseJson(text);
    return isJsonObject(stats) ? stats : undefined;
  } catch (cause) {
    // Stats are an aid: a text that cannot be read means that nothing is known.
    if (cause instanceof JsonSyntaxError) return undefined;
    throw cause;
  }
}

function recordsIn(stats: JsonObject): number | undefined {
  const count = ownMember(stats, 'numRecords');
  return typeof count === 'number' && Number.isSafeInteger(count) && count >= 0 ? count : undefined;
}

function boundOf(field: StructField, value: JsonValue, side: 'min' | 'max'): Value | undefined {
  const { type, metadata } = field;
  const bound = parseBound(type, value, side);
  if (type.kind !== 'primitive' || type.name !== 'double' || typeof bound !== 'number') return bound;
  if (ownMember(metadata, 'delta.typeChanges') === undefined) return bound;
  // A file of before may have the shortest digits of a float, which stand for another double.
  const single = Math.fround(bound);
  return side === 'min' ? Math.min(bound, single) : Math.max(bound, single);
}

function walk(
  value: JsonValue | undefined,
  struct: StructType,
  above: readonly string[],
  visit: (path: string, field: StructField, value: JsonValue) => void,
): void {
  if (!isJsonObject(value)) return;
  for (const field of struct.fields) {
    const { name, type } = field;
    const member = ownMember(value, name);
    if (member === undefined || member === null) continue;
    const names = [...above, name];
    if (type.kind === 'struct') walk(member, type, names, visit);
    else visit(statsPath(names), field, member);
  }
}

function boundsJson(
  stats: FileStats,
  side: 'min' | 'max',
  schema: StructType,
  above: readonly string[],
): JsonObject {
  const own = side === 'min' ? stats.minValues : stats.maxValues;
  const other = side === 'min' ? stats.maxValues : stats.minValues;
  return tree(schema, above, (path, type) => {
    const value = own.get(path);
    if (value === undefined || value === null || Number.isNaN(value) || Number.isNaN(other.get(path)))
      return undefined;
    return boundJson(type, value, side);
  });
}

/** An object in the schema's layout of the leaves that have a value; structs with none are left out. */
function tree(
  struct: StructType,
  above: readonly string[],
  leaf: (path: string, type: DataType) => JsonValue | undefined,
): JsonObject {
  const entries: [string, JsonValue][] = [];
  for (const { name, type } of struct.fields) {
    const names = [...above, name];
    if (type.kind === 'struct') {
      const inner = tree(type, names, leaf);
      if (Object.keys(inner).length > 0) entries.push([name, inner]);
    } else {
      const value = leaf(statsPath(names), type);
      if (value !== undefined) entries.push([name, value]);
    }
  }
  return Object.fromEntries(entries);
}
