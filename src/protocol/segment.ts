import type { LogFile } from './log-files.js';

type CheckpointFile = Extract<LogFile, { kind: 'checkpoint' }>;

/** A checkpoint all of whose files are there, in the order of their parts. */
export type Checkpoint = { readonly version: number; readonly files: readonly CheckpointFile[] };

/** The files that make a version: a checkpoint, if any, and every commit after it up to the version. */
export type Segment = {
  readonly kind: 'segment';
  readonly version: number;
  readonly checkpoint?: Checkpoint;
  /** Versions in order, without gaps; empty where the checkpoint is of the version itself. */
  readonly commits: readonly number[];
};

/** Why the files do not make the version. */
export type SegmentProblem =
  /** No commit and no checkpoint: no table, or not one any more. */
  | { readonly kind: 'empty' }
  /** A commit is not there that others came after. */
  | { readonly kind: 'gap'; readonly missing: number }
  /** The version asked for is not there yet. */
  | { readonly kind: 'beyond'; readonly latest: number }
  /** What the version was made of was cleaned away; `earliest` is the first that can still be made, if any. */
  | { readonly kind: 'expired'; readonly earliest: number | undefined };

/**
 * Picks what to read for a version: the newest complete checkpoint at or below it and the commits after that.
 * A checkpoint of many parts is complete with all of them; of one version, UUID-named ones come before
 * those of many parts, and those before classic ones. Compacted files are left alone. Delta protocol,
 * "Action Reconciliation" and "Checkpoints".
 *
 * The listing may begin at any version: where it begins behind what is needed the answer is a problem, and a
 * longer listing may solve it.
 *
 * @param files - any order
 * @param target - the version; the newest if left out
 */
export function planSegment(files: Iterable<LogFile>, target?: number): Segment | SegmentProblem {
  const commits = new Set<number>();
  const byVersion = new Map<number, CheckpointFile[]>();
  for (const file of files) {
    if (file.kind === 'commit') commits.add(file.version);
    else if (file.kind === 'checkpoint') {
      const group = byVersion.get(file.version);
      if (group === undefined) byVersion.set(file.version, [file]);
      else group.push(file);
    }
  }
  const checkpoints: Checkpoint[] = [];
  for (const [version, group] of byVersion) {
    const chosen = completeCheckpoint(group);
    if (chosen !== undefined) checkpoints.push({ version, files: chosen });
  }
  const latest = largest([...commits, ...checkpoints.map(({ version }) => version)]);
  if (latest === undefined) return { kind: 'empty' };
  if (target !== undefined && target > latest) return { kind: 'beyond', latest };
  const version = target ?? latest;
  const checkpoint = newestUpTo(checkpoints, version);
  const first = checkpoint === undefined ? 0 : checkpoint.version + 1;
  const needed: number[] = [];
  for (let at = first; at <= version; at++) {
    if (!commits.has(at)) return missingCommit(at, checkpoint, commits, checkpoints);
    needed.push(at);
  }
  return { kind: 'segment', version, ...(checkpoint === undefined ? {} : { checkpoint }), commits: needed };
}

function missingCommit(
  at: number,
  checkpoint: Checkpoint | undefined,
  commits: ReadonlySet<number>,
  checkpoints: readonly Checkpoint[],
): SegmentProblem {
  // Behind a checkpoint or between commits nothing is ever cleaned away.
  if (checkpoint !== undefined || at > 0) return { kind: 'gap', missing: at };
  const earliest = smallest(checkpoints.map(({ version }) => version));
  if (earliest !== undefined) return { kind: 'expired', earliest };
  return commits.has(1) ? { kind: 'gap', missing: 0 } : { kind: 'expired', earliest: undefined };
}

function completeCheckpoint(group: readonly CheckpointFile[]): readonly CheckpointFile[] | undefined {
  const uuid = group.find(({ shape }) => shape.kind === 'uuid');
  if (uuid !== undefined) return [uuid];
  const byParts = new Map<number, Map<number, CheckpointFile>>();
  for (const file of group) {
    if (file.shape.kind !== 'multipart') continue;
    const parts = byParts.get(file.shape.parts) ?? new Map<number, CheckpointFile>();
    parts.set(file.shape.part, file);
    byParts.set(file.shape.parts, parts);
  }
  for (const [count, parts] of byParts) {
    if (parts.size === count) return [...parts].sort(([a], [b]) => a - b).map(([, file]) => file);
  }
  const classic = group.find(({ shape }) => shape.kind === 'classic');
  return classic === undefined ? undefined : [classic];
}

function newestUpTo(checkpoints: readonly Checkpoint[], version: number): Checkpoint | undefined {
  let newest: Checkpoint | undefined;
  for (const checkpoint of checkpoints) {
    if (checkpoint.version > version) continue;
    if (newest === undefined || checkpoint.version > newest.version) newest = checkpoint;
  }
  return newest;
}

function largest(versions: readonly number[]): number | undefined {
  return versions.reduce<number | undefined>((a, b) => (a === undefined || b > a ? b : a), undefined);
}

function smallest(versions: readonly number[]): number | undefined {
  return versions.reduce<number | undefined>((a, b) => (a === undefined || b < a ? b : a), undefined);
}
