import { isSluiceError } from '../base/errors.js';
import { Op } from '../cdc/changes.js';
import type { Changes, Origin, RecordProblem } from '../cdc/changes.js';
import type { RecordDecoder } from '../cdc/decoder.js';
import { type Credit, Lease } from '../pipeline/credit.js';
import type { RawRecord } from '../cdc/record.js';
import type { ChangeSource, SourceBatch, SourceEvent, TopicPartition } from '../source/change-source.js';
import { recordsFrom } from '../source/records.js';
import type { DeadLetter } from './dead-letters.js';
import { failureOf } from './failure.js';
import {
  acceptNewTopic,
  beginPartition,
  type Beginning,
  type BeginningOptions,
  madeAnew,
} from './beginning.js';
import { bare, type Failure } from './lane-state.js';
import type { ReadPosition } from './read-positions.js';
import type { Seen } from './resumption.js';
import type { LastRecord } from './settler.js';
import { mergeRows, splitChanges } from './split-changes.js';
import { keyOf } from './standing.js';
import type { Table } from './tables.js';
import type { TopicTables } from './topic-tables.js';

export type RouterOptions = {
  readonly source: Pick<ChangeSource, 'seek' | 'acknowledge'>;
  readonly decoder: RecordDecoder;
  readonly credit: Credit;
  readonly tolerance: 'none' | 'all';
  readonly onOffsetGap: 'fail' | 'continue';
  /** Where the partition begins for a table that holds nothing of it. */
  readonly startOf: BeginningOptions['startOf'];
  /** How far the partition was read by earlier runs, if it fed no table. */
  readonly readOf: BeginningOptions['readOf'];
  readonly topic: (name: string) => TopicTables;
  /** Puts records aside that no table can be told for; resolves when they are safe. */
  putAside(letters: readonly DeadLetter[]): Promise<void>;
  /** One past the newest record of the partition, as of now. */
  endOf(partition: TopicPartition): Promise<number>;
  /** The record that the table applied last is no longer there to be compared. */
  unproven(table: Table, record: TopicPartition & { readonly offset: number }): void;
  /** The partition is about to be handed out. */
  taken(partition: TopicPartition): void;
  /** It has got another table. */
  joined(partition: TopicPartition): void;
  /** A topic none of whose records can be taken any more. */
  failTopic(failure: Failure): void;
};

/** A partition that is ours: how far it was handed out, and the lanes that get it. */
type Assigned = TopicPartition &
  Omit<Beginning, 'position' | 'foreign'> & {
    position: number;
    /** Where the source was sent, until it comes from there. */
    sought: number | undefined;
    /** What its records were so far, in this run and earlier ones. */
    seen: 'nothing' | 'foreign' | 'changes';
  };

/**
 * Hands what the source brings to the lanes: finds out whose each record is, makes lanes for tables seen for the
 * first time, and lets every lane of a topic know how far its partitions have come, rows or not. Events are
 * handled one after another.
 */
export class Router {
  readonly #options: RouterOptions;
  readonly #assigned = new Map<string, Assigned>();
  /** Ours, and not taken yet: which of the partition's assignments it is. */
  readonly #awaited = new Map<string, symbol>();
  readonly #failed = new Map<string, Failure>();

  constructor(options: RouterOptions) {
    this.#options = options;
  }

