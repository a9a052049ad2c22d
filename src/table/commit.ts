import { SluiceError, assert, isSluiceError } from '../base/errors.js';
import { backoff, sleep } from '../base/signals.js';
import { formatActions } from '../protocol/action-json.js';
import type { Action } from '../protocol/actions.js';
import { commitKey } from '../protocol/log-files.js';
import { tableProperty } from '../protocol/properties.js';
import { foldActions, forgetTombstones } from '../protocol/replay.js';
import type { ObjectStore } from '../storage/object-store.js';
import { checkpointAfter, isCheckpointDue, type CheckpointOutcome } from './checkpoint.js';
import { assertCommitRules } from './commit-rules.js';
import { writeVersionChecksum } from './version-checksum.js';
import { inCommitTimestampMs, nextCommitTimeMs, withInCommitTimestamp } from './commit-time.js';
import { readCommit, type Winner } from './log.js';
import { assertReadable, assertWritable } from './protocol-gate.js';
import { withRowTracking } from './row-tracking.js';
import { Snapshot } from './snapshot.js';

export type { Winner } from './log.js';

export type CommitRequest = {
  /** The version that was read; the commit takes the next free one. -1 creates the table and never rebases. */
  readonly readVersion: number;
  /** The actions for that version, commitInfo first; called anew for each attempt. */
  actions(at: { readonly version: number; readonly nowMs: number }): readonly Action[];
  /** The commit's own id, also in its commitInfo: by it the commit is recognised after a lost answer. */
  readonly txnId: string;
  /** Called with each winner, in order; gives the request to go on with, or why not. */
  reconcile(winner: Winner): Promise<CommitRequest | { readonly conflict: string }>;
  readonly signal: AbortSignal;
};

export type CommitOutcome =
  | {
      readonly kind: 'committed';
      readonly version: number;
      readonly snapshot: Snapshot;
      /** Versions that were tried, this one included. */
      readonly attempts: number;
      /** The checkpoint that this commit made due, if any. Never rejects: a failure is one of its values. */
      readonly background: Promise<CheckpointOutcome>;
    }
  | { readonly kind: 'conflicted'; readonly at: number; readonly why: string };

/** What a commit takes from the world besides the store. */
export type CommitWorld = {
  nowMs(): number;
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  random(): number;
};

const REAL_WORLD: CommitWorld = { nowMs: () => Date.now(), sleep, random: () => Math.random() };

/**
 * Puts the request in the log at the first free version after the one it read, at most once.
 *
 * `snapshot` is the one at `readVersion`, undefined to create a table. A lost race is not an error: the winner is read
 * and given to `reconcile`; only a real conflict ends the attempt. An unanswered request is settled by looking at what
 * is there, so a commit that landed unseen is reported as committed and never written a second time. The returned
 * snapshot is that of the committed version. A store that is full, denies or stays away fails with its own error; the
 * table is then as it was, or, where the answer was lost to the end, holds the commit: `txnId` tells.
 */
export async function commit(
  snapshot: Snapshot | undefined,
  store: ObjectStore,
  request: CommitRequest,
  world: CommitWorld = REAL_WORLD,
): Promise<CommitOutcome> {
  assert(
    (snapshot?.version ?? -1) === request.readVersion,
    'a commit goes on from the snapshot that it read',
  );
  const creates = request.readVersion === -1;
  let base = snapshot;
  let plan = request;
  for (let version = request.readVersion + 1; ; version++) {
    const attempt = draft(base, version, plan, world);
    const winner = await claimOrReadWinner(store, attempt, plan, world);
    if (winner === undefined) {
      const committed = withoutExpired(advance(store, base, attempt), world.nowMs());
      const attempts = version - request.readVersion;
      return {
        kind: 'committed',
        version,
        snapshot: committed,
        attempts,
        background: afterCommit(committed, attempt, plan),
      };
    }
    if (creates) return { kind: 'conflicted', at: version, why: 'the table was created by another writer' };
    const timestampMs = commitTimestampMs(winner.actions) ?? world.nowMs();
    base = advance(store, base, { ...winner, timestampMs });
    assertReadable(store.url, base.state);
    const next = await plan.reconcile(winner);
    if ('conflict' in next) return { kind: 'conflicted', at: version, why: next.conflict };
    plan = next;
  }
}

/** The version's checksum, then the checkpoint that is due. */
async function afterCommit(
  committed: Snapshot,
  { actions }: Attempt,
  { txnId, signal }: CommitRequest,
): Promise<CheckpointOutcome> {
  const timestampMs = commitTimestampMs(actions);
  await writeVersionChecksum(committed, { txnId, inCommitTimestampMs: timestampMs, signal });
  return checkpointAfter(committed, signal);
}

