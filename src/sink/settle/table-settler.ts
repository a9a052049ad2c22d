import { randomUUID } from 'node:crypto';
import { SluiceError } from '../../base/errors.js';
import { Op } from '../../cdc/changes.js';
import { orderText } from '../../cdc/position.js';
import { rebase, type RebaseState } from '../../operations/merge/rebase.js';
import type { MergeCounts } from '../../operations/merge/metrics.js';
import { stageRowChanges } from '../../operations/merge/stage.js';
import { StagedChanges } from '../../operations/merge/staged.js';
import { stageTruncate } from '../../operations/merge/truncate.js';
import type { Action, AddFile } from '../../protocol/actions.js';
import { partitionKey, type TopicPartition } from '../../source/change-source.js';
import type { ObjectStore } from '../../storage/object-store.js';
import { commit, type CommitRequest } from '../../table/commit.js';
import { writeDataFiles, type WriteOptions } from '../../table/data-files.js';
import { loadSnapshot, type Snapshot } from '../../table/snapshot.js';
import { findStranger } from '../app-id.js';
import type { OffsetRange, Settled, SettleMetrics, Slice, TableSettler, TableTarget } from '../settler.js';
import { compareBases } from './bases.js';
import type { Planned, RowPlan } from './batch-plan.js';
import { commitInfoOf, type Told } from './commit-info.js';
import { findKeys, unreadable } from './keys.js';
import { IMAGE_TTL_MS, ParkedImages, writeImages } from './parked-images.js';
import {
  greatestFloor,
  isPartitionDomain,
  parsePartitionDomain,
  partitionDomainName,
  type PartitionDomain,
  type StateFile,
} from './partition-domain.js';
import { planKeyed } from './plan-keyed.js';
import { planKeyless } from './plan-keyless.js';
import { ownColumns, planSchema, type Wanted } from './schema-plan.js';
import { cutAtTruncates, type Segment } from './segments.js';
import { lastRecordOf, progressActions, spanOf, type PartitionStep } from './sink-commit.js';
import { prepareTable, type PreparedTable } from './target.js';

/** Attempts at one commit against writers that keep changing what it read, before the lane pauses. */
const PLANS_MAX = 20;

/** The settler of a table: plans each batch against the newest version and commits rows and offsets as one. */
export function createTableSettler(target: TableTarget): TableSettler {
  return new DeltaTableSettler(target);
}

/** A segment's outcome; `conflict`: what it was planned on has changed. */
type SegmentOutcome = Settled | { readonly kind: 'conflict'; readonly why: string };

class DeltaTableSettler implements TableSettler {
  readonly #target: TableTarget;
  #snapshot: Snapshot | undefined;
  /** The last offset seen in the table, by partition: it never goes back unnoticed. */
  readonly #seen = new Map<string, number>();
  /** A truncate that came before there was a table. */
  #floorBeforeTable = '';
  readonly #nulledTold = new Set<string>();

  constructor(target: TableTarget) {
    this.#target = target;
  }

