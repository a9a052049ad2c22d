import { randomUUID } from 'node:crypto';
import { ordersAcrossPartitions } from '../../cdc/position.js';
import { rebase, type ReadSet, type RebaseState } from '../../operations/merge/rebase.js';
import type { RowPlaces } from '../../operations/merge/rows.js';
import type { StagedChanges } from '../../operations/merge/staged.js';
import type { Action } from '../../protocol/actions.js';
import { partitionKey } from '../../source/change-source.js';
import type { CheckpointOutcome } from '../../table/checkpoint.js';
import { commit, type CommitRequest, type Winner } from '../../table/commit.js';
import type { Snapshot } from '../../table/snapshot.js';
import type { OffsetRange, SettleMetrics, Slice, TableTarget } from '../settler.js';
import { commitInfoOf, type Told } from './commit-info.js';
import type { Floor } from './floors.js';
import { Memory, type MemoryCache } from './memory/memory.js';
import { addedFiles, meetsMemory, READS_NOTHING, type MemoryReads } from './memory/reads.js';
import {
  domainsOf,
  epochsOf,
  isPartitionDomain,
  parsePartitionDomain,
  partitionDomainName,
  type PartitionDomain,
  type StateFile,
} from './partition-domain.js';
import { unsettles } from './replacement.js';
import { lastRecordOf, newestMsOf, progressActions, type PartitionStep } from './sink-commit.js';
import { nothingStaged } from './stage-rows.js';
import type { PreparedTable } from './target.js';

/** All that one commit says: the table as it leaves it, rows, offsets, and what each partition is to remember. */
export type BatchCommit = {
  /** What it was planned on; undefined: it makes the table. */
  readonly snapshot: Snapshot | undefined;
  readonly prepared: PreparedTable;
  /** One range a partition. */
  readonly spans: readonly OffsetRange[];
  readonly slices: readonly Slice[];
  /** Key columns; empty where the commit does not say. */
  readonly keys: readonly string[];
  readonly floors?: readonly Floor[];
  /** Files of its memory that a partition's domain is to name; those it names already where it is left out. */
  readonly files?: ReadonlyMap<string, readonly StateFile[]>;
  /** What the plan took from the memory. */
  readonly remembered?: MemoryReads;
  /** Reads files of the memory, as rows of the schema that the batch leaves behind. */
  readonly memoryCache: MemoryCache;
  readonly rows?: {
    readonly staged: StagedChanges;
    readonly reads: ReadSet;
    readonly located: RowPlaces | undefined;
  };
  readonly told: Told;
  readonly metrics?: Omit<SettleMetrics, 'attempts'>;
  readonly signal: AbortSignal;
};

export type BatchOutcome =
  | {
      readonly kind: 'committed';
      readonly version: number;
      readonly next: ReadonlyMap<string, number>;
      readonly metrics: SettleMetrics;
      readonly snapshot: Snapshot;
      /** Work after the commit; never rejects. */
      readonly background: Promise<CheckpointOutcome>;
    }
  /** What it was planned on has changed: plan again. */
  | { readonly kind: 'conflict'; readonly why: string };

/**
 * Puts a batch in the log with its offsets, the partitions' domains and its commitInfo as one version, carried over
 * winners that do not concern it (R25). A commit that makes the table, or changes its schema, is never carried over.
 */
export async function commitBatch(target: TableTarget, batch: BatchCommit): Promise<BatchOutcome> {
  const steps = partitionSteps(batch);
  const state = rebaseState(target, batch, steps);
  const request = new Requests(target, batch, steps).over(state);
  const outcome = await commit(batch.snapshot, target.store, request);
  if (outcome.kind === 'conflicted') return { kind: 'conflict', why: outcome.why };
  return {
    kind: 'committed',
    version: outcome.version,
    snapshot: outcome.snapshot,
    background: outcome.background,
    next: new Map(batch.spans.map((span) => [partitionKey(span.topic, span.partition), span.next])),
    metrics: { ...NO_METRICS, ...batch.metrics, attempts: outcome.attempts },
  };
}

const NO_METRICS: Omit<SettleMetrics, 'attempts'> = {
  inserted: 0,
  updated: 0,
  deleted: 0,
  stale: 0,
  ignored: 0,
  nulled: 0,
  filesWritten: 0,
  bytesWritten: 0,
};

/** The requests of one commit: the same id each time, the staged files over ever newer bases. */
class Requests {
  readonly #target: TableTarget;
  readonly #batch: BatchCommit;
  readonly #steps: readonly PartitionStep[];
  readonly #txnId = randomUUID();

  constructor(target: TableTarget, batch: BatchCommit, steps: readonly PartitionStep[]) {
    this.#target = target;
    this.#batch = batch;
    this.#steps = steps;
  }