  get partitions(): readonly TopicPartition[] {
    return [...this.#assigned.values()];
  }

  /** Partitions that feed no table, and how far they have been read. */
  get unfed(): readonly (TopicPartition & ReadPosition)[] {
    return [...this.#assigned.values()]
      .filter(({ tables }) => tables.size === 0)
      .map(({ topic, partition, position, seen }) => {
        return { topic, partition, next: position, foreign: seen === 'foreign' };
      });
  }

  /** Partitions that this table gets. */
  partitionsOf(table: Table): readonly TopicPartition[] {
    return [...this.#assigned.values()].filter(({ tables }) => tables.has(table));
  }

  /** The tables that get a partition. */
  tablesOf(partition: TopicPartition): ReadonlySet<Table> {
    return this.#assigned.get(keyOf(partition))?.tables ?? new Set();
  }

  /** Whether there is still something that a record of an assigned partition could come into. */
  get alive(): boolean {
    if (this.#awaited.size > 0) return true;
    return [...this.#assigned.values()].some(({ topic, tables }) => {
      if (this.#failed.has(topic)) return false;
      return tables.size === 0 || [...tables].some(({ lane }) => lane.state.kind !== 'failed');
    });
  }

  /**
   * The offset from which the tables want a partition: the lowest that any of them holds, or its start; or, below it, the
   * first record that one of them applied last, to be seen again. If the partition is taken away meanwhile, the answer
   * means nothing.
   */
  async take(partition: TopicPartition): Promise<number> {
    const assignment = this.#awaited.get(keyOf(partition));
    const isOver = () => assignment === undefined || this.#awaited.get(keyOf(partition)) !== assignment;
    const { topic, startOf, readOf } = this.#options;
    const beginning = await beginPartition(partition, {
      topic: topic(partition.topic),
      startOf,
      readOf,
      isOver,
    });
    if (beginning === undefined) return 0;
    this.#awaited.delete(keyOf(partition));
    const { position, resumption, foreign } = beginning;
    this.#assigned.set(keyOf(partition), {
      ...bare(partition),
      ...beginning,
      sought: undefined,
      seen: foreign ? 'foreign' : 'nothing',
    });
    this.#options.taken(partition);
    return resumption.unseen ?? position;
  }

  /** Resolves with what was handed out of a batch: less than all of it where its records were only seen again. */
  async handle(event: SourceEvent): Promise<SourceBatch | undefined> {
    switch (event.kind) {
      case 'batch':
        return this.#batch(event.batch);
      case 'progress':
        this.#progress(event, event.base, event.next);
        return undefined;
      case 'gap':
        this.#gap(event, event.expected, event.found);
        return undefined;
      case 'revoked':
        this.revoke(event.partitions);
        return undefined;
      case 'assigned':
        for (const partition of event.partitions) this.#awaited.set(keyOf(partition), Symbol(event.kind));
        return undefined;
      case 'drained':
        await this.#refuseUnseen();
        return undefined;
      case 'waiting':
      case 'resumed':
        return undefined;
    }
  }

  /** What came of these partitions and is not committed is dropped; they may come again, assigned anew. */
  revoke(partitions: readonly TopicPartition[]): void {
    for (const partition of partitions) {
      const assigned = this.#assigned.get(keyOf(partition));
      this.#assigned.delete(keyOf(partition));
      this.#awaited.delete(keyOf(partition));
      for (const { lane } of assigned?.tables ?? []) lane.revoke([partition]);
    }
  }

  async #batch(whole: SourceBatch): Promise<SourceBatch | undefined> {
    const lease = new Lease(this.#options.credit, whole.bytes);
    try {
      const assigned = this.#assigned.get(keyOf(whole));
      if (assigned === undefined || this.#failed.has(whole.topic)) return undefined;
      arrived(assigned, whole.base);
      const way = this.#see(assigned, whole.records, whole.next);
      if (way.kind === 'behind') return undefined;
      const batch = startingAt(whole, way.from);
      if (batch.records.length === 0) {
        this.#pass(assigned, batch.base, batch.next);
        return undefined;
      }
      const changes = this.#options.decoder.peek(batch.topic, batch.partition, batch.records);
      const { parts, orphans } = splitChanges(changes);
      if (parts.length > 0 || orphans.length > 0) assigned.seen = 'changes';
      else if (assigned.seen === 'nothing') assigned.seen = 'foreign';
      const rows = new Map<Table, Uint32Array>();
      for (const part of parts) {
        const table = await this.#tableOf(assigned, part.origin);
        if (table !== undefined) rows.set(table, mergeRows(rows.get(table) ?? none, part.rows));
      }
      const upTo = await this.#orphans(assigned, changes, orphans, rows);
      this.#joinNewTables(assigned);
      this.#deliver(assigned, { ...batch, next: Math.min(batch.next, upTo) }, changes, rows, lease);
      if (upTo < batch.next) this.#haltAll(batch);
      return batch;
    } finally {
      lease.release();
    }
  }

  async #tableOf(assigned: Assigned, origin: Origin): Promise<Table | undefined> {
    const { topic: name, partition, position } = assigned;
    const topic = this.#options.topic(name);
    const known = topic.known(origin, partition);
    return known === undefined ? topic.meet(origin, partition, position) : known.table;
  }

  /**
   * Tables that were met after the partition was taken have no row below its position: their source would be on
   * record, and the partition would have been taken with them.
   */
  #joinNewTables({ topic }: Assigned): void {
    const { tables } = this.#options.topic(topic);
    for (const assigned of this.#assigned.values()) {
      if (assigned.topic !== topic) continue;
      const { partition, start, position } = assigned;
      for (const table of tables) {
        if (assigned.tables.has(table)) continue;
        assigned.tables.add(table);
        void table.lane.assign({ topic, partition, start, from: position }); // Never fails; the lane parks what comes.
        this.#options.joined(assigned);
      }
    }
  }

  #deliver(
    assigned: Assigned,
    { topic, partition, base, next, bytes }: SourceBatch,
    changes: Changes,
    rows: ReadonlyMap<Table, Uint32Array>,
    lease: Lease,
  ): void {
    for (const table of assigned.tables) {
      const own = within(changes, rows.get(table) ?? none, next);
      if (own.length === 0) {
        table.lane.pass(assigned, base, next);
        continue;
      }
      lease.share();
      const share = Math.round((bytes * own.length) / changes.length);
      table.lane.offer({ topic, partition, base, next, changes, rows: own }, share, lease);
    }
    assigned.position = Math.max(assigned.position, next);
    this.#acknowledgeForeign(assigned);
  }