  async recover(
    partitions: readonly TopicPartition[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, number>> {
    // Read whole: a process that takes a table over trusts nothing that it remembers.
    this.#snapshot = await loadSnapshot(this.#target.store, { signal });
    const held = new Map<string, number>();
    if (this.#snapshot === undefined) return held;
    for (const partition of partitions) {
      const offset = this.#held(this.#snapshot, partition);
      const key = partitionKey(partition.topic, partition.partition);
      if (offset !== undefined) {
        held.set(key, offset);
        this.#seen.set(key, offset);
      } else {
        this.#refuseStranger(this.#snapshot, partition);
      }
    }
    return held;
  }

  async settle(slices: readonly Slice[], signal: AbortSignal): Promise<Settled> {
    const bad = unreadable(slices);
    if (bad.length > 0) return { kind: 'bad-records', records: bad };
    let done: Extract<Settled, { kind: 'committed' }> | undefined;
    // What was passed over without a commit, and so belongs to the next commit's range.
    const open = new Map<string, OffsetRange>();
    for (const segment of cutAtTruncates(slices, this.#target.options.truncateEnabled)) {
      const ranges = extend(open, segment);
      const outcome = await this.#untilSettled(segment, ranges, signal);
      if (outcome.kind === 'nothing') {
        for (const range of ranges) open.set(partitionKey(range.topic, range.partition), range);
        continue;
      }
      if (outcome.kind !== 'committed') return outcome;
      for (const range of ranges) open.delete(partitionKey(range.topic, range.partition));
      done = done === undefined ? outcome : merged(done, outcome);
    }
    if (done === undefined || open.size === 0) return done ?? { kind: 'nothing' };
    const rest = await this.progress([...open.values()], { signal });
    return rest.kind === 'committed' ? merged(done, rest) : rest;
  }

  async progress(
    ranges: readonly OffsetRange[],
    options: { readonly audit?: string; readonly signal: AbortSignal },
  ): Promise<Settled> {
    const { signal, audit } = options;
    for (let plans = 0; plans < PLANS_MAX; plans++) {
      const snapshot = await this.#refresh(signal);
      if (snapshot === undefined) return { kind: 'nothing' };
      const spans = spanOf(ranges);
      const standing = this.#compare(snapshot, spans);
      if (standing !== undefined) return standing;
      const prepared = prepareTable(this.#target, snapshot, snapshot.schema, []);
      const outcome = await this.#commit({
        snapshot,
        prepared,
        spans,
        slices: [],
        keys: [],
        told: { kind: 'progress', audit },
        signal,
      });
      if (outcome.kind !== 'conflict') return outcome;
    }
    throw this.#givenUp();
  }

  async #untilSettled(
    segment: Segment,
    ranges: readonly OffsetRange[],
    signal: AbortSignal,
  ): Promise<Settled> {
    for (let plans = 0; plans < PLANS_MAX; plans++) {
      signal.throwIfAborted();
      const snapshot = await this.#refresh(signal);
      const standing = this.#compare(snapshot, ranges);
      if (standing !== undefined) return standing;
      const outcome =
        segment.kind === 'truncate'
          ? await this.#truncate(segment, ranges, snapshot, signal)
          : await this.#settleRows(segment.slices, ranges, snapshot, signal);
      if (outcome.kind !== 'conflict') return outcome;
    }
    throw this.#givenUp();
  }

  async #truncate(
    segment: Extract<Segment, { kind: 'truncate' }>,
    spans: readonly OffsetRange[],
    snapshot: Snapshot | undefined,
    signal: AbortSignal,
  ): Promise<SegmentOutcome> {
    const { options } = this.#target;
    const floor = orderText(segment.slice.changes.position[segment.record] ?? '');
    if (snapshot === undefined) {
      if (floor > this.#floorBeforeTable) this.#floorBeforeTable = floor;
      return { kind: 'nothing' };
    }
    if (floor !== '' && floor <= this.#floor(snapshot)) return { kind: 'nothing' };
    const column = options.positionColumn;
    const guarded = column !== undefined && snapshot.schema.fields.some(({ name }) => name === column);
    const staged = await stageTruncate({
      snapshot,
      ...(guarded && floor !== ''
        ? { keep: { column, stays: (value) => typeof value === 'string' && orderText(value) > floor } }
        : {}),
      strategy: options.mergeStrategy,
      signal,
    });
    const prepared = prepareTable(this.#target, snapshot, snapshot.schema, []);
    return this.#commit({
      snapshot,
      prepared,
      spans,
      slices: [segment.slice],
      keys: [],
      floor: { at: segment.slice, text: floor },
      staged: { staged, reads: { kind: 'everything' } },
      told: { kind: 'truncate', metrics: staged.metrics },
      signal,
    });
  }

  async #settleRows(
    slices: readonly Slice[],
    spans: readonly OffsetRange[],
    snapshot: Snapshot | undefined,
    signal: AbortSignal,
  ): Promise<SegmentOutcome> {
    const { options } = this.#target;
    const known = this.#domains(snapshot);
    const keys = findKeys(slices, keysOf(known), options);
    if (keys.kind === 'bad-records') return keys;
    if (keys.kind === 'unknown') return { kind: 'nothing' };
    const own = ownColumns(options, keys.kind === 'keyed');
    const schema = planSchema(
      snapshot?.schema,
      slices.flatMap((slice) => wantedOf(slice, snapshot !== undefined)),
      options,
      own,
    );
    if (schema.kind === 'bad-records') return schema;
    if (snapshot === undefined && schema.schema.fields.length <= own.length) return { kind: 'nothing' };
    const columns = keys.kind === 'keyed' ? keys.columns : [];
    const prepared = prepareTable(this.#target, snapshot, schema.schema, columns);
    const floor = snapshot === undefined ? this.#floorBeforeTable : this.#floor(snapshot);
    const batch = { slices, snapshot, layout: prepared.layout, floor, options, signal };
    const parked = (): Promise<ParkedImages> =>
      ParkedImages.load(
        this.#target.store,
        [...known.values()].flatMap(({ files }) => files),
        signal,
      );
    const planned: Planned =
      keys.kind === 'keyed'
        ? await planKeyed({ ...batch, keys: keys.columns, parked })
        : await planKeyless(batch);
    if (planned.kind !== 'planned') return planned;
    if (snapshot === undefined && planned.plan.inserted === undefined) return { kind: 'nothing' };
    this.#tellNulled(planned.plan.nulled);
    return this.#stageAndCommit({ plan: planned.plan, prepared, slices, spans, snapshot, schema, signal });
  }

  async #stageAndCommit(input: {
    readonly plan: RowPlan;
    readonly prepared: PreparedTable;
    readonly slices: readonly Slice[];
    readonly spans: readonly OffsetRange[];
    readonly snapshot: Snapshot | undefined;
    readonly schema: { readonly added: readonly string[]; readonly widened: readonly string[] };
    readonly signal: AbortSignal;
  }): Promise<SegmentOutcome> {
    const { plan, prepared, snapshot, signal, spans } = input;
    const { options, store } = this.#target;
    const write = {
      layout: prepared.layout,
      alwaysStats: [...plan.keys, ...(options.positionColumn === undefined ? [] : [options.positionColumn])],
      signal,
    };
    const staged =
      snapshot === undefined
        ? await stageFirstRows(store, plan, write)
        : await stageRowChanges({
            ...write,
            snapshot,
            removed: plan.removed,
            inserted: plan.inserted,
            changes: plan.changes,
            counts: plan.counts,
            strategy: options.mergeStrategy,
          });
    const outcome = await this.#commit({
      snapshot,
      prepared,
      spans,
      slices: input.slices,
      keys: plan.keys,
      parked: await this.#park(plan, prepared, signal),
      staged: { staged, reads: plan.reads, located: plan.located },
      told: {
        kind: 'rows',
        created: snapshot === undefined,
        keys: plan.keys,
        counts: plan.counts,
        staged,
        partitionBy: options.partitionBy,
      },
      metrics: {
        inserted: plan.counts.inserted,
        updated: plan.counts.updated,
        deleted: plan.counts.deleted,
        stale: plan.stale,
        ignored: plan.ignored,
        nulled: [...plan.nulled.values()].reduce((sum, count) => sum + count, 0),
        filesWritten: staged.parts.added.length,
        bytesWritten: bytesOf(staged),
      },
      signal,
    });
    if (outcome.kind === 'committed') this.#tellSchema(outcome.version, snapshot, input.schema);
    return outcome;
  }

  async #commit(input: {
    readonly snapshot: Snapshot | undefined;
    readonly prepared: PreparedTable;
    readonly spans: readonly OffsetRange[];
    readonly slices: readonly Slice[];
    readonly keys: readonly string[];
    readonly floor?: { readonly at: TopicPartition; readonly text: string };
    readonly parked?: ReadonlyMap<string, StateFile>;
    readonly staged?: Pick<RebaseState, 'staged' | 'reads' | 'located'>;
    readonly told: Told;
    readonly metrics?: Omit<SettleMetrics, 'attempts'>;
    readonly signal: AbortSignal;
  }): Promise<SegmentOutcome> {
    const { snapshot, spans, signal } = input;
    const txnId = randomUUID();
    const steps = this.#steps(input);
    const request = (state: RebaseState | undefined, staged: StagedChanges | undefined): CommitRequest => ({
      readVersion: snapshot?.version ?? -1,
      txnId,
      signal,
      actions: (at): readonly Action[] => {
        const info = commitInfoOf(input.told, { ...at, txnId, readVersion: at.version - 1, ranges: spans });
        return [
          { kind: 'commitInfo', commitInfo: info },
          ...input.prepared.actions,
          ...progressActions(this.#target, steps, at),
          ...(staged?.actions(at.nowMs) ?? []),
        ];
      },
      reconcile: async (winner) => {
        if (state === undefined) return { conflict: 'the table was made by another writer' };
        // A commit that changes the table itself was planned on the table as it was.
        if (input.prepared.actions.length > 0)
          return { conflict: 'the schema change was planned on an older version' };
        const rebased = await rebase(state, winner, { signal });
        if (rebased.kind === 'conflict') return { conflict: rebased.why };
        return request(rebased.state, rebased.state.staged);
      },
    });
    const state = this.#rebaseState(input, steps);
    const outcome = await commit(snapshot, this.#target.store, request(state, input.staged?.staged));
    if (outcome.kind === 'conflicted') return { kind: 'conflict', why: outcome.why };
    this.#snapshot = outcome.snapshot;
    const next = new Map(spans.map((span) => [partitionKey(span.topic, span.partition), span.next]));
    for (const [key, offset] of next) this.#seen.set(key, offset);
    return {
      kind: 'committed',
      version: outcome.version,
      next,
      metrics: { ...NO_METRICS, ...input.metrics, attempts: outcome.attempts },
    };
  }

  #rebaseState(
    input: {
      readonly snapshot: Snapshot | undefined;
      readonly staged?: Pick<RebaseState, 'staged' | 'reads' | 'located'>;
    },
    steps: readonly PartitionStep[],
  ): RebaseState | undefined {
    const { snapshot, staged } = input;
    if (snapshot === undefined) return undefined;
    return {
      snapshot,
      staged: staged?.staged ?? NOTHING_STAGED,
      reads: staged?.reads ?? { kind: 'nothing' },
      located: staged?.located,
      appIds: new Set(steps.map((step) => this.#target.appId(step))),
      // Another partition's floor or images decide what is stale here, so any of ours counts as read (R14).
      domains: new Set([
        ...steps.map((step) => partitionDomainName(step.topic, step.partition)),
        ...[...snapshot.state.domains.keys()].filter(isPartitionDomain),
      ]),
    };
  }

  #steps(input: {
    readonly snapshot: Snapshot | undefined;
    readonly spans: readonly OffsetRange[];
    readonly slices: readonly Slice[];
    readonly keys: readonly string[];
    readonly floor?: { readonly at: TopicPartition; readonly text: string };
    readonly parked?: ReadonlyMap<string, StateFile>;
  }): readonly PartitionStep[] {
    const known = this.#domains(input.snapshot);
    const nowMs = this.#target.now();
    return input.spans.map((span) => {
      const previous = known.get(partitionDomainName(span.topic, span.partition));
      const kept = (previous?.files ?? []).filter((file) => nowMs - file.writtenAtMs < IMAGE_TTL_MS);
      const parked = input.parked?.get(partitionKey(span.topic, span.partition));
      return {
        ...span,
        previous,
        last: lastRecordOf(input.slices, span),
        floor: this.#floorOf(span, input),
        keys: input.keys,
        files: parked === undefined ? kept : [...kept, parked],
      };
    });
  }

  #floorOf(
    span: OffsetRange,
    input: {
      readonly snapshot: Snapshot | undefined;
      readonly floor?: { readonly at: TopicPartition; readonly text: string };
    },
  ): string | undefined {
    if (input.floor?.at.topic === span.topic && input.floor.at.partition === span.partition)
      return input.floor.text;
    return input.snapshot === undefined && this.#floorBeforeTable !== '' ? this.#floorBeforeTable : undefined;
  }

  async #park(
    plan: RowPlan,
    prepared: PreparedTable,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, StateFile>> {
    const files = new Map<string, StateFile>();
    const keys = new Set(plan.park.map(({ topic, partition }) => partitionKey(topic, partition)));
    for (const key of keys) {
      const images = plan.park.filter(({ topic, partition }) => partitionKey(topic, partition) === key);
      const options = { nowMs: this.#target.now(), signal };
      files.set(key, await writeImages(this.#target.store, prepared.layout.schema, images, options));
    }
    return files;
  }

  #domains(snapshot: Snapshot | undefined): ReadonlyMap<string, PartitionDomain> {
    const domains = new Map<string, PartitionDomain>();
    for (const [name, text] of snapshot?.state.domains ?? []) {
      if (isPartitionDomain(name)) domains.set(name, parsePartitionDomain(name, text));
    }
    return domains;
  }

  #floor(snapshot: Snapshot): string {
    return greatestFloor(this.#domains(snapshot).values());
  }

  #compare(snapshot: Snapshot | undefined, ranges: readonly OffsetRange[]): ReturnType<typeof compareBases> {
    return compareBases(ranges, (range) => ({
      held: snapshot === undefined ? undefined : this.#held(snapshot, range),
      seen: this.#seen.get(partitionKey(range.topic, range.partition)),
    }));
  }

  #held(snapshot: Snapshot, partition: TopicPartition): number | undefined {
    const version = snapshot.txn(this.#target.appId(partition));
    return version === undefined ? undefined : Number(version);
  }

  async #refresh(signal: AbortSignal): Promise<Snapshot | undefined> {
    const after = this.#snapshot;
    this.#snapshot = await loadSnapshot(this.#target.store, {
      signal,
      ...(after === undefined ? {} : { after }),
    });
    return this.#snapshot;
  }

  #refuseStranger(snapshot: Snapshot, partition: TopicPartition): void {
    const stranger = findStranger(this.#target.appId(partition), snapshot.state.txns.keys());
    if (stranger === undefined) return;
    const { topic, partition: number } = partition;
    throw new SluiceError(
      'TOPIC_REGRESSED',
      `${this.#target.name} holds rows of ${topic} ${number} from another cluster or another making of the topic`,
      {
        context: { table: this.#target.url, topic, partition: number, appId: stranger },
        hint: 'Its offsets mean nothing here. Write into another table, or let an operator accept the new topic.',
      },
    );
  }

  #tellNulled(nulled: ReadonlyMap<string, number>): void {
    for (const column of nulled.keys()) {
      if (this.#nulledTold.has(column)) continue;
      this.#nulledTold.add(column);
      this.#target.tell({
        kind: 'nulled',
        column,
        reason: 'the value is infinite or beyond what the type holds',
      });
    }
  }

  #tellSchema(
    version: number,
    before: Snapshot | undefined,
    { added, widened }: { readonly added: readonly string[]; readonly widened: readonly string[] },
  ): void {
    if (before === undefined) this.#target.tell({ kind: 'created', version });
    else if (added.length + widened.length > 0)
      this.#target.tell({ kind: 'evolved', version, added, widened });
  }

  #givenUp(): SluiceError {
    return new SluiceError(
      'CONFLICT',
      `${this.#target.name}: other writers changed what the batch read, again and again`,
      {
        retry: 'safe',
        context: { table: this.#target.url, plans: PLANS_MAX },
      },
    );
  }
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