type Attempt = {
  readonly version: number;
  readonly actions: readonly Action[];
  readonly timestampMs: number;
};

/** The actions for one version, checked, with the in-commit timestamp where the table has them. */
function draft(
  base: Snapshot | undefined,
  version: number,
  plan: CommitRequest,
  world: CommitWorld,
): Attempt {
  if (base !== undefined) assertWritable(base.store.url, base.state);
  const nowMs = nextCommitTimeMs(base, world.nowMs());
  const tracked = withRowTracking(base, version, plan.actions({ version, nowMs }));
  const actions = withInCommitTimestamp(base, version, nowMs, tracked);
  assertCommitRules(actions, { version, txnId: plan.txnId });
  return { version, actions, timestampMs: commitTimestampMs(actions) ?? nowMs };
}

/**
 * Tries a version until it is known who has it: undefined if it is ours, else the commit that is there. The body is the
 * same for every put of an attempt, so whichever of them lands, it is the same commit.
 */
async function claimOrReadWinner(
  store: ObjectStore,
  attempt: Attempt,
  plan: CommitRequest,
  world: CommitWorld,
): Promise<Winner | undefined> {
  const { signal, txnId } = plan;
  const key = commitKey(attempt.version);
  const body = new TextEncoder().encode(formatActions(attempt.actions));
  const pauseMs = backoff({ baseMs: 50, maxMs: 5_000, random: () => world.random() });
  // Whether an earlier put may have landed: then looking comes before putting.
  let unsure = false;
  for (let failures = 0; ;) {
    signal.throwIfAborted();
    try {
      if (!unsure && (await store.putIfAbsent(key, body, { signal })) === 'created') return undefined;
      const there = await readCommit(store, attempt.version, { signal });
      if (there !== undefined) return there.commitInfo?.['txnId'] === txnId ? undefined : there;
      if (!unsure) throw vanished(key);
      unsure = false;
    } catch (cause) {
      const lost = isSluiceError(cause) && cause.retry === 'ambiguous';
      if (signal.aborted || !mayTryAgain(cause) || failures >= FAILURES_MAX) throw told(cause, store, key);
      failures++;
      // A lost answer is looked at once without a pause: most of them have landed.
      if (lost && !unsure) unsure = true;
      else await world.sleep(pauseMs(failures - 1), signal);
    }
  }
}

/** Tries after the first before the store is given up: with pauses up to 5 s about half a minute. */
const FAILURES_MAX = 12;

/** Told like a passing failure of the store: seen for a moment where listings and reads lag behind writes. */
function vanished(key: string): SluiceError {
  return new SluiceError('STORE_UNAVAILABLE', `${key} exists and cannot be read`, { retry: 'safe' });
}

function mayTryAgain(cause: unknown): boolean {
  return isSluiceError(cause) && cause.retry !== 'never';
}

/** The store's own failure, with the commit that it befell; an abort as it is. */
function told(cause: unknown, store: ObjectStore, key: string): unknown {
  if (!isSluiceError(cause)) return cause;
  return new SluiceError(cause.code, `commit ${key} of ${store.url}: ${cause.message}`, {
    retry: cause.retry,
    context: { ...cause.context, table: store.url, file: key },
    ...(cause.hint === undefined ? {} : { hint: cause.hint }),
    cause,
  });
}

/** The in-commit timestamp among a commit's actions, if it has one. */
function commitTimestampMs(actions: readonly Action[]): number | undefined {
  const [first] = actions;
  return first?.kind === 'commitInfo' ? inCommitTimestampMs(first.commitInfo) : undefined;
}

/** The snapshot one version on: costs the commit, not the table. */
function advance(store: ObjectStore, base: Snapshot | undefined, next: Attempt): Snapshot {
  const state = foldActions(base?.state, next.actions, next.version);
  return new Snapshot(store, next.version, state, next.timestampMs);
}

/**
 * The snapshot without removed files whose retention has ended, at each version that a checkpoint is due for: nobody
 * needs them any more, and a process that writes for weeks would keep them all.
 */
function withoutExpired(snapshot: Snapshot, nowMs: number): Snapshot {
  if (!isCheckpointDue(snapshot)) return snapshot;
  const keepFrom = nowMs - tableProperty(snapshot.configuration, 'deletedFileRetentionMs');
  const state = forgetTombstones(snapshot.state, keepFrom);
  return new Snapshot(snapshot.store, snapshot.version, state, snapshot.commitTimestampMs);
}
