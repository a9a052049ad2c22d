import { type Changes, Op, type Origin } from '../cdc/changes.js';

/** One source's records of a run, as ascending indexes. */
export type OriginRows = { readonly origin: Origin; readonly rows: Uint32Array };

/** A run of records by who made the changes. Records that are no row changes are in neither. */
export type SplitChanges = {
  /** In the order in which the sources first occur. */
  readonly parts: readonly OriginRows[];
  /** Tombstones and bad records that do not say whose they are. */
  readonly orphans: Uint32Array;
};

/** Splits a run of records by source. The common case, all from one, costs one pass and no lists. */
export function splitChanges(changes: Changes): SplitChanges {
  const { length, op } = changes;
  const owner = new Int32Array(length);
  const origins: Origin[] = [];
  const counts: number[] = [];
  const numbers = new Map<Origin, number>();
  let orphans = 0;
  let latest: Origin | undefined;
  let latestNumber = FOREIGN;

  for (let i = 0; i < length; i++) {
    if (op[i] === Op.foreign) {
      owner[i] = FOREIGN;
      continue;
    }
    const origin = changes.origin(i);
    if (isNobody(origin) && (op[i] === Op.tombstone || op[i] === Op.bad)) {
      owner[i] = ORPHAN;
      orphans++;
      continue;
    }
    if (origin !== latest) {
      latest = origin;
      latestNumber = numbers.get(origin) ?? origins.push(origin) - 1;
      numbers.set(origin, latestNumber);
    }
    owner[i] = latestNumber;
    counts[latestNumber] = (counts[latestNumber] ?? 0) + 1;
  }
  return {
    parts: origins.map((origin, number) => ({ origin, rows: rowsOf(owner, number, counts[number] ?? 0) })),
    orphans: rowsOf(owner, ORPHAN, orphans),
  };
}

const FOREIGN = -1;
const ORPHAN = -2;

function isNobody({ db, schema, table }: Origin): boolean {
  return table === '' && schema === '' && db === '';
}

function rowsOf(owner: Int32Array, number: number, count: number): Uint32Array {
  const rows = new Uint32Array(count);
  let at = 0;
  for (let i = 0; at < count; i++) if (owner[i] === number) rows[at++] = i;
  return rows;
}

/** Two ascending lists as one. */
export function mergeRows(one: Uint32Array, other: Uint32Array): Uint32Array {
  if (one.length === 0) return other;
  if (other.length === 0) return one;
  const merged = new Uint32Array(one.length + other.length);
  merged.set(one);
  merged.set(other, one.length);
  return merged.sort();
}
