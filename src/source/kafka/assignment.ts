import { setMaxListeners } from 'node:events';
import { isSluiceError } from '../../base/errors.js';
import { sleep } from '../../base/signals.js';
import type { KafkaAdmin, PartitionWatermarks } from '../../kafka/admin.js';
import { silent, type KafkaLog } from '../../kafka/log.js';
import type { EmptyRun, FetchedBatch, GroupMember } from '../../kafka/consumer.js';
import { partitionKey, type TopicPartition } from '../change-source.js';
import { bytesOf, recordsFrom } from '../records.js';
import { Cursor, FetchClock } from './cursor.js';
import type { HandOver } from './hand-over.js';

export type AssignmentOptions = {
  readonly partitions: ReadonlyMap<string, readonly number[]>;
  readonly member: GroupMember;
  readonly admin: Pick<KafkaAdmin, 'watermarks'>;
  readonly log?: KafkaLog | undefined;
  readonly queue: HandOver;
  resumeAt(partition: TopicPartition, signal: AbortSignal): Promise<number>;
  readonly signal: AbortSignal;
  /** A topic of the assignment is not there (any more): its partitions wait if this says so, and for as long. */
  gone(topic: string): boolean;
  /** A topic that was `gone` has answered. */
  back(topic: string): void;
  /** Ends the iteration with this error. */
  fail(cause: unknown): void;
};

type Part = { readonly cursor: Cursor; held: boolean; paused: boolean };

/**
 * How long a full hand-over may keep the client's handler waiting before the partitions are paused
 * instead. Waiting costs nothing when the other side pulls again; paused partitions cost up to one
 * `fetch.max.wait.ms` before the next record. But a handler that waits holds up a rebalance until the
 * next heartbeat, and fetches of everything else.
 */
const WAIT_MS = 1_000;

/** How often the membership is kept alive while waiting; kafkajs sends a heartbeat only if one is due. */
const HEARTBEAT_MS = 250;

/** The pause after the admin has lost its patience, which has pauses of its own. */
const ASK_AGAIN_MS = 200;

/** The pause before a topic that is not there is asked for again. */
const GONE_MS = 1_000;

/** So many fetches in a row from somewhere else than the position: then the watermarks are asked whether it exists. */
const REFETCHES_MAX = 3;

/**
 * The partitions of one generation of the group, from the moment they are assigned until the next
 * generation. No record of a partition is taken before `resumeAt` has answered for it, and none that
 * the `Cursor` does not vouch for.
 */
export class Assignment {
  readonly clock = new FetchClock();
  readonly partitions: readonly TopicPartition[];
  readonly #options: AssignmentOptions;
  readonly #parts = new Map<string, Part>();
  readonly #over = new AbortController();
  readonly #signal: AbortSignal;
  #stalled = false;
  #told = false;

