import type { Changes } from '../../src/cdc/changes.js';
import { Op } from '../../src/cdc/changes.js';
import { partitionKey } from '../../src/source/change-source.js';
import { lastRecordOf } from '../../src/sink/settle/sink-commit.js';
import type {
  BadRecord,
  LastRecord,
  OffsetRange,
  Settled,
  SettleMetrics,
  Slice,
  TableSettler,
  TableTarget,
} from '../../src/sink/settler.js';

export type ModelCommit = {
  readonly version: number;
  readonly ranges: readonly OffsetRange[];
  /** `topic:partition:offset` of the records that were applied. */
  readonly applied: readonly string[];
  readonly audit: string | undefined;
};

/** A table that outlives the process: rows by key, the offsets it holds, and what each version did. */
export class ModelTable {
  readonly rows = new Map<string, string>();
  readonly txns = new Map<string, number>();
  readonly last = new Map<string, LastRecord>();
  readonly commits: ModelCommit[] = [];
}

/** What may go wrong, and when. Throwing ends the call; `committing` comes before anything is changed, `committed` after. */
export type ModelFaults = {
  readonly recovering?: (target: TableTarget) => Promise<void> | void;
  readonly committing?: (target: TableTarget) => Promise<void> | void;
  readonly committed?: (target: TableTarget) => Promise<void> | void;
};

const NOTHING_DONE: SettleMetrics = {
  inserted: 0,
  updated: 0,
  deleted: 0,
  stale: 0,
  ignored: 0,
  nulled: 0,
  filesWritten: 0,
  bytesWritten: 0,
  attempts: 1,
};

/**
 * A settler over a map: no files, but the same compare-and-swap on offsets as the real one, so that what a lane
 * does wrong with ranges is seen. A change applied twice leaves two entries in the commits.
 */
export function modelSettler(table: ModelTable, target: TableTarget, faults: ModelFaults = {}): TableSettler {
  const seen = new Map<string, number>();

  const compare = (ranges: readonly OffsetRange[]): Settled | undefined => {
    const at = new Map<string, number>();
    let moved = false;
    for (const { topic, partition, base } of ranges) {
      const key = partitionKey(topic, partition);
      const holds = table.txns.get(target.appId({ topic, partition }));
      const expected = seen.get(key);
      if (holds === undefined ? expected !== undefined : holds < base) {
        return { kind: 'rewound', topic, partition, expected: expected ?? base, found: holds };
      }
      if (holds === undefined) continue;
      at.set(key, holds);
      seen.set(key, holds);
      moved ||= holds > base;
    }
    return moved ? { kind: 'moved', at } : undefined;
  };

  const commit = async (
    ranges: readonly OffsetRange[],
    applied: readonly string[],
    apply: () => SettleMetrics,
    audit: string | undefined,
    slices: readonly Slice[] = [],
  ): Promise<Settled> => {
    await faults.committing?.(target);
    // Another writer may have been there while we waited.
    const settled = compare(ranges);
    if (settled !== undefined) return settled;
    const metrics = apply();
    const version = table.commits.length;
    table.commits.push({ version, ranges, applied, audit });
    const next = new Map<string, number>();
    for (const range of ranges) {
      const key = partitionKey(range.topic, range.partition);
      table.txns.set(target.appId(range), range.next);
      const last = lastRecordOf(slices, range);
      if (last !== undefined) table.last.set(target.appId(range), last);
      seen.set(key, range.next);
      next.set(key, range.next);
    }
    await faults.committed?.(target);
    return { kind: 'committed', version, next, metrics };
  };

  return {
    recover: async (partitions) => {
      await faults.recovering?.(target);
      const next = new Map<string, number>();
      for (const { topic, partition } of partitions) {
        const holds = table.txns.get(target.appId({ topic, partition }));
        if (holds === undefined) continue;
        next.set(partitionKey(topic, partition), holds);
        seen.set(partitionKey(topic, partition), holds);
      }
      return next;
    },
    applied: (partition) => {
      const appId = target.appId(partition);
      return { incarnation: table.txns.has(appId) ? 0 : undefined, last: table.last.get(appId) };
    },
    settle: async (slices) => {
      const ranges = rangesOf(slices);
      const settled = compare(ranges);
      if (settled !== undefined) return settled;
      const bad = slices.flatMap(badRecordsOf);
      if (bad.length > 0) return { kind: 'bad-records', records: bad };
      const changing = slices.flatMap(({ changes, rows }) =>
        [...rows].filter((row) => changes.op[row] !== Op.tombstone).map((row) => ({ changes, row })),
      );
      if (changing.length === 0) return { kind: 'nothing' };
      const applied = changing.map(({ changes, row }) => {
        return `${partitionKey(changes.topic, changes.partition)}:${changes.offset(row)}`;
      });
      return commit(ranges, applied, () => apply(table, changing), undefined, slices);
    },
    progress: async (ranges, { audit }) => {
      const settled = compare(ranges);
      if (settled !== undefined) return settled;
      if (table.commits.length === 0) return { kind: 'nothing' };
      return commit(ranges, [], () => NOTHING_DONE, audit);
    },
  };
}

function apply(table: ModelTable, changing: readonly { changes: Changes; row: number }[]): SettleMetrics {
  let [inserted, updated, deleted] = [0, 0, 0];
  for (const { changes, row } of changing) {
    const record = changes.raw(row);
    const key = record.key?.toString('utf8') ?? '';
    switch (changes.op[row]) {
      case Op.delete:
        if (table.rows.delete(key)) deleted++;
        break;
      case Op.truncate:
        table.rows.clear();
        break;
      default:
        if (table.rows.has(key)) updated++;
        else inserted++;
        table.rows.set(key, afterOf(record.value));
    }
  }
  return { ...NOTHING_DONE, inserted, updated, deleted };
}

function afterOf(value: Buffer | null): string {
  const envelope: unknown = JSON.parse(value?.toString('utf8') ?? 'null');
  return typeof envelope === 'object' && envelope !== null && 'after' in envelope
    ? JSON.stringify(envelope.after)
    : '';
}

function rangesOf(slices: readonly Slice[]): OffsetRange[] {
  const ranges = new Map<string, OffsetRange>();
  for (const { topic, partition, base, next } of slices) {
    const key = partitionKey(topic, partition);
    const before = ranges.get(key);
    if (before !== undefined && before.next !== base) {
      throw new Error(`slices of ${key} do not follow each other: ${before.next}, then ${base}`);
    }
    ranges.set(key, { topic, partition, base: before?.base ?? base, next });
  }
  return [...ranges.values()];
}

function badRecordsOf({ topic, partition, changes, rows }: Slice): BadRecord[] {
  return [...rows].flatMap((index) => {
    const problem = changes.problem(index);
    if (changes.op[index] !== Op.bad || problem === undefined) return [];
    return [{ topic, partition, offset: changes.offset(index), index, problem }];
  });
}
