import { randomUUID } from 'node:crypto';
import { SluiceError } from '../../base/errors.js';
import { backoff, sleep } from '../../base/signals.js';
import { commitInfo } from '../../protocol/commit-info.js';
import type { Operation } from '../../protocol/operation.js';
import { commit, type CommitRequest } from '../../table/commit.js';
import { settled } from '../clean-log.js';
import { openSnapshot, type Snapshot } from '../../table/snapshot.js';
import { rebase, type Isolation, type ReadSet, type RebaseState } from '../merge/rebase.js';
import type { RowPlaces } from '../merge/rows.js';
import type { StagedChanges } from '../merge/staged.js';

/** Files of a verb, durable and ready to be committed, and what it looked at to make them. */
export type PlannedChange = {
  readonly staged: StagedChanges;
  readonly reads: ReadSet;
  /** Rows that it looked at besides those that it takes out. */
  readonly located?: RowPlaces;
  readonly metrics: Readonly<Record<string, string>>;
};

export type ChangeOptions = {
  readonly operation: Operation;
  readonly isolation?: Isolation;
  /** How often a verb is planned anew after a conflict. Default 10. */
  readonly retries?: number;
  readonly signal: AbortSignal;
};

export type Changed = {
  readonly snapshot: Snapshot;
  /** `operationMetrics`, as Delta Spark names them. */
  readonly metrics: Readonly<Record<string, string>>;
};

/** Pauses before planning anew. */
const RETRY = { baseMs: 50, maxMs: 5_000, random: Math.random };

const RETRIES = 10;

/**
 * Carries out a change of rows that was planned on a snapshot. Winners that do not concern it are let pass, row by row;
 * after one that does it is planned anew on the newest version, with pauses. Nothing to change makes no commit.
 *
 * @throws SluiceError CONFLICT if winners came between each time, naming the last one
 */
export async function changeRows(
  snapshot: Snapshot,
  plan: (snapshot: Snapshot) => Promise<PlannedChange>,
  options: ChangeOptions,
): Promise<Changed> {
  const { signal, retries = RETRIES } = options;
  const { store } = snapshot;
  const pauseMs = backoff(RETRY);
  let base = snapshot;
  for (let retry = 0; ; retry++) {
    const change = await plan(base);
    if (change.staged.isEmpty) return { snapshot: base, metrics: change.metrics };
    const outcome = await commit(base, store, requestOf(base, change, options));
    if (outcome.kind === 'committed') {
      await settled(outcome, options.signal);
      return { snapshot: outcome.snapshot, metrics: change.metrics };
    }
    if (retry >= retries) throw conflict(store.url, options.operation, outcome, retry);
    await sleep(pauseMs(retry), signal);
    base = await openSnapshot(store, { signal, after: base });
  }
}

function requestOf(base: Snapshot, change: PlannedChange, options: ChangeOptions): CommitRequest {
  const { operation, isolation, signal } = options;
  const txnId = randomUUID();
  const over = (state: RebaseState): CommitRequest => ({
    readVersion: base.version,
    txnId,
    signal,
    actions: ({ nowMs }) => [
      {
        kind: 'commitInfo',
        commitInfo: commitInfo({
          operation,
          timestamp: nowMs,
          readVersion: base.version,
          isBlindAppend: false,
          metrics: change.metrics,
          txnId,
        }),
      },
      ...state.staged.actions(nowMs),
    ],
    reconcile: async (winner) => {
      const rebased = await rebase(state, winner, { signal });
      return rebased.kind === 'conflict' ? { conflict: rebased.why } : over(rebased.state);
    },
  });
  return over({
    snapshot: base,
    staged: change.staged,
    reads: change.reads,
    appIds: new Set(),
    domains: new Set(),
    ...(change.located === undefined ? {} : { located: change.located }),
    ...(isolation === undefined ? {} : { isolation }),
  });
}

function conflict(
  table: string,
  { operation }: Operation,
  { at, why }: { readonly at: number; readonly why: string },
  retries: number,
): SluiceError {
  return new SluiceError('CONFLICT', `${operation} of ${table} met version ${at}: ${why}`, {
    retry: 'safe',
    context: { table, version: at, retries },
    hint: 'other writers change the same rows all the time: run it again later, or let it retry more often',
  });
}
