import { SluiceError } from '../../base/errors.js';
import type { TopicPartition } from '../../source/change-source.js';
import type { Snapshot } from '../../table/snapshot.js';
import type { LastRecord } from '../settler.js';

/** A file of what the table remembers of rows that are not in it (`memory/records.ts`). */
export type StateFile = {
  readonly path: string;
  readonly kind: 'memory';
  /** When the newest of its records was noted. */
  readonly writtenAtMs: number;
  readonly rows: number;
  /** The latest place, as it is compared, that makes a change late or a repeat; '' for none. */
  readonly reach: string;
  /** How many records are images. */
  readonly images: number;
  /** How many records say that something waits, or waits no more. */
  readonly waits: number;
  /** How many records say which rows the changes of a table without a key took. */
  readonly taken: number;
  /** It was made of files that were named before: whoever knew those knows it. */
  readonly merged: boolean;
};

/**
 * What a table remembers of one topic-partition beside its `txn`: the domain `sluice.partition.<topic>.<n>` of
 * the commit's domain metadata (docs/architecture.md, "What outlives a process").
 */
export type PartitionDomain = {
  /** The version of the commit that wrote this. */
  readonly version: number;
  /** The record that was applied last: what a topic made anew is recognised by. */
  readonly last?: LastRecord;
  /** The part of a truncate's position that is compared; rows at or below it are gone for good. */
  readonly floor?: string;
  /** Offsets from which positions count in a later epoch; empty until something bumps it. */
  readonly epochs: readonly { readonly offset: number; readonly epoch: number }[];
  /** Names of the key columns, in the record key's order; empty for a table without a key. */
  readonly keys: readonly string[];
  readonly files: readonly StateFile[];
  /** The partition's progress was taken back: whatever its `txn` says, the table holds nothing of it. */
  readonly unset?: boolean;
  /** `source.ts_ms` of the newest change seen, ms since 1970 (R13). */
  readonly newestMs?: number;
};

const PREFIX = 'sluice.partition.';

export function partitionDomainName(topic: string, partition: number): string {
  return `${PREFIX}${topic}.${partition}`;
}

/** The partition of a domain of ours. */
export function partitionOfDomain(name: string): TopicPartition {
  const dot = name.lastIndexOf('.');
  return { topic: name.slice(PREFIX.length, dot), partition: Number(name.slice(dot + 1)) };
}

export function isPartitionDomain(name: string): boolean {
  return name.startsWith(PREFIX);
}

export function formatPartitionDomain(domain: PartitionDomain): string {
  return JSON.stringify(domain);
}

/** Reads what `formatPartitionDomain` wrote; anything else is `CORRUPT_LOG` naming the domain. */
export function parsePartitionDomain(name: string, text: string): PartitionDomain {
  const found: unknown = parse(text);
  if (!isDomain(found)) {
    throw new SluiceError('CORRUPT_LOG', `the domain metadata ${name} is not what Sluice writes`, {
      context: { domain: name },
      hint: 'Another writer changed it: restore the table to a version before, or remove the domain.',
    });
  }
  return found;
}

/** Times of the newest changes that were seen of each slice's partition, and of all partitions (`sourceTimeText`). */
export function newestTimes(
  partitions: readonly TopicPartition[],
  domains: ReadonlyMap<string, PartitionDomain>,
  /** Of changes that are in no domain yet. */
  besides: string,
): { readonly newest: readonly string[]; readonly newestOfAll: string } {
  const newest = partitions.map(({ topic, partition }) =>
    timeText(domains.get(partitionDomainName(topic, partition))?.newestMs),
  );
  const all = [...domains.values()].map(({ newestMs }) => timeText(newestMs));
  return { newest, newestOfAll: all.reduce((a, b) => (a > b ? a : b), besides) };
}

function timeText(ms: number | undefined): string {
  return ms === undefined ? '' : ms.toString(16).padStart(12, '0');
}

/** The domains of a table's partitions, by their names; none where there is no table. */
export function domainsOf(snapshot: Snapshot | undefined): ReadonlyMap<string, PartitionDomain> {
  const domains = new Map<string, PartitionDomain>();
  for (const [name, text] of snapshot?.state.domains ?? []) {
    if (isPartitionDomain(name)) domains.set(name, parsePartitionDomain(name, text));
  }
  return domains;
}

/**
 * The offsets of a partition from which positions count in a later epoch. One that the table meets for the first time
 * begins in the newest epoch of its topic, or all its changes would be late.
 */
export function epochsOf(
  domains: ReadonlyMap<string, PartitionDomain>,
  { topic, partition }: TopicPartition,
): PartitionDomain['epochs'] {
  const own = domains.get(partitionDomainName(topic, partition));
  if (own !== undefined) return own.epochs;
  const epoch = highestEpoch(domains, topic);
  return epoch === 0 ? [] : [{ offset: 0, epoch }];
}

/** The newest epoch of any partition, or of any of one topic; 0 if nothing ever raised it. */
export function highestEpoch(domains: ReadonlyMap<string, PartitionDomain>, topic?: string): number {
  let highest = 0;
  for (const [name, { epochs }] of domains) {
    if (topic !== undefined && partitionOfDomain(name).topic !== topic) continue;
    for (const { epoch } of epochs) highest = Math.max(highest, epoch);
  }
  return highest;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON at all is told like any other text that is not ours.
    return undefined;
  }
}

function isDomain(found: unknown): found is PartitionDomain {
  return (
    typeof found === 'object' &&
    found !== null &&
    'version' in found &&
    typeof found.version === 'number' &&
    'epochs' in found &&
    Array.isArray(found.epochs) &&
    'keys' in found &&
    Array.isArray(found.keys) &&
    'files' in found &&
    Array.isArray(found.files) &&
    (!('floor' in found) || typeof found.floor === 'string')
  );
}
