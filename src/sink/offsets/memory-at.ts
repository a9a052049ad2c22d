import { readCommit } from '../../table/log.js';
import type { Snapshot } from '../../table/snapshot.js';
import { HeldOffsets } from '../settle/held-offsets.js';
import { domainsOf, partitionDomainName, type PartitionDomain } from '../settle/partition-domain.js';
import { replacementIn, type Replacement } from '../settle/replacement.js';
import { snapshotAt } from '../settle/rewinds.js';

type Lowered = {
  readonly identity: string;
  readonly topic: string;
  readonly incarnation: number;
  readonly partition: number;
  readonly to: number;
  /** What the partition remembers now. */
  readonly domain: PartitionDomain | undefined;
};

/**
 * What a partition is to remember whose offset is lowered to `to`. Normally all of it, so that what comes again changes
 * nothing. But if the table was replaced when it held more than that, rows went with it, and what is remembered of them
 * would keep them away: then it is what the version that came back remembered, or, where no version did, nothing of rows.
 */
export async function memoryAt(
  snapshot: Snapshot,
  lowered: Lowered,
  signal: AbortSignal,
): Promise<Omit<PartitionDomain, 'version'>> {
  const now = lowered.domain ?? { epochs: [], keys: [], files: [] };
  const replaced = await lastReplacement(snapshot, signal);
  if (replaced === undefined) return now;
  const then = await snapshotAt(snapshot, replaced.version, signal);
  if (then !== undefined && heldIn(then, lowered) <= lowered.to) return now;
  const { restoredTo } = replaced;
  const restored = restoredTo === undefined ? undefined : await snapshotAt(snapshot, restoredTo, signal);
  const name = partitionDomainName(lowered.topic, lowered.partition);
  const remembered = restored === undefined ? undefined : domainsOf(restored).get(name);
  const { epochs, keys } = now;
  if (remembered === undefined) return { epochs, keys, files: [] };
  // Which offsets lie in which epoch is true whatever the table holds.
  return { ...remembered, epochs, keys };
}

/** The newest commit that replaced the table, as far as the log goes back. */
async function lastReplacement(
  { store, version: newest }: Snapshot,
  signal: AbortSignal,
): Promise<Replacement | undefined> {
  for (let version = newest; version >= 0; version--) {
    const commit = await readCommit(store, version, { signal });
    if (commit === undefined) return undefined;
    const replaced = replacementIn(commit);
    if (replaced !== undefined) return replaced;
  }
  return undefined;
}

function heldIn(then: Snapshot, { identity, topic, incarnation, partition }: Lowered): number {
  const held = new HeldOffsets(then).of(identity, topic);
  return held?.incarnation === incarnation ? (held.next.get(partition) ?? 0) : 0;
}
