import type { Changes } from '../../cdc/changes.js';
import { sourceTimeText } from '../../cdc/position.js';
import type { Action } from '../../protocol/actions.js';
import type { JsonObject } from '../../protocol/actions.js';
import { partitionKey } from '../../source/change-source.js';
import { describeRecord } from '../last-record.js';
import type { LastRecord, OffsetRange, Slice, TableTarget } from '../settler.js';
import {
  formatPartitionDomain,
  partitionDomainName,
  type PartitionDomain,
  type StateFile,
} from './partition-domain.js';

/** The stretch of one partition that a commit accounts for, and what the partition's domain says after it. */
export type PartitionStep = OffsetRange & {
  readonly previous: PartitionDomain | undefined;
  readonly epochs: PartitionDomain['epochs'];
  readonly last: LastRecord | undefined;
  readonly floor: string | undefined;
  readonly keys: readonly string[];
  readonly files: readonly StateFile[];
  /** `source.ts_ms` of the newest change of the range. */
  readonly newestMs: number | undefined;
};

/** `txn` and domain metadata of each partition, for a commit at `version`. */
export function progressActions(
  target: TableTarget,
  steps: readonly PartitionStep[],
  at: { readonly version: number; readonly nowMs: number },
): readonly Action[] {
  const txns = steps.map((step): Action => {
    return {
      kind: 'txn',
      txn: { appId: target.appId(step), version: BigInt(step.next), lastUpdated: at.nowMs },
    };
  });
  const domains = steps.map((step): Action => {
    const domain = partitionDomainName(step.topic, step.partition);
    const configuration = formatPartitionDomain(domainAfter(step, at.version));
    return { kind: 'domainMetadata', domainMetadata: { domain, configuration, removed: false } };
  });
  return [...txns, ...domains];
}

/** The offset ranges of a commit, for its `userMetadata`: in a log they tile each partition. */
export function rangesText(ranges: readonly OffsetRange[], audit?: string): string {
  // A refresh accounts for no offset.
  const told = ranges.filter(({ base, next }) => next > base);
  const sluice: JsonObject = {
    ranges: told.map(({ topic, partition, base, next }) => ({ topic, partition, base, next })),
    ...(audit === undefined ? {} : { audit }),
  };
  return JSON.stringify({ sluice });
}

/** One range a partition: where its slices begin and end. */
export function spanOf(ranges: readonly OffsetRange[]): readonly OffsetRange[] {
  const spans = new Map<string, OffsetRange>();
  for (const { topic, partition, base, next } of ranges) {
    const key = partitionKey(topic, partition);
    const known = spans.get(key);
    spans.set(key, {
      topic,
      partition,
      base: known === undefined ? base : Math.min(known.base, base),
      next: known === undefined ? next : Math.max(known.next, next),
    });
  }
  return [...spans.values()];
}

/** The last record below `next` of a partition's slices: by it a topic made anew is told from the old one. */
export function lastRecordOf(slices: readonly Slice[], range: OffsetRange): LastRecord | undefined {
  for (const slice of slices.toReversed()) {
    if (slice.topic !== range.topic || slice.partition !== range.partition) continue;
    const at = lastBelow(slice.changes, slice.next);
    if (at >= 0) return describeRecord(slice.changes.raw(at));
  }
  return undefined;
}

/** `source.ts_ms` of the newest change of a partition in these slices; undefined where none says. */
export function newestMsOf(slices: readonly Slice[], range: OffsetRange): number | undefined {
  let newest = '';
  for (const { topic, partition, rows, changes } of slices) {
    if (topic !== range.topic || partition !== range.partition) continue;
    for (const record of rows) {
      const time = sourceTimeText(changes.position[record] ?? '');
      if (time > newest) newest = time;
    }
  }
  return newest === '' ? undefined : Number.parseInt(newest, 16);
}

function lastBelow(changes: Changes, next: number): number {
  let low = 0;
  let high = changes.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (changes.offset(middle) < next) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function domainAfter(step: PartitionStep, version: number): PartitionDomain {
  const { previous } = step;
  const last = step.last ?? previous?.last;
  const floor = step.floor ?? previous?.floor;
  const newestMs = Math.max(step.newestMs ?? 0, previous?.newestMs ?? 0);
  return {
    version,
    ...(last === undefined ? {} : { last }),
    ...(floor === undefined ? {} : { floor }),
    epochs: step.epochs,
    keys: step.keys.length > 0 ? step.keys : (previous?.keys ?? []),
    files: step.files,
    ...(newestMs === 0 ? {} : { newestMs }),
  };
}
