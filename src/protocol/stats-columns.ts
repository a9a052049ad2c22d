import type { DataType, StructType } from '../schema/types.js';

/** One column that stats are kept of. */
export type StatsColumn = {
  /** Names from the outside in. */
  readonly names: readonly string[];
  /** `statsPath(names)`, the key of `FileStats`. */
  readonly path: string;
  readonly type: DataType;
  /** Whether its values have an order that stats hold: no booleans, bytes or lists. */
  readonly bounded: boolean;
};

export type StatsOptions = {
  /** How many leaf columns, counted depth first from the first; -1 for all. */
  readonly columns: number;
  /** Columns to keep stats of instead of counting: a struct stands for its leaves. */
  readonly listed?: readonly string[];
  /** Columns that are kept whatever is counted or listed; a struct stands for its leaves. */
  readonly alwaysInclude?: readonly string[];
  /** Top-level columns to leave out: those the table is partitioned by. */
  readonly except?: readonly string[];
};

/** Delta's default for `delta.dataSkippingNumIndexedCols`. */
const COLUMNS_DEFAULT = 32;

/**
 * The key of a column in `FileStats`: its names joined with dots, a name that holds a dot or a backtick in
 * backticks.
 */
export function statsPath(names: readonly string[]): string {
  const [only] = names;
  if (names.length === 1 && only !== undefined && PLAIN.test(only)) return only;
  return names.map((name) => (PLAIN.test(name) ? name : `\`${name.replaceAll('`', '``')}\``)).join('.');
}

/**
 * The leaf columns whose stats a file carries, in the schema's order. A list or a map is a leaf. Delta protocol,
 * "Per-file Statistics"; the choice of columns is Delta Spark's `delta.dataSkippingNumIndexedCols` and
 * `delta.dataSkippingStatsColumns`.
 */
export function statsColumns(schema: StructType, options: StatsOptions): StatsColumn[] {
  const except = new Set(options.except);
  const kept = schema.fields.filter(({ name }) => !except.has(name));
  const leaves = leavesOf({ kind: 'struct', fields: kept }, []);
  const limit = options.columns < 0 ? leaves.length : options.columns;
  const { listed } = options;
  return leaves.filter((leaf, i) => {
    const chosen = listed === undefined ? i < limit : covers(listed, leaf);
    return chosen || covers(options.alwaysInclude ?? [], leaf);
  });
}

/** What a table's properties say about stats. */
export function statsOptions(
  configuration: Readonly<Record<string, string>>,
): Pick<StatsOptions, 'columns' | 'listed'> {
  const text = configuration['delta.dataSkippingNumIndexedCols'];
  const columns = text !== undefined && /^(-1|\d{1,9})$/.test(text) ? Number(text) : COLUMNS_DEFAULT;
  const listed = configuration['delta.dataSkippingStatsColumns'];
  return listed === undefined ? { columns } : { columns, listed: splitColumns(listed) };
}

const PLAIN = /^[^.`]+$/;

function leavesOf(struct: StructType, above: readonly string[]): StatsColumn[] {
  return struct.fields.flatMap(({ name, type }): StatsColumn[] => {
    const names = [...above, name];
    if (type.kind === 'struct') return leavesOf(type, names);
    return [{ names, path: statsPath(names), type, bounded: isBounded(type) }];
  });
}

function isBounded(type: DataType): boolean {
  if (type.kind === 'decimal') return true;
  if (type.kind !== 'primitive') return false;
  return type.name !== 'boolean' && type.name !== 'binary' && type.name !== 'variant' && type.name !== 'void';
}

function covers(paths: readonly string[], leaf: StatsColumn): boolean {
  return paths.some((path) => leaf.names.some((_, i) => statsPath(leaf.names.slice(0, i + 1)) === path));
}

/** Splits `a, b.c, ``d.e``` at commas outside backticks, and brings each part into the form of `statsPath`. */
function splitColumns(text: string): string[] {
  const columns = text.match(/(?:`(?:[^`]|``)*`|[^,`])+/g) ?? [];
  return columns.map((column) => {
    const names = column.trim().match(/`(?:[^`]|``)*`|[^.`]+/g) ?? [];
    return statsPath(
      names.map((name) => (name.startsWith('`') ? name.slice(1, -1).replaceAll('``', '`') : name)),
    );
  });
}
