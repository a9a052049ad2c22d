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
 * those of many parts, and those before classic ones. Compacted files change nothing of it: `planReads` takes them. Delta protocol,
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

/** What to read for a run of commits: each by itself, or a compacted file that stands for many. */
export type SegmentRead =
  | { readonly kind: 'commit'; readonly version: number }
  | {
      readonly kind: 'compacted';
      readonly name: string;
      readonly through: number;
      /** The commits that it stands for. */
      readonly versions: readonly number[];
    };

/**
 * The commits with compacted files in place of those that they stand for: from the first on, always the file that goes
 * farthest. One that reaches outside of the run, or overlaps the one before, is left alone. Delta protocol, "Log
 * Compaction Files".
 *
 * @param commits - in order, without gaps
 */
export function planReads(commits: readonly number[], files: readonly LogFile[]): readonly SegmentRead[] {
  const last = commits.at(-1) ?? -1;
  const longest = new Map<number, Extract<LogFile, { kind: 'compacted' }>>();
  for (const file of files) {
    if (file.kind !== 'compacted' || file.through > last) continue;
    if (file.through > (longest.get(file.from)?.through ?? -1)) longest.set(file.from, file);
  }
  const reads: SegmentRead[] = [];
  for (let at = 0; at < commits.length;) {
    const version = commits[at] ?? 0;
    const file = longest.get(version);
    if (file === undefined) {
      reads.push({ kind: 'commit', version });
      at++;
      continue;
    }
    const { name, through } = file;
    const versions = commits.slice(at, at + through - version + 1);
    reads.push({ kind: 'compacted', name, through, versions });
    at += versions.length;
  }
  return reads;
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
