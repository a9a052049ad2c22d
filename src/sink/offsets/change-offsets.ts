import { randomUUID } from 'node:crypto';
import { SluiceError } from '../../base/errors.js';
import { settled } from '../../operations/clean-log.js';
import type { Action, JsonObject } from '../../protocol/actions.js';
import { commitInfo } from '../../protocol/commit-info.js';
import type { ObjectStore } from '../../storage/object-store.js';
import { commit, type CommitRequest, type Winner } from '../../table/commit.js';
import { openSnapshot, type Snapshot } from '../../table/snapshot.js';
import { parseAppId } from '../app-id.js';
import {
  formatPartitionDomain,
  isPartitionDomain,
  parsePartitionDomain,
  partitionDomainName,
} from '../settle/partition-domain.js';
import { OFFSETS_OPERATION, unsettles } from '../settle/replacement.js';
import {
  planChange,
  type OffsetsChange,
  type PartitionChange,
  type PlannedPartition,
} from './planned-change.js';
import { rewindOf } from './table-offsets.js';

export type ChangeOptions = {
  /** Who changes it, for the table's history. */
  readonly by: string;
  /** Why, in words. */
  readonly reason?: string;
  readonly signal: AbortSignal;
};

export type OffsetsChanged =
  | {
      readonly kind: 'changed';
      /** The version of the commit. */
      readonly version: number;
      readonly partitions: readonly PartitionChange[];
      /** A rewind that still stands: the sink does not write the table before it is accepted. */
      readonly rewound: boolean;
    }
  /** The table holds just that, or there is nothing to accept. */
  | { readonly kind: 'unchanged' };

/**
 * Changes the offsets that a table holds, in one commit that says who and why and moves no row. Nobody else's commit is
 * passed over: one of a sink that comes first, or of another change, ends this one. A sink that is running stops with
 * `TABLE_REWOUND` where its offsets went back, and goes on from there when it is started again.
 *
 * As long as a rewind is not accepted `set` and `reset` leave it standing, so that several of them can come first.
 *
 * @throws SluiceError TABLE_NOT_FOUND, CONFIG_INVALID, TOPIC_NOT_FOUND, USAGE (an offset that is none); CONFLICT if
 *   another writer came first
 */
export async function changeOffsets(
  location: string | ObjectStore,
  change: OffsetsChange,
  options: ChangeOptions,
): Promise<OffsetsChanged> {
  const { signal } = options;
  if (change.kind === 'set') assertOffset(change.to);
  const snapshot = await openSnapshot(location, { signal });
  const rewind = await rewindOf(snapshot, signal);
  const planned = await planChange(change, snapshot, { rewind, signal });
  if (planned.length === 0) return { kind: 'unchanged' };
  const settles = rewind === undefined || change.kind === 'accept-rewind';
  const outcome = await commit(
    snapshot,
    snapshot.store,
    requestOf({ change, snapshot, planned, settles, options }),
  );
  if (outcome.kind === 'conflicted') throw overtaken(snapshot, outcome);
  await settled(outcome, signal);
  return { kind: 'changed', version: outcome.version, partitions: planned.map(only), rewound: !settles };
}

type Planned = {
  readonly change: OffsetsChange;
  readonly snapshot: Snapshot;
  readonly planned: readonly PlannedPartition[];
  readonly settles: boolean;
  readonly options: ChangeOptions;
};

function requestOf(input: Planned): CommitRequest {
  const { snapshot, options } = input;
  const txnId = randomUUID();
  const over = (readVersion: number): CommitRequest => ({
    readVersion,
    txnId,
    signal: options.signal,
    actions: (at) => actionsOf(input, { ...at, readVersion, txnId }),
    reconcile: (winner) => {
      const conflict = concerns(winner);
      return Promise.resolve(conflict === undefined ? over(winner.version) : { conflict });
    },
  });
  return over(snapshot.version);
}

function actionsOf(
  { change, snapshot, planned, settles, options }: Planned,
  at: {
    readonly version: number;
    readonly nowMs: number;
    readonly readVersion: number;
    readonly txnId: string;
  },
): readonly Action[] {
  const info = commitInfo({
    operation: { operation: OFFSETS_OPERATION, operationParameters: parametersOf(change) },
    timestamp: at.nowMs,
    readVersion: at.readVersion,
    isBlindAppend: false,
    userMetadata: auditText(change, planned, options),
    txnId: at.txnId,
  });
  return [
    { kind: 'commitInfo', commitInfo: info },
    ...planned.flatMap(({ appId, to = 0 }): Action[] =>
      appId === undefined
        ? []
        : [{ kind: 'txn', txn: { appId, version: BigInt(to), lastUpdated: at.nowMs } }],
    ),
    ...planned.map(({ topic, partition, domain }): Action => {
      const name = partitionDomainName(topic, partition);
      // A rewind is found by what came after the newest version that a domain names: until it is accepted, none moves.
      const version = settles ? at.version : versionIn(snapshot, name);
      const configuration = formatPartitionDomain({ ...domain, version });
      return {
        kind: 'domainMetadata',
        domainMetadata: { domain: name, configuration, removed: false },
      };
    }),
  ];
}

function versionIn(snapshot: Snapshot, name: string): number {
  const text = snapshot.domain(name);
  return text === undefined ? 0 : parsePartitionDomain(name, text).version;
}

function parametersOf(change: OffsetsChange): JsonObject {
  const { kind, ...rest } = change;
  return { change: kind, ...Object.fromEntries(Object.entries(rest).map(([k, v]) => [k, String(v)])) };
}

function auditText(
  change: OffsetsChange,
  planned: readonly PlannedPartition[],
  { by, reason }: ChangeOptions,
): string {
  const partitions = planned.map(({ topic, partition, incarnation, from, to }): JsonObject => {
    return { topic, partition, incarnation, from: from ?? null, to: to ?? null };
  });
  const offsets = { change: change.kind, by, ...(reason === undefined ? {} : { reason }), partitions };
  return JSON.stringify({ sluice: { offsets } });
}

/** Why a commit that came first must be looked at by whoever wants the change. */
function concerns(winner: Winner): string | undefined {
  const unsettled = unsettles(winner);
  if (unsettled !== undefined) return unsettled;
  for (const action of winner.actions) {
    if (action.kind === 'txn' && parseAppId(action.txn.appId) !== undefined) {
      return `it moved ${action.txn.appId} to ${action.txn.version}`;
    }
    if (action.kind === 'domainMetadata' && isPartitionDomain(action.domainMetadata.domain)) {
      return `it wrote ${action.domainMetadata.domain}`;
    }
  }
  return undefined;
}

function assertOffset(to: number): void {
  if (Number.isSafeInteger(to) && to >= 0) return;
  throw new SluiceError('USAGE', `${to} is no offset`, {
    hint: 'an offset is a whole number from 0 on: the one of the record that is wanted next',
  });
}

function overtaken(
  { store }: Snapshot,
  { at, why }: { readonly at: number; readonly why: string },
): SluiceError {
  return new SluiceError('CONFLICT', `another writer came first, in version ${at}: ${why}`, {
    retry: 'safe',
    context: { table: store.url, version: at },
    hint: 'stop the connectors that write the table, look with "sluice offsets show", and say it again',
  });
}

function only({ topic, partition, incarnation, from, to }: PlannedPartition): PartitionChange {
  return { topic, partition, incarnation, from, to };
}
