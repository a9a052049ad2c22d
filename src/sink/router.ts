import { isSluiceError } from '../base/errors.js';
import { Op } from '../cdc/changes.js';
import type { Changes, Origin, RecordProblem } from '../cdc/changes.js';
import type { RecordDecoder } from '../cdc/decoder.js';
import { type Credit, Lease } from '../pipeline/credit.js';
import type { ChangeSource, SourceBatch, SourceEvent, TopicPartition } from '../source/change-source.js';
import type { DeadLetter } from './dead-letters.js';
import { failureOf } from './failure.js';
import type { Failure, Place } from './lane-state.js';
import type { ReadPosition } from './read-positions.js';
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
  startOf(partition: TopicPartition): Promise<number>;
  /** How far the partition was read by earlier runs, if it fed no table. */
  readOf(partition: TopicPartition): Promise<ReadPosition | undefined>;
  topic(name: string): TopicTables;
  /** Puts records aside that no table can be told for; resolves when they are safe. */
  putAside(letters: readonly DeadLetter[]): Promise<void>;
  /** The partition is about to be handed out to these tables. */
  taken(partition: TopicPartition, tables: ReadonlySet<Table>): void;
  /** A topic none of whose records can be taken any more. */
  failTopic(failure: Failure): void;
};

/** A partition that is ours: how far it was handed out, and the lanes that get it. */
type Assigned = TopicPartition & {
  position: number;
  readonly start: number;
  readonly tables: Set<Table>;
  /** What is known to be in each table. */
  readonly committed: Map<Table, number>;
  /** What its records were so far, in this run and earlier ones. */
  seen: 'nothing' | 'foreign' | 'changes';
};