function stagedFiles(added: readonly AddFile[], counts: MergeCounts): StagedChanges {
  return new StagedChanges({
    touched: [],
    added,
    changeFiles: [],
    strategy: 'merge-on-read',
    counts,
    copiedRows: 0,
    times: {},
  });
}

const NOTHING_STAGED = stagedFiles([], { source: 0, inserted: 0, updated: 0, deleted: 0 });

/** A table that is yet to be made takes nothing out: its first rows are new files, and the feed's readers infer them. */
async function stageFirstRows(
  store: ObjectStore,
  plan: RowPlan,
  write: WriteOptions,
): Promise<StagedChanges> {
  const added = plan.inserted === undefined ? [] : await writeDataFiles(store, plan.inserted, write);
  return stagedFiles(added, plan.counts);
}

function bytesOf({ parts }: StagedChanges): number {
  return [...parts.added, ...parts.changeFiles].reduce((sum, { size }) => sum + size, 0);
}

function keysOf(domains: ReadonlyMap<string, PartitionDomain>): readonly string[] | undefined {
  const [first] = [...domains.values()].toSorted((a, b) => b.keys.length - a.keys.length);
  return first?.keys;
}

/** Records whose columns the table must have; a table that is there needs no columns of images to be found. */
function wantedOf(slice: Slice, exists: boolean): readonly Wanted[] {
  const puts = slice.rows.filter((record) => {
    const op = slice.changes.op[record];
    return op === Op.read || op === Op.create || op === Op.update;
  });
  return puts.length === 0 && !exists ? [] : [{ slice, records: puts, half: 'after' }];
}

/** The segment's ranges, each from where the partition's last commit ended. */
function extend(open: ReadonlyMap<string, OffsetRange>, segment: Segment): readonly OffsetRange[] {
  const slices = segment.kind === 'truncate' ? [segment.slice] : segment.slices;
  return spanOf(slices).map((span) => {
    const before = open.get(partitionKey(span.topic, span.partition));
    return before === undefined ? span : { ...span, base: before.base };
  });
}

type Committed = Extract<Settled, { kind: 'committed' }>;

function merged(first: Committed, second: Committed): Committed {
  const sum = (key: keyof SettleMetrics): number => first.metrics[key] + second.metrics[key];
  return {
    kind: 'committed',
    version: second.version,
    next: new Map([...first.next, ...second.next]),
    metrics: {
      inserted: sum('inserted'),
      updated: sum('updated'),
      deleted: sum('deleted'),
      stale: sum('stale'),
      ignored: sum('ignored'),
      nulled: sum('nulled'),
      filesWritten: sum('filesWritten'),
      bytesWritten: sum('bytesWritten'),
      attempts: sum('attempts'),
    },
  };
}
