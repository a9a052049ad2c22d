import { SluiceError } from '../../base/errors.js';
import type { StructType } from '../../schema/types.js';
import { orderText, sourceTimeText, ordersAcrossPartitions } from '../../cdc/position.js';
import { cleanLogAfter, passedText } from '../../operations/clean-log.js';
import { stageTruncate } from '../../operations/merge/truncate.js';
import { partitionKey, type TopicPartition } from '../../source/change-source.js';
import type { CheckpointOutcome } from '../../table/checkpoint.js';
import type { Snapshot } from '../../table/snapshot.js';
import type {
  Applied,
  OffsetRange,
  Settled,
  SettleMetrics,
  Slice,
  TableSettler,
  TableTarget,
} from '../settler.js';
import type { Planned, RowPlan } from './batch-plan.js';
import { commitBatch, type BatchCommit } from './committer.js';
import { findKeys, unreadable } from './keys.js';
import { KnownTable } from './known-table.js';
import { Floors, type Floor } from './floors.js';
import { Memory, MemoryCache } from './memory/memory.js';
import { domainsOf, type PartitionDomain } from './partition-domain.js';
import { planKeyed } from './plan-keyed.js';
import { planKeyless } from './plan-keyless.js';
import { OFFSET_COLUMN, ownColumns, planSchema, wantedOf } from './schema-plan.js';
import { cutAtTruncates, type Segment } from './segments.js';
import { spanOf } from './sink-commit.js';
import { bytesOf, stageMemory, stageRows } from './stage-rows.js';
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
  readonly #table: KnownTable;
  /** Truncates that came before there was a table. */
  #floorsBeforeTable: readonly Floor[] = [];
  readonly #nulledTold = new Set<string>();
  readonly #memoryCache: MemoryCache;

  constructor(target: TableTarget) {
    this.#target = target;
    this.#table = new KnownTable(target);
    this.#memoryCache = new MemoryCache(ownColumns(target.options, false).map(({ name }) => name));
  }

  recover(partitions: readonly TopicPartition[], signal: AbortSignal): Promise<ReadonlyMap<string, number>> {
    return this.#table.recover(partitions, signal);
  }

  applied(partition: TopicPartition): Applied {
    return this.#table.applied(partition);
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
      const snapshot = await this.#table.refresh(signal);
      if (snapshot === undefined) return { kind: 'nothing' };
      const spans = spanOf(ranges);
      const standing = this.#table.compare(snapshot, spans);
      if (standing !== undefined) return standing;
      if (await this.#lateFloors(spans, snapshot, signal)) continue;
      const prepared = prepareTable(this.#target, snapshot, snapshot.schema);
      const told = { kind: 'progress', audit } as const;
      const outcome = await this.#commit({ snapshot, prepared, spans, slices: [], keys: [], told, signal });
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
      const snapshot = await this.#table.refresh(signal);
      const standing = this.#table.compare(snapshot, ranges);
      if (standing !== undefined) return standing;
      if (snapshot !== undefined && (await this.#lateFloors(ranges, snapshot, signal))) continue;
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
    const position = segment.slice.changes.position[segment.record] ?? '';
    const floor = orderText(position);
    const time = sourceTimeText(position);
    if (snapshot === undefined) {
      this.#floorsBeforeTable = [...this.#floorsBeforeTable, { at: segment.slice, text: floor, time }];
      return { kind: 'nothing' };
    }
    if (floor !== '' && floor <= Floors.of(snapshot).for(segment.slice)) return { kind: 'nothing' };
    const at = { at: segment.slice, text: floor, time };
    return this.#takeOut(at, { snapshot, spans, slices: [segment.slice], signal });
  }

  /**
   * Brings in the truncates that came before there was a table, when another writer has made it: their offsets are
   * passed by the commit that follows.
   */
  async #lateFloors(
    ranges: readonly OffsetRange[],
    snapshot: Snapshot,
    signal: AbortSignal,
  ): Promise<boolean> {
    const [first] = ranges;
    const [floor] = this.#floorsBeforeTable;
    if (floor === undefined || first === undefined) return false;
    const outcome =
      floor.text <= Floors.of(snapshot).for(floor.at)
        ? undefined
        : await this.#takeOut(floor, {
            snapshot,
            spans: [{ ...first, next: first.base }],
            slices: [],
            signal,
          });
    if (outcome?.kind !== 'conflict') this.#floorsBeforeTable = this.#floorsBeforeTable.slice(1);
    return true;
  }

  /** A commit that takes out the rows at and below a floor, and keeps it. */
  async #takeOut(
    floor: Floor,
    commit: Pick<BatchCommit, 'spans' | 'slices' | 'signal'> & { readonly snapshot: Snapshot },
  ): Promise<SegmentOutcome> {
    const { options } = this.#target;
    const { snapshot, signal } = commit;
    const column = options.positionColumn;
    const guarded = column !== undefined && snapshot.schema.fields.some(({ name }) => name === column);
    const staged = await stageTruncate({
      snapshot,
      // Without an order across partitions the truncate takes what is there: rows come in the order of arrival.
      ...(guarded && ordersAcrossPartitions(floor.text)
        ? { keep: { column, stays: (value) => typeof value === 'string' && orderText(value) > floor.text } }
        : {}),
      strategy: options.mergeStrategy,
      signal,
    });
    const prepared = prepareTable(this.#target, snapshot, snapshot.schema);
    return this.#commit({
      ...commit,
      prepared,
      keys: [],
      floors: [floor],
      rows: { staged, reads: { kind: 'everything' }, located: undefined },
      told: { kind: 'truncate', metrics: staged.metrics },
    });
  }

  async #settleRows(
    slices: readonly Slice[],
    spans: readonly OffsetRange[],
    snapshot: Snapshot | undefined,
    signal: AbortSignal,
  ): Promise<SegmentOutcome> {
    const { options } = this.#target;
    const known = domainsOf(snapshot);
    const keys = findKeys(slices, keysOf(snapshot, known), options);
    if (keys.kind === 'bad-records') return keys;
    if (keys.kind === 'unknown') return { kind: 'nothing' };
    const own = ownColumns(options, keys.kind === 'keyed');
    const schema = planSchema(
      snapshot?.schema,
      slices.flatMap((slice) => wantedOf(slice, snapshot !== undefined, keys.kind === 'keyed')),
      options,
      own,
    );
    if (schema.kind === 'bad-records') return schema;
    if (snapshot === undefined && schema.schema.fields.length <= own.length) return { kind: 'nothing' };
    const prepared = prepareTable(this.#target, snapshot, schema.schema);
    const before = snapshot === undefined ? this.#floorsBeforeTable : [];
    const floors = before.reduce((all, floor) => all.with(floor), Floors.of(snapshot));
    const memory = this.#memory(known, prepared.layout.schema, signal);
    const { layout } = prepared;
    const nowMs = this.#target.now();
    const table = this.#target;
    const batch = { slices, snapshot, layout, floors, domains: known, memory, table, options, nowMs, signal };
    const planned: Planned =
      keys.kind === 'keyed' ? await planKeyed({ ...batch, keys: keys.columns }) : await planKeyless(batch);
    if (planned.kind !== 'planned') return planned;
    const { plan } = planned;
    this.#tellNulled(plan.nulled);
    return this.#stageAndCommit({ plan, prepared, slices, spans, snapshot, schema, memory, known, signal });
  }

  async #stageAndCommit(input: {
    readonly plan: RowPlan;
    readonly prepared: PreparedTable;
    readonly slices: readonly Slice[];
    readonly spans: readonly OffsetRange[];
    readonly snapshot: Snapshot | undefined;
    readonly schema: { readonly added: readonly string[]; readonly widened: readonly string[] };
    readonly memory: Memory;
    readonly known: ReadonlyMap<string, PartitionDomain>;
    readonly signal: AbortSignal;
  }): Promise<SegmentOutcome> {
    const { plan, prepared, snapshot, signal, spans, memory, known: domains } = input;
    const { options } = this.#target;
    const write = { layout: prepared.layout, signal };
    const staged = await stageRows(this.#target, snapshot, plan, write);
    const outcome = await this.#commit({
      snapshot,
      prepared,
      spans,
      slices: input.slices,
      keys: plan.keys,
      floors: snapshot === undefined ? this.#floorsBeforeTable : [],
      files: await stageMemory(this.#target, plan, {
        spans,
        domains,
        memory,
        schema: prepared.layout.schema,
        signal,
      }),
      remembered: plan.remembered,
      rows: { staged, reads: plan.reads, located: plan.located },
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

  #memory(domains: ReadonlyMap<string, PartitionDomain>, schema: StructType, signal: AbortSignal): Memory {
    const { store } = this.#target;
    return new Memory({ domains, cache: this.#memoryCache, store, schema, signal });
  }

  async #commit(batch: Omit<BatchCommit, 'memoryCache'>): Promise<SegmentOutcome> {
    const idle = batch.snapshot === undefined ? [] : this.#table.idle(batch.snapshot, batch.spans);
    const whole = { ...batch, spans: [...batch.spans, ...idle], memoryCache: this.#memoryCache };
    const outcome = await commitBatch(this.#table.targetAt(batch.snapshot), whole);
    if (outcome.kind === 'conflict') return outcome;
    const { snapshot, background, ...committed } = outcome;
    this.#table.committed(snapshot, committed.next);
    void background.then((checkpoint) => this.#maintained(snapshot, checkpoint, batch.signal));
    return committed;
  }

  async #maintained(snapshot: Snapshot, outcome: CheckpointOutcome, signal: AbortSignal): Promise<void> {
    const { tell, now } = this.#target;
    const failed = (what: string, cause: unknown): void => {
      const why = cause instanceof Error ? cause.message : String(cause);
      tell({ kind: 'maintenance-failed', message: `${what}: ${why}` });
    };
    if (outcome.kind === 'failed') failed(`no checkpoint of version ${outcome.version}`, outcome.cause);
    const cleaned = await cleanLogAfter(snapshot, outcome, {
      signal,
      nowMs: now(),
      warn: (passed) => tell({ kind: 'cursors-passed', message: passedText(passed) }),
    });
    if (cleaned.kind === 'failed') failed('the log was not cleaned up', cleaned.cause);
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

/**
 * The key columns that a table's partitions remember. A commit of offsets alone remembers none: then only our own columns
 * tell a table without a key from one that others made.
 */
function keysOf(
  snapshot: Snapshot | undefined,
  domains: ReadonlyMap<string, PartitionDomain>,
): readonly string[] | undefined {
  for (const { keys } of domains.values()) if (keys.length > 0) return keys;
  const keyless = snapshot?.schema.fields.some(({ name }) => name === OFFSET_COLUMN) === true;
  return domains.size > 0 && keyless ? [] : undefined;
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
