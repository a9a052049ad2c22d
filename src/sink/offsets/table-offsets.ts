import type { Snapshot } from '../../table/snapshot.js';
import { openSnapshot } from '../../table/snapshot.js';
import type { ObjectStore } from '../../storage/object-store.js';
import { HeldOffsets } from '../settle/held-offsets.js';
import {
  domainsOf,
  epochsOf,
  partitionDomainName,
  partitionOfDomain,
  type PartitionDomain,
} from '../settle/partition-domain.js';
import { RewindWatch, saidOf, type Rewind } from '../settle/rewinds.js';

/** What a table holds of one partition of a topic. */
export type PartitionOffsets = {
  readonly topic: string;
  readonly partition: number;
  /** The cluster's id, or the replay's; null where no transaction tells of the partition any more. */
  readonly cluster: string | null;
  /** How often the topic was made anew and accepted. */
  readonly incarnation: number;
  /** The offset that comes next; null where the start policy decides. */
  readonly next: number | null;
  /** The record that was applied last, and its time. */
  readonly last: { readonly offset: number; readonly time: string } | null;
  /** The position of the newest truncate: rows at or below it are gone for good. */
  readonly floor: string | null;
  /** The epoch in which positions of the next record count. */
  readonly epoch: number;
  /** Files of what the table remembers beside its rows. */
  readonly stateFiles: readonly string[];
  /** The version of the commit that wrote this. */
  readonly version: number;
};

export type TableOffsets = {
  readonly url: string;
  readonly version: number;
  /** Why the offsets may not be those of the rows; null if all is well. */
  readonly rewind: { readonly version: number; readonly reason: string } | null;
  readonly partitions: readonly PartitionOffsets[];
};

/**
 * The offsets that a table holds, by topic and partition; none in a table that no sink has written.
 *
 * @throws SluiceError TABLE_NOT_FOUND
 */
export async function readOffsets(
  location: string | ObjectStore,
  { signal }: { readonly signal: AbortSignal },
): Promise<TableOffsets> {
  const snapshot = await openSnapshot(location, { signal });
  const rewind = await rewindOf(snapshot, signal);
  return {
    url: snapshot.store.url,
    version: snapshot.version,
    rewind: rewind === undefined ? null : { version: rewind.version, reason: saidOf(rewind) },
    partitions: partitionsOf(snapshot),
  };
}

/** The oldest rewind of a table that nobody has accepted; undefined if all is well. */
export function rewindOf(snapshot: Snapshot, signal: AbortSignal): Promise<Rewind | undefined> {
  return new RewindWatch().find(snapshot, signal);
}

function partitionsOf(snapshot: Snapshot): readonly PartitionOffsets[] {
  const domains = domainsOf(snapshot);
  const held = new HeldOffsets(snapshot, domains);
  const told = held.topics.flatMap(({ identity, topic, incarnation, partitions, next }) =>
    [...partitions].map((partition) => ({
      ...describe({ topic, partition }, domains),
      cluster: identity,
      incarnation,
      next: next.get(partition) ?? null,
    })),
  );
  const untold = [...domains.keys()].filter((name) => !held.told.has(name)).map(partitionOfDomain);
  const lost = untold.map((at) => ({ ...describe(at, domains), cluster: null, incarnation: 0, next: null }));
  return [...told, ...lost].toSorted(
    (a, b) => (a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : 0) || a.partition - b.partition,
  );
}

function describe(
  { topic, partition }: { readonly topic: string; readonly partition: number },
  domains: ReadonlyMap<string, PartitionDomain>,
): Omit<PartitionOffsets, 'cluster' | 'incarnation' | 'next'> {
  const domain = domains.get(partitionDomainName(topic, partition));
  const { last } = domain ?? {};
  return {
    topic,
    partition,
    last: last === undefined ? null : { offset: last.offset, time: new Date(last.timestampMs).toISOString() },
    floor: domain?.floor ?? null,
    epoch: epochsOf(domains, { topic, partition }).reduce((newest, { epoch }) => Math.max(newest, epoch), 0),
    stateFiles: domain?.files.map(({ path }) => path) ?? [],
    version: domain?.version ?? -1,
  };
}