  /**
   * Records that do not say whose they are belong to the topic's table if it has one. Otherwise a tombstone is the
   * shadow of a delete that did say so, and a bad record is the topic's trouble. Returns the offset up to which
   * the batch can be handed out.
   */
  async #orphans(
    { topic, partition, position }: Assigned,
    changes: Changes,
    orphans: Uint32Array,
    rows: Map<Table, Uint32Array>,
  ): Promise<number> {
    if (orphans.length === 0) return Number.POSITIVE_INFINITY;
    const { single } = this.#options.topic(topic);
    if (single !== undefined) {
      await this.#options.topic(topic).meetTable(single, partition, position);
      rows.set(single, mergeRows(rows.get(single) ?? none, orphans));
      return Number.POSITIVE_INFINITY;
    }
    const letters = [...orphans]
      .filter((row) => changes.op[row] === Op.bad)
      .map((row) => ({
        topic,
        partition,
        offset: changes.offset(row),
        record: changes.raw(row),
        problem: changes.problem(row) ?? unexplained,
        table: undefined,
      }));
    const [first] = letters;
    if (first === undefined) return Number.POSITIVE_INFINITY;
    const place = { topic, partition, offset: first.offset };
    if (this.#options.tolerance === 'none') {
      this.#fail(topic, {
        code: 'RECORD_INVALID',
        reason: first.problem.reason,
        hint: 'mend the record at its source, or set errors.tolerance=all to put such records aside',
        ...place,
      });
      return first.offset;
    }
    try {
      await this.#options.putAside(letters);
      return Number.POSITIVE_INFINITY;
    } catch (cause) {
      // What waiting cannot heal is the trouble of this topic, not of the others.
      if (!isSluiceError(cause)) throw cause;
      this.#fail(topic, { ...failureOf(cause), ...place });
      return first.offset;
    }
  }

  #progress(partition: TopicPartition, base: number, next: number): void {
    const assigned = this.#assigned.get(keyOf(partition));
    if (assigned === undefined) return;
    arrived(assigned, base);
    const way = this.#see(assigned, [], next);
    if (way.kind === 'take') this.#pass(assigned, Math.max(base, way.from), next);
  }

  #pass(assigned: Assigned, base: number, next: number): void {
    this.#joinNewTables(assigned);
    for (const { lane } of assigned.tables) lane.pass(assigned, base, next);
    assigned.position = Math.max(assigned.position, next);
    this.#acknowledgeForeign(assigned);
  }

  /** Offsets from `asked` on are gone, up to `found`; or, if `found` is lower, were never written. */
  #gap(partition: TopicPartition, asked: number, found: number): void {
    const { onOffsetGap, source, decoder } = this.#options;
    const assigned = this.#assigned.get(keyOf(partition));
    if (assigned === undefined) return;
    // It was on its way when the source was sent back: it is met again from there.
    if (assigned.sought !== undefined && asked > assigned.sought) return;
    const { topic, partition: number, tables } = assigned;
    const regressed = found < asked;
    const { from = asked } = assigned.resumption;
    if (!regressed && this.#see(assigned, [], found).kind === 'behind') {
      // Only what was to be seen again has expired.
      source.seek(partition, assigned.resumption.unseen ?? from);
      return;
    }
    const expected = Math.max(asked, from);
    const place = { topic, partition: number, offset: expected };
    if (tables.size === 0 && (assigned.seen === 'foreign' || decoder.isForeignTopic(topic))) {
      // Heartbeats and transaction markers that have expired are missed by nobody.
    } else if (!regressed && onOffsetGap === 'continue') {
      for (const { lane } of tables) lane.skip(partition, found);
    } else {
      const failure: Failure = regressed
        ? {
            code: 'TOPIC_REGRESSED',
            reason: `the tables hold offsets up to ${expected}, and the topic ends at ${found}`,
            hint: acceptNewTopic('TABLE'),
            ...place,
          }
        : {
            code: 'OFFSET_GAP',
            reason: `offsets ${expected} to ${found - 1} are no longer in the topic`,
            hint: `set on.offset.gap=continue to go on without them, or say so once: "sluice offsets set TABLE --topic ${topic} --partition ${number} --to ${found}"`,
            ...place,
          };
      for (const { lane } of tables) {
        // A table that has more than the gap is not concerned, and one that is to come back meets it in its turn.
        const wanted = lane.wantedFrom(partition);
        if (regressed || (wanted !== undefined && wanted < found)) lane.halt(partition, failure);
      }
      if (tables.size === 0) this.#fail(topic, failure);
    }
    assigned.position = regressed ? found : Math.max(assigned.position, found);
    // Those that go on need not be handed again what they have.
    const next = assigned.resumption.next(lowestWanted(assigned) ?? found);
    this.#seek(assigned, regressed ? found : Math.max(found, next));
  }

  /** Sends the source back to the lowest offset that a table of the partition wants now. */
  seek(partition: TopicPartition): void {
    const assigned = this.#assigned.get(keyOf(partition));
    if (assigned === undefined) return; // It is about to begin where its tables want it.
    const lowest = lowestWanted(assigned);
    if (lowest !== undefined && lowest < assigned.position) this.#seek(assigned, lowest);
  }

  #seek(assigned: Assigned, offset: number): void {
    assigned.sought = offset;
    this.#options.source.seek(assigned, offset);
  }

  /** Judges the tables by what was read up to `next`, and sends the source on where nothing of it is anybody's. */
  #see(assigned: Assigned, records: readonly RawRecord[], next: number): Seen<Table>['way'] {
    const { topic, partition, resumption } = assigned;
    const { different, gone, way } = resumption.see(records, next);
    for (const { table, last } of gone)
      this.#options.unproven(table, { topic, partition, offset: last.offset });
    for (const { table, last } of different) this.#regress(assigned, table, last);
    if (way.kind === 'behind' && way.seek !== undefined) this.#options.source.seek(assigned, way.seek);
    return way;
  }

  /** Ends the table whose record is another now, and those that hold its offset and have no record of their own. */
  #regress(assigned: Assigned, owner: Table, { offset, timestampMs }: LastRecord): void {
    const { committed, resumption } = assigned;
    const then = new Date(timestampMs).toISOString();
    for (const [table, next] of committed) {
      if (table !== owner && (resumption.judges(table) || next <= offset)) continue;
      const what = `offset ${offset} holds another record than the one of ${then} that was applied`;
      table.lane.halt(assigned, { ...madeAnew(assigned, table, what), offset });
    }
  }

  /** A topic that ends before the records that its tables applied last was made anew. */
  async #refuseUnseen(): Promise<void> {
    for (const assigned of this.#assigned.values()) {
      const { from, open } = assigned.resumption;
      if (from === undefined || !open) continue;
      const end = await this.#options.endOf(assigned);
      if (end < from) this.#gap(assigned, from, end);
    }
  }

  #fail(topic: string, failure: Failure): void {
    if (this.#failed.has(topic)) return;
    this.#failed.set(topic, failure);
    this.#options.failTopic(failure);
  }

  #haltAll(partition: TopicPartition): void {
    const { topic } = partition;
    const failure = this.#failed.get(topic);
    if (failure === undefined) return;
    for (const { lane } of this.#options.topic(topic).tables) lane.halt(partition, failure);
  }

  /** Offsets of a partition that feeds no table are kept nowhere; dashboards still want to see them move. */
  #acknowledgeForeign(assigned: Assigned): void {
    if (assigned.tables.size === 0) this.#options.source.acknowledge(assigned, assigned.position);
  }

  /** Notes what a table holds of a partition, and tells the source what every healthy one does. */
  acknowledge(table: Table, partition: TopicPartition, next: number): void {
    const assigned = this.#assigned.get(keyOf(partition));
    if (assigned === undefined) return;
    assigned.committed.set(table, next);
    // The one that tells counts also if this was the last that it had to tell.
    const healthy = [...assigned.tables].filter(
      (each) => each === table || each.lane.state.kind !== 'failed',
    );
    const held = healthy.flatMap((each) => assigned.committed.get(each) ?? []);
    // A table that holds nothing yet keeps the group's offset where it is.
    if (held.length > 0 && held.length === healthy.length)
      this.#options.source.acknowledge(partition, Math.min(...held));
  }
}

/** The part of a batch at `position` or above. */
function startingAt(batch: SourceBatch, position: number): SourceBatch {
  if (batch.base >= position) return batch;
  return { ...batch, base: position, records: recordsFrom(batch.records, position) };
}

const none = new Uint32Array(0);
const unexplained: RecordProblem = { kind: 'envelope', reason: 'the record cannot be read' };

function arrived(assigned: Assigned, base: number): void {
  if (assigned.sought !== undefined && base <= assigned.sought) assigned.sought = undefined;
}

function lowestWanted(assigned: Assigned): number | undefined {
  const wanted = [...assigned.tables].flatMap(({ lane }) => lane.wantedFrom(assigned) ?? []);
  return wanted.length === 0 ? undefined : Math.min(...wanted);
}

/** The rows whose offsets lie below `next`. */
function within(changes: Changes, rows: Uint32Array, next: number): Uint32Array {
  const last = rows.at(-1);
  if (last === undefined || changes.offset(last) < next) return rows;
  return rows.filter((row) => changes.offset(row) < next);
}