type Beginning = {
  readonly position: number;
  readonly committed: Map<Table, number>;
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

  /** Whether there is still something that a record of an assigned partition could come into. */
  get alive(): boolean {
    if (this.#awaited.size > 0) return true;
    return [...this.#assigned.values()].some(({ topic, tables }) => {
      if (this.#failed.has(topic)) return false;
      return tables.size === 0 || [...tables].some(({ lane }) => lane.state.kind !== 'failed');
    });
  }

  /**
   * The offset from which the tables want a partition: the lowest that any of them holds, or its start. Lanes take
   * it on anew, so what they held of an earlier assignment is dropped and comes again. If the partition is taken away
   * meanwhile, the answer means nothing, and the lanes are left to the assignment that may have followed.
   */
  async take(partition: TopicPartition): Promise<number> {
    const { topic: name, partition: number } = partition;
    const assignment = this.#awaited.get(keyOf(partition));
    const isOver = () => assignment === undefined || this.#awaited.get(keyOf(partition)) !== assignment;
    const topic = this.#options.topic(name);
    await topic.load();
    const start = await this.#options.startOf(partition);
    const tables = new Set<Table>();
    const answers = new Map<Table, Place>();
    for (;;) {
      if (isOver()) return start;
      const added = [...topic.tables].filter((table) => !tables.has(table));
      const asked = added.map(async (table) => {
        tables.add(table);
        const place = await table.lane.assign({ topic: name, partition: number, start, from: undefined });
        if (place !== undefined) answers.set(table, place);
      });
      await Promise.all(asked);
      // Another worker may have met a source, and passed its first rows, since the record was read.
      await topic.load();
      if ([...topic.tables].every((table) => tables.has(table))) break;
    }
    const wanted = this.#wanted(partition, answers);
    const read = wanted.size === 0 ? await this.#options.readOf(partition) : undefined;
    if (isOver()) return start;
    const { position, committed } = begin(partition, Math.max(start, read?.next ?? start), answers, wanted);
    this.#awaited.delete(keyOf(partition));
    this.#assigned.set(keyOf(partition), {
      topic: name,
      partition: number,
      position,
      start,
      tables,
      committed,
      seen: read?.foreign === true ? 'foreign' : 'nothing',
    });
    this.#options.taken(partition, tables);
    return position;
  }

  /**
   * Where the tables want a partition: one that holds nothing of it wants it from where it was first met there. Without
   * those that were met nowhere: they want nothing that others have passed.
   */
  #wanted(partition: TopicPartition, answers: ReadonlyMap<Table, Place>): Map<Table, number> {
    const topic = this.#options.topic(partition.topic);
    const wanted = new Map<Table, number>();
    for (const [table, { next, fresh }] of answers) {
      const from = fresh ? topic.emptyBelow(table, partition.partition) : next;
      if (from !== undefined) wanted.set(table, Math.max(next, from));
    }
    return wanted;
  }

  async handle(event: SourceEvent): Promise<void> {
    switch (event.kind) {
      case 'batch':
        return this.#batch(event.batch);
      case 'progress':
        return this.#progress(event, event.base, event.next);
      case 'gap':
        return this.#gap(event, event.expected, event.found);
      case 'revoked':
        return this.#revoke(event.partitions);
      case 'assigned':
        for (const partition of event.partitions) this.#awaited.set(keyOf(partition), Symbol(event.kind));
        return undefined;
      case 'waiting':
      case 'resumed':
      case 'drained':
        return undefined;
    }
  }

  #revoke(partitions: readonly TopicPartition[]): void {
    for (const partition of partitions) {
      const assigned = this.#assigned.get(keyOf(partition));
      this.#assigned.delete(keyOf(partition));
      this.#awaited.delete(keyOf(partition));
      for (const { lane } of assigned?.tables ?? []) lane.revoke([partition]);
    }
  }

  async #batch(batch: SourceBatch): Promise<void> {
    const lease = new Lease(this.#options.credit, batch.bytes);
    try {
      const assigned = this.#assigned.get(keyOf(batch));
      if (assigned === undefined || this.#failed.has(batch.topic)) return;
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
    this.#joinNewTables(assigned);
    for (const { lane } of assigned.tables) lane.pass(partition, base, next);
    assigned.position = Math.max(assigned.position, next);
    this.#acknowledgeForeign(assigned);
  }

  /** Offsets from `expected` on are gone, up to `found`; or, if `found` is lower, were never written. */
  #gap(partition: TopicPartition, expected: number, found: number): void {
    const { onOffsetGap, source, decoder } = this.#options;
    const assigned = this.#assigned.get(keyOf(partition));
    if (assigned === undefined) return;
    const { topic, partition: number, tables } = assigned;
    const place = { topic, partition: number, offset: expected };
    const regressed = found < expected;
    if (tables.size === 0 && (assigned.seen === 'foreign' || decoder.isForeignTopic(topic))) {
      // Heartbeats and transaction markers that have expired are missed by nobody.
    } else if (!regressed && onOffsetGap === 'continue') {
      for (const { lane } of tables) lane.skip(partition, found);
    } else {
      const failure: Failure = regressed
        ? {
            code: 'TOPIC_REGRESSED',
            reason: `the tables hold offsets up to ${expected}, and the topic ends at ${found}`,
            hint: 'the topic was made anew, or its cluster restored: "sluice offsets accept TABLE --new-topic"',
            ...place,
          }
        : {
            code: 'OFFSET_GAP',
            reason: `offsets ${expected} to ${found - 1} are no longer in the topic`,
            hint: 'set on.offset.gap=continue to go on without them',
            ...place,
          };
      for (const { lane } of tables) {
        // A table that holds more than the gap is not concerned.
        const committed = lane.committed(partition);
        if (committed === undefined || regressed || committed < found) lane.halt(partition, failure);
      }
      if (tables.size === 0) this.#fail(topic, failure);
    }
    assigned.position = found;
    source.seek(partition, found);
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

/** Lets each table begin where it wants the partition, or where the others do; `start`: where they do if none wants it. */
function begin(
  partition: TopicPartition,
  start: number,
  answers: ReadonlyMap<Table, Place>,
  wanted: ReadonlyMap<Table, number>,
): Beginning {
  const committed = new Map(wanted);
  const position = wanted.size === 0 ? start : Math.min(...wanted.values());
  for (const [table, { next, fresh }] of answers) {
    const from = wanted.get(table) ?? position;
    committed.set(table, from);
    if (fresh && from > next) table.lane.pass(partition, next, from);
  }
  return { position, committed };
}

const none = new Uint32Array(0);
const unexplained: RecordProblem = { kind: 'envelope', reason: 'the record cannot be read' };

/** The rows whose offsets lie below `next`. */
function within(changes: Changes, rows: Uint32Array, next: number): Uint32Array {
  const last = rows.at(-1);
  if (last === undefined || changes.offset(last) < next) return rows;
  return rows.filter((row) => changes.offset(row) < next);
}