  constructor(options: AssignmentOptions) {
    this.#options = options;
    this.#signal = AbortSignal.any([options.signal, this.#over.signal]);
    // Every partition waits under it.
    setMaxListeners(0, this.#signal);
    const partitions: TopicPartition[] = [];
    for (const [topic, numbers] of options.partitions) {
      for (const partition of numbers.toSorted((a, b) => a - b)) {
        partitions.push({ topic, partition });
        const cursor = new Cursor(topic, partition);
        this.#parts.set(partitionKey(topic, partition), { cursor, held: false, paused: true });
      }
      // Told for all of them: the client keeps what was paused in the generation before.
      if (numbers.length > 0) options.member.pause(topic, numbers);
    }
    this.partitions = partitions;
  }

  /** The reader hears of it now: what was said of its partitions before was meant for those of an earlier generation. */
  tell(): void {
    this.#told = true;
  }

  /** Finds out where each partition begins, and begins there. */
  ask(): void {
    if (this.#signal.aborted) return;
    const marks = new Map<string, Promise<ReadonlyMap<number, PartitionWatermarks>>>();
    const marksOf = (topic: string) => {
      const known = marks.get(topic) ?? this.#watermarks(topic);
      marks.set(topic, known);
      return known;
    };
    for (const part of this.#parts.values()) {
      this.#begin(part, marksOf).catch((cause: unknown) => this.#failed(cause));
    }
  }

  /** The generation is over: nothing is taken any more. */
  close(): void {
    this.#over.abort(new Error('the generation of the group is over'));
  }

  owns(topic: string, partition: number): boolean {
    return this.#parts.has(partitionKey(topic, partition));
  }

  /** Whether every partition has reached its end; one without an end (added later) has. */
  reached(ends: ReadonlyMap<string, number>): boolean {
    if (this.#signal.aborted) return false;
    for (const [key, { cursor, held }] of this.#parts) {
      const end = ends.get(key);
      if (end !== undefined && (held || cursor.gate !== 'open' || cursor.position < end)) return false;
    }
    return true;
  }

  async fetched(batch: FetchedBatch, heartbeat: () => Promise<void>): Promise<void> {
    const part = this.#active(batch.topic, batch.partition);
    if (part === undefined) return;
    const verdict = part.cursor.take(batch.fetchedOffset, batch.nextOffset);
    if (verdict.kind === 'refetch') this.#refetch(part, verdict.to);
    if (verdict.kind !== 'take') return;
    const records = recordsFrom(batch.records, verdict.base);
    if (records.length === 0) {
      this.#progress(part.cursor, verdict.base, verdict.next);
      return;
    }
    const { topic, partition, highWatermark } = batch;
    const bytes = bytesOf(records);
    const { base, next } = verdict;
    this.#options.queue.push(
      { kind: 'batch', batch: { topic, partition, base, next, records, bytes, highWatermark } },
      bytes,
    );
    if (this.#options.queue.full && !this.#stalled) await this.#untilPulled(heartbeat);
  }

  empty(run: EmptyRun): void {
    const part = this.#active(run.topic, run.partition);
    if (part === undefined) return;
    const verdict = part.cursor.takeEmpty(run, this.clock);
    if (verdict.kind === 'refetch') this.#refetch(part, verdict.to);
    if (verdict.kind === 'take') this.#progress(part.cursor, verdict.base, verdict.next);
  }

  lostOffset(topic: string, partition: number): void {
    const part = this.#part(topic, partition);
    if (part?.cursor.gate === 'open') this.#examine(part);
  }

  /** Something was pulled: fetching goes on if it had stopped and there is room again. */
  pulled(): void {
    if (!this.#stalled || !this.#options.queue.low) return;
    this.#stalled = false;
    this.#applyPauses();
  }

  seek({ topic, partition }: TopicPartition, offset: number): void {
    const part = this.#told ? this.#part(topic, partition) : undefined;
    if (part === undefined) return;
    this.#drop(part);
    this.#options.queue.drop(
      (event) => event.kind === 'gap' && event.topic === topic && event.partition === partition,
    );
    this.#open(part, offset);
  }

  hold(partitions: readonly TopicPartition[]): void {
    for (const { topic, partition } of partitions) {
      const part = this.#part(topic, partition);
      if (part === undefined || part.held) continue;
      part.held = true;
      // What lies ready is fetched again when it is wanted: kept, it would take the room of the others.
      const base = this.#drop(part);
      if (base !== undefined && part.cursor.gate === 'open') this.#open(part, base);
    }
    this.#applyPauses();
  }

  release(partitions: readonly TopicPartition[]): void {
    for (const { topic, partition } of partitions) {
      const part = this.#part(topic, partition);
      if (part === undefined || !part.held) continue;
      part.held = false;
      // What arrived meanwhile was not taken.
      if (part.cursor.gate === 'open') this.#open(part, part.cursor.position);
    }
  }

  async #begin(
    part: Part,
    marksOf: (topic: string) => Promise<ReadonlyMap<number, PartitionWatermarks>>,
  ): Promise<void> {
    const { topic, partition } = part.cursor;
    const resumeAt = () => this.#options.resumeAt({ topic, partition }, this.#signal);
    const offset = await this.#whileGone(topic, resumeAt);
    const known = (await marksOf(topic)).get(partition);
    // The watermarks may be older than the offset: only fresh ones may say that it does not exist.
    const lost =
      known === undefined || isOutside(offset, known) ? await this.#found(part, offset) : undefined;
    // Meanwhile the generation may have ended, or `seek` may have said where to begin.
    if (this.#signal.aborted || part.cursor.gate !== 'asking') return;
    if (lost === undefined) this.#open(part, offset);
    else this.#gap(part, offset, lost);
  }

  /** What is there instead of an offset that does not exist; undefined if it does. */
  async #found({ cursor }: Part, offset: number): Promise<number | undefined> {
    const marks = (await this.#watermarks(cursor.topic)).get(cursor.partition);
    if (marks === undefined) return 0;
    if (!isOutside(offset, marks)) return undefined;
    return offset < marks.low ? marks.low : marks.high;
  }

  /**
   * Asks as long as the generation lasts: brokers that do not answer, for however long, are no reason to end. The member
   * is replaced, and this generation over, if it does not outlive them.
   */
  async #watermarks(topic: string): Promise<ReadonlyMap<number, PartitionWatermarks>> {
    for (;;) {
      try {
        return await this.#whileGone(topic, () => this.#options.admin.watermarks(topic, this.#signal));
      } catch (cause) {
        if (!isSluiceError(cause, 'BROKER_UNAVAILABLE') || cause.retry !== 'safe') throw cause;
        await sleep(ASK_AGAIN_MS, this.#signal);
      }
    }
  }

  /** A topic that was deleted, perhaps to be made anew, is no reason to end either: other topics go on. */
  async #whileGone<T>(topic: string, ask: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        const answer = await ask();
        this.#options.back(topic);
        return answer;
      } catch (cause) {
        if (!isSluiceError(cause, 'TOPIC_NOT_FOUND') || !this.#options.gone(topic)) throw cause;
        await sleep(GONE_MS, this.#signal);
      }
    }
  }

  /** Nothing is taken until it is clear whether the position exists. */
  #examine(part: Part): void {
    const { cursor } = part;
    const expected = cursor.position;
    cursor.lose();
    this.#applyPauses();
    const decide = async () => {
      const found = await this.#found(part, expected);
      if (this.#signal.aborted || cursor.gate !== 'gap') return;
      if (found === undefined) this.#open(part, expected);
      else this.#gap(part, expected, found);
    };
    decide().catch((cause: unknown) => this.#failed(cause));
  }

  #gap({ cursor }: Part, expected: number, found: number): void {
    const { topic, partition } = cursor;
    cursor.lose(expected);
    this.#options.queue.push({ kind: 'gap', topic, partition, expected, found });
    this.#applyPauses();
  }

  #open(part: Part, offset: number): void {
    const { topic, partition } = part.cursor;
    part.cursor.open(offset, this.clock.now());
    this.#options.member.seek(topic, partition, offset);
    this.#applyPauses();
    // It may stand at its end already, which nothing that is fetched would tell.
    this.#options.queue.wake();
  }

  #refetch(part: Part, to: number): void {
    const { topic, partition } = part.cursor;
    if (part.cursor.refetches >= REFETCHES_MAX) this.#examine(part);
    else this.#options.member.seek(topic, partition, to);
    const fields = { topic, partition, position: to };
    (this.#options.log ?? silent)({
      level: 'info',
      from: 'source',
      message: 'a fetch began elsewhere than at the position, and is repeated',
      fields,
    });
  }

  #progress({ topic, partition }: Cursor, base: number, next: number): void {
    const { queue } = this.#options;
    const last = queue.newest;
    // A compacted stretch inside a run of records is crossed one offset at a time.
    if (
      last?.kind === 'progress' &&
      last.topic === topic &&
      last.partition === partition &&
      last.next === base
    ) {
      queue.amend({ ...last, next });
    } else {
      queue.push({ kind: 'progress', topic, partition, base, next });
    }
  }

  /** Takes back what was not pulled; the offset where it began, if there was anything. A gap stays to be told. */
  #drop({ cursor }: Part): number | undefined {
    const dropped = this.#options.queue.drop((event) => {
      if (event.kind === 'batch') {
        return event.batch.topic === cursor.topic && event.batch.partition === cursor.partition;
      }
      return (
        event.kind === 'progress' && event.topic === cursor.topic && event.partition === cursor.partition
      );
    });
    const first = dropped[0];
    if (first?.kind === 'batch') return first.batch.base;
    return first?.kind === 'progress' ? first.base : undefined;
  }

  async #untilPulled(heartbeat: () => Promise<void>): Promise<void> {
    const deadline = performance.now() + WAIT_MS;
    while (this.#options.queue.full && !this.#signal.aborted) {
      if (performance.now() > deadline) {
        this.#stalled = true;
        this.#applyPauses();
        return;
      }
      await this.#options.queue.space(HEARTBEAT_MS);
      await heartbeat();
    }
  }

  /** Tells the client which partitions to fetch, where that has changed. */
  #applyPauses(): void {
    if (this.#signal.aborted) return;
    const { member } = this.#options;
    for (const part of this.#parts.values()) {
      const { topic, partition, gate } = part.cursor;
      const paused = this.#stalled || part.held || gate !== 'open';
      if (paused === part.paused) continue;
      part.paused = paused;
      if (paused) member.pause(topic, [partition]);
      else member.resume(topic, [partition]);
    }
  }

  #part(topic: string, partition: number): Part | undefined {
    return this.#signal.aborted ? undefined : this.#parts.get(partitionKey(topic, partition));
  }

  #active(topic: string, partition: number): Part | undefined {
    const part = this.#part(topic, partition);
    return part === undefined || part.held ? undefined : part;
  }

  #failed(cause: unknown): void {
    if (!this.#signal.aborted) this.#options.fail(cause);
  }
}

function isOutside(offset: number, { low, high }: PartitionWatermarks): boolean {
  return offset < low || offset > high;
}