  over(state: RebaseState | undefined): CommitRequest {
    const { snapshot, prepared, rows, signal } = this.#batch;
    const staged = state?.staged ?? rows?.staged;
    return {
      readVersion: snapshot?.version ?? -1,
      txnId: this.#txnId,
      signal,
      actions: (at) => this.#actions(staged, at),
      reconcile: async (winner) => {
        if (state === undefined) return { conflict: 'the table was made by another writer' };
        if (prepared.actions.length > 0) return { conflict: 'the schema was planned on an older version' };
        const unsettled = unsettles(winner);
        if (unsettled !== undefined) return { conflict: unsettled };
        const remembered = await this.#changedMemory(state.snapshot, winner);
        if (remembered !== undefined) return { conflict: remembered };
        const rebased = await rebase(state, winner, { signal });
        return rebased.kind === 'conflict' ? { conflict: rebased.why } : this.over(rebased.state);
      },
    };
  }

  /**
   * Why a winner changes what decides about our rows (R14): a floor, epochs or keys of any partition, also of one that
   * the table held nothing of when we planned, or a part of the memory that the plan looked at. A partition that merely
   * moved on is no concern of another's rows.
   */
  async #changedMemory(planned: Snapshot, { actions }: Winner): Promise<string | undefined> {
    const { prepared, memoryCache, remembered = READS_NOTHING, signal } = this.#batch;
    const known = domainsOf(planned);
    const theirs = new Map<string, PartitionDomain>();
    for (const action of actions) {
      if (action.kind !== 'domainMetadata' || !isPartitionDomain(action.domainMetadata.domain)) continue;
      const { domain: name, configuration, removed } = action.domainMetadata;
      const after = removed ? undefined : parsePartitionDomain(name, configuration);
      if (decisiveText(known.get(name), known) !== decisiveText(after, known))
        return `it changed what is remembered in ${name}`;
      if (after !== undefined) theirs.set(name, after);
    }
    const domains = addedFiles(known, theirs);
    if (domains.size === 0) return undefined;
    const { store } = this.#target;
    const { schema } = prepared.layout;
    return meetsMemory(
      remembered,
      domains,
      new Memory({ domains, cache: memoryCache, store, schema, signal }),
    );
  }

  #actions(
    staged: StagedChanges | undefined,
    at: { readonly version: number; readonly nowMs: number },
  ): readonly Action[] {
    const { told, prepared, spans } = this.#batch;
    const info = commitInfoOf(told, {
      nowMs: at.nowMs,
      txnId: this.#txnId,
      readVersion: at.version - 1,
      ranges: spans,
    });
    return [
      { kind: 'commitInfo', commitInfo: info },
      ...prepared.actions,
      ...progressActions(this.#target, this.#steps, at),
      ...(staged?.actions(at.nowMs) ?? []),
    ];
  }
}

function rebaseState(
  target: TableTarget,
  { snapshot, rows }: BatchCommit,
  steps: readonly PartitionStep[],
): RebaseState | undefined {
  if (snapshot === undefined) return undefined;
  return {
    snapshot,
    staged: rows?.staged ?? nothingStaged,
    reads: rows?.reads ?? { kind: 'nothing' },
    located: rows?.located,
    appIds: new Set(steps.map((step) => target.appId(step))),
    domains: new Set(steps.map((step) => partitionDomainName(step.topic, step.partition))),
  };
}

/** What of a domain decides about rows of any partition, beside its memory. */
function decisiveText(
  domain: PartitionDomain | undefined,
  known: ReadonlyMap<string, PartitionDomain>,
): string {
  const keys = [...known.values()].find((each) => each.keys.length > 0)?.keys ?? [];
  const own = domain === undefined || domain.keys.length === 0 ? keys : domain.keys;
  return JSON.stringify([domain?.floor ?? '', own, domain?.epochs ?? []]);
}

function partitionSteps(batch: BatchCommit): readonly PartitionStep[] {
  const known = domainsOf(batch.snapshot);
  return batch.spans.map((span) => {
    const previous = known.get(partitionDomainName(span.topic, span.partition));
    return {
      ...span,
      previous,
      epochs: epochsOf(known, span),
      last: lastRecordOf(batch.slices, span),
      floor: floorFor(span, batch),
      keys: batch.keys,
      files: batch.files?.get(partitionKey(span.topic, span.partition)) ?? previous?.files ?? [],
      newestMs: newestMsOf(batch.slices, span),
    };
  });
}

/** A partition's own floor of this commit; the first one also keeps those of partitions that the commit has nothing of. */
function floorFor(span: OffsetRange, { floors = [], spans }: BatchCommit): string | undefined {
  const isAt = (range: OffsetRange, { at }: Floor): boolean =>
    range.topic === at.topic && range.partition === at.partition;
  const kept = floors.filter(
    (floor) =>
      isAt(span, floor) ||
      (span === spans[0] && ordersAcrossPartitions(floor.text) && !spans.some((range) => isAt(range, floor))),
  );
  return kept
    .map(({ text }) => text)
    .toSorted()
    .at(-1);
}
