import { isSluiceError, SluiceError } from '../../base/errors.js';
import { readCommit, type Winner } from '../../table/log.js';
import { loadSnapshot, type Snapshot } from '../../table/snapshot.js';
import { HeldOffsets } from './held-offsets.js';
import { domainsOf, partitionOfDomain, type PartitionDomain } from './partition-domain.js';
import { replacementIn, type Replacement } from './replacement.js';

/** Why a table's offsets may no longer be those of its rows. */
export type Rewind =
  | (Replacement & { readonly kind: 'replaced' })
  /** The log no longer tells what happened in this version, which came after our last commit. */
  | { readonly kind: 'untold'; readonly version: number }
  /** The table stands below a version that it has had: a copy, or a folder that was put back. */
  | { readonly kind: 'behind'; readonly version: number; readonly had: number }
  /** Of this partition only the offset is left, or only what belongs to it. */
  | { readonly kind: 'torn'; readonly version: number; readonly partition: string };

/** The newest version that a partition's domain says it was written in: ours, or one that an operator accepted. */
export function baselineOf(domains: ReadonlyMap<string, PartitionDomain>): number | undefined {
  let baseline: number | undefined;
  for (const { version } of domains.values()) baseline = Math.max(baseline ?? 0, version);
  return baseline;
}

/**
 * Watches that nobody replaced a table behind the sink's back (docs/architecture.md, "Rewinds"): every version since the
 * newest of ours must say what it did, and none may have replaced the table's rows. Each commit is read once, and none
 * again that loading the snapshot has read.
 */
export class RewindWatch {
  /** Up to here all is well. */
  #clear = -1;
  readonly #told = new Map<number, Replacement | undefined>();

  /** A version of our own, planned on all that came before it. */
  reached(version: number): void {
    this.#clear = Math.max(this.#clear, version);
  }

  /** A commit that was read. */
  hear(commit: Winner): void {
    this.#told.set(commit.version, replacementIn(commit));
  }

  /** The oldest rewind that nobody has accepted; undefined if all is well. */
  async find(snapshot: Snapshot, signal: AbortSignal): Promise<Rewind | undefined> {
    const { version } = snapshot;
    const domains = domainsOf(snapshot);
    const baseline = baselineOf(domains);
    const had = Math.max(baseline ?? -1, this.#clear);
    if (had > version) return { kind: 'behind', version, had };
    const torn = tornIn(snapshot, domains);
    if (torn !== undefined) return { kind: 'torn', version, partition: torn };
    if (baseline !== undefined) {
      for (let at = had + 1; at <= version; at++) {
        if (!this.#told.has(at)) {
          const commit = await readCommit(snapshot.store, at, { signal });
          if (commit === undefined) return { kind: 'untold', version: at };
          this.hear(commit);
        }
        const replaced = this.#told.get(at);
        if (replaced !== undefined) return { kind: 'replaced', ...replaced };
      }
    }
    this.#clear = version;
    this.#told.clear();
    return undefined;
  }
}

/** The name of a partition's domain whose offset is not there, or which is not there for an offset. */
function tornIn(snapshot: Snapshot, domains: ReadonlyMap<string, PartitionDomain>): string | undefined {
  const held = new HeldOffsets(snapshot, domains);
  // One whose progress was taken back needs no offset.
  for (const [name, { unset }] of domains) if (unset !== true && !held.told.has(name)) return name;
  return [...held.told].find((name) => !domains.has(name));
}

/**
 * The error of a rewind: what happened in which version, what the version that came back held, and what to type.
 *
 * @param table - its location, as it is typed
 */
export async function rewoundError(
  rewind: Rewind,
  snapshot: Snapshot,
  { table, name, signal }: { readonly table: string; readonly name: string; readonly signal: AbortSignal },
): Promise<SluiceError> {
  const restoredTo = rewind.kind === 'replaced' ? rewind.restoredTo : undefined;
  const then = restoredTo === undefined ? [] : await offsetsAt(snapshot, restoredTo, signal);
  const accept = `sluice offsets accept ${table} --rewind`;
  const sets = then.map(
    ({ topic, partition, next }) =>
      `sluice offsets set ${table} --topic ${topic} --partition ${partition} --to ${next}`,
  );
  const again =
    sets.length === 0
      ? `"sluice offsets set ${table} --topic T --partition P --to N" for each partition`
      : sets
          .slice(0, SETS_SHOWN)
          .map((line) => `"${line}"`)
          .join(', ') + (sets.length > SETS_SHOWN ? ', …' : '');
  return new SluiceError('TABLE_REWOUND', `${name}: ${saidOf(rewind)}`, {
    context: {
      table,
      version: rewind.version,
      operation: rewind.kind === 'replaced' ? rewind.operation : undefined,
      restoredTo,
      offsets:
        then.length === 0
          ? undefined
          : then.map(({ topic, partition, next }) => `${topic}:${partition}=${next}`).join(', '),
    },
    hint: `to go on from the offsets that it holds: "${accept}"; to read again what its rows lack: ${again} first, then the same`,
  });
}

/** So many commands fit into a hint. */
const SETS_SHOWN = 8;

/** What happened, in words. */
export function saidOf(rewind: Rewind): string {
  switch (rewind.kind) {
    case 'replaced': {
      const to = rewind.restoredTo === undefined ? '' : ` to version ${rewind.restoredTo}`;
      return `version ${rewind.version} replaced the table (${rewind.operation}${to}); its offsets may not be those of its rows`;
    }
    case 'untold':
      return `the log no longer tells what happened in version ${rewind.version}, which came after the last commit of a sink`;
    case 'behind':
      return `it is at version ${rewind.version} and has been at ${rewind.had}: it was copied or put back`;
    case 'torn': {
      const { topic, partition } = partitionOfDomain(rewind.partition);
      return `of ${topic} ${partition} it holds only the offset, or only what belongs to it: another engine took the rest away`;
    }
  }
}

type OffsetThen = { readonly topic: string; readonly partition: number; readonly next: number };

async function offsetsAt(
  snapshot: Snapshot,
  version: number,
  signal: AbortSignal,
): Promise<readonly OffsetThen[]> {
  const then = await snapshotAt(snapshot, version, signal);
  if (then === undefined) return [];
  return new HeldOffsets(then).topics.flatMap(({ topic, next }) =>
    [...next].map(([partition, offset]) => ({ topic, partition, next: offset })),
  );
}

/** The table at an older version; undefined if the log no longer holds it. */
export async function snapshotAt(
  snapshot: Snapshot,
  version: number,
  signal: AbortSignal,
): Promise<Snapshot | undefined> {
  try {
    return await loadSnapshot(snapshot.store, { version, signal });
  } catch (cause) {
    if (isSluiceError(cause, 'VERSION_NOT_FOUND') || isSluiceError(cause, 'CORRUPT_LOG')) return undefined;
    throw cause;
  }
}
