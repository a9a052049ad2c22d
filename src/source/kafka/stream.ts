import { setMaxListeners } from 'node:events';
import { backoff, sleep } from '../../base/signals.js';
import { topicNotFound, type KafkaAdmin } from '../../kafka/admin.js';
import { settledWithin, untilAborted } from '../../kafka/await.js';
import type { KafkaConnection } from '../../kafka/client.js';
import { groupMember, type GroupMember, type MemberOptions } from '../../kafka/consumer.js';
import { brokerError } from '../../kafka/errors.js';
import { partitionKey, type OpenOptions, type SourceEvent, type TopicPartition } from '../change-source.js';
import { Assignment } from './assignment.js';
import { HandOver } from './hand-over.js';
import { Outage } from './outage.js';
import { chosenTopics, noTopicMatches, type TopicChoice } from './topics.js';

export type StreamOptions = {
  readonly connection: KafkaConnection;
  readonly member: MemberOptions;
  readonly topics: TopicChoice;
  readonly admin: KafkaAdmin;
  readonly discoverMs: number;
  readonly readAheadBytes: number;
  /** How long no broker may answer before `waiting` is told. */
  readonly outageMs: number;
};

/**
 * Leaving the group takes one fetch in flight and two requests. An iteration ends within a second
 * whatever the broker does; what takes longer goes on behind it.
 */
const LEAVE_MS = 600;

/** The last progress for dashboards is worth no more than this. */
const LAST_COMMIT_MS = 250;

/** A member that is replaced should be gone before the next one joins, or the group waits for both. */
const REPLACE_MS = 10_000;

/** Progress for dashboards is sent at most this often. */
const COMMIT_EVERY_MS = 1_000;

type Ending = { readonly kind: 'crashed'; readonly cause: unknown } | { readonly kind: 'topics-changed' };

/**
 * One iteration over the chosen topics: a member of the group, replaced when it crashes or when the
 * choice means other topics than before, and the events of its assignments in order.
 */
export class KafkaStream implements AsyncIterator<SourceEvent, undefined> {
  readonly #options: StreamOptions;
  readonly #open: OpenOptions;
  readonly #queue: HandOver;
  readonly #outage: Outage;
  readonly #closing = new AbortController();
  readonly #signal: AbortSignal;
  readonly #acknowledged = new Map<string, { topic: string; partition: number; offset: number }>();
  #commitTimer: NodeJS.Timeout | undefined;
  #member: GroupMember | undefined;
  #assignment: Assignment | undefined;
  #announced: readonly TopicPartition[] = [];
  /** Topics that have been there. */
  readonly #known = new Set<string>();
  /** Those of them that are not there now. */
  readonly #gone = new Set<string>();
  #ends: ReadonlyMap<string, number> | undefined;
  #supervision: Promise<void> | undefined;
  #leaving: Promise<void> = Promise.resolve();
  #failure: { readonly cause: unknown } | undefined;
  #ended: Promise<void> | undefined;

  constructor(options: StreamOptions, open: OpenOptions) {
    this.#options = options;
    this.#open = open;
    this.#queue = new HandOver(options.readAheadBytes);
    this.#outage = new Outage(
      options.outageMs,
      (event) => this.#queue.push(event),
      () => performance.now(),
    );
    this.#signal = AbortSignal.any([open.signal, this.#closing.signal]);
    // Every partition of an assignment waits under it.
    setMaxListeners(0, this.#signal);
  }

  get closed(): boolean {
    return this.#ended !== undefined;
  }

  async next(): Promise<IteratorResult<SourceEvent, undefined>> {
    if (!this.closed) this.#supervision ??= this.#supervise();
    try {
      while (!this.closed) {
        this.#open.signal.throwIfAborted();
        if (this.#failure !== undefined) throw this.#failure.cause;
        const event = this.#queue.pull();
        if (event !== undefined) return { done: false, value: this.#handedOver(event) };
        if (this.#ends !== undefined && this.#assignment?.reached(this.#ends) === true) {
          // The member leaves before the last event is told, so that nothing is open after it.
          await this.return();
          return { done: false, value: { kind: 'drained' } };
        }
        await this.#queue.changed();
      }
      return { done: true, value: undefined };
    } catch (cause) {
      await this.return();
      throw cause;
    }
  }

  async return(): Promise<IteratorResult<SourceEvent, undefined>> {
    this.#ended ??= this.#close();
    await this.#ended;
    return { done: true, value: undefined };
  }

  /** Resolves when the member has left the group, which may be after the iteration has ended. */
  async left(): Promise<void> {
    await this.return();
    await this.#leaving;
  }

  /** A question to the brokers stayed without an answer. */
  unanswered(why: string): void {
    if (!this.closed) this.#outage.failed(why);
  }

  acknowledge({ topic, partition }: TopicPartition, next: number): void {
    if (this.closed) return;
    this.#acknowledged.set(partitionKey(topic, partition), { topic, partition, offset: next });
    this.#commitTimer ??= setTimeout(() => void this.#commitAcknowledged(), COMMIT_EVERY_MS).unref();
  }

  seek(at: TopicPartition, offset: number): void {
    this.#assignment?.seek(at, offset);
  }

  pause(partitions: readonly TopicPartition[]): void {
    this.#assignment?.hold(partitions);
  }

  resume(partitions: readonly TopicPartition[]): void {
    this.#assignment?.release(partitions);
  }

  #handedOver(event: SourceEvent): SourceEvent {
    if (event.kind === 'assigned') {
      this.#announced = event.partitions;
      const assignment = this.#assignment;
      assignment?.tell();
      // The event is still on its way to the reader, who is to have it before anything is asked about it.
      setImmediate(() => assignment?.ask());
    } else {
      this.#assignment?.pulled();
    }
    return event;
  }

  async #close(): Promise<void> {
    clearTimeout(this.#commitTimer);
    this.#closing.abort(new Error('the stream is closed'));
    this.#queue.wake();
    if (this.#supervision !== undefined) await this.#supervision;
  }

  async #supervise(): Promise<void> {
    const wakeOnAbort = () => this.#queue.wake();
    this.#signal.addEventListener('abort', wakeOnAbort, { once: true });
    try {
      await this.#serve();
    } catch (cause) {
      if (!this.#signal.aborted) this.#fail(cause);
    } finally {
      this.#signal.removeEventListener('abort', wakeOnAbort);
    }
  }

  async #serve(): Promise<void> {
    const pause = backoff({ baseMs: 200, maxMs: 5_000, random: Math.random });
    for (let attempt = 0; ; attempt += 1) {
      try {
        const topics = await this.#topicsToRead();
        if (this.#open.untilEnd) this.#ends ??= await this.#endsOf(topics);
        const startedMs = performance.now();
        const ending = await this.#consume(topics);
        // One that has lived for a while was not started in vain.
        if (ending.kind === 'topics-changed' || performance.now() - startedMs > 60_000) attempt = -1;
        if (ending.kind === 'crashed') throw ending.cause;
      } catch (cause) {
        this.#signal.throwIfAborted();
        const error = brokerError(cause, 'consuming', { group: this.#options.member.groupId });
        // Which topic that is, the next listing says.
        const gone = error.code === 'TOPIC_NOT_FOUND' && this.#known.size > 0 && !this.#open.untilEnd;
        if (error.retry !== 'safe' && !gone) throw error;
        if (!gone) this.#outage.failed(error.message);
        await sleep(pause(Math.max(0, attempt)), this.#signal);
      }
    }
  }

  /** A name that never was a topic is a mistake; one that was is waited for, and the others are read meanwhile. */
  async #topicsToRead(): Promise<readonly string[]> {
    const { topics: choice, admin, discoverMs } = this.#options;
    for (let told = false; ; told = true) {
      const { topics, missing } = await chosenTopics(choice, admin, this.#signal);
      for (const topic of missing) if (!this.#isGone(topic)) throw topicNotFound(topic);
      for (const topic of topics) {
        this.#known.add(topic);
        this.#isBack(topic);
      }
      if (topics.length > 0) {
        if (told) this.#queue.push({ kind: 'resumed' });
        return topics;
      }
      const none = noTopicMatches(choice);
      if (this.#open.untilEnd) throw none;
      if (!told) this.#queue.push({ kind: 'waiting', why: none.message });
      await sleep(discoverMs, this.#signal);
    }
  }

  /** Notes that a topic is not there, and tells it once; false if it may not be waited for. */
  #isGone(topic: string): boolean {
    if (this.#open.untilEnd || !this.#known.has(topic)) return false;
    if (!this.#gone.has(topic)) this.#queue.push({ kind: 'waiting', why: topicNotFound(topic).message });
    this.#gone.add(topic);
    return true;
  }

  #isBack(topic: string): void {
    if (this.#gone.delete(topic) && this.#gone.size === 0) this.#queue.push({ kind: 'resumed' });
  }

  async #endsOf(topics: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const ends = new Map<string, number>();
    for (const topic of topics) {
      const marks = await this.#options.admin.watermarks(topic, this.#signal);
      for (const [partition, { high }] of marks) ends.set(partitionKey(topic, partition), high);
    }
    return ends;
  }

  /** Runs one member of the group until it crashes or has to be replaced; it leaves the group in any case. */
  async #consume(topics: readonly string[]): Promise<Ending> {
    let end: (ending: Ending) => void = () => undefined;
    const ended = new Promise<Ending>((resolve) => (end = resolve));
    const member = groupMember(this.#options.connection, this.#options.member, {
      joined: (partitions) => this.#joined(member, partitions),
      fetched: (batch, heartbeat) => this.#assignment?.fetched(batch, heartbeat),
      empty: (run) => this.#assignment?.empty(run),
      fetchStarted: (nodeId) => this.#assignment?.clock.began(nodeId, performance.now()),
      lostOffset: (topic, partition) => this.#assignment?.lostOffset(topic, partition),
      answered: () => this.#outage.healed(),
      unanswered: (why, waitedMs) => this.#outage.failed(why, waitedMs),
      crashed: (cause) => end({ kind: 'crashed', cause }),
    });
    this.#member = member;
    const watching = new AbortController();
    try {
      const starting = member.start(topics).catch((cause: unknown) => end({ kind: 'crashed', cause }));
      const discovery = this.#watchTopics(topics, AbortSignal.any([this.#signal, watching.signal]), () =>
        end({ kind: 'topics-changed' }),
      );
      const ending = await untilAborted(ended, this.#signal);
      watching.abort();
      await untilAborted(Promise.all([starting, discovery]), this.#signal);
      return ending;
    } finally {
      watching.abort();
      this.#assignment?.close();
      this.#queue.release();
      await this.#commitAcknowledged();
      this.#member = undefined;
      this.#leaving = member.stop(REPLACE_MS);
      await settledWithin(this.#leaving, this.#signal.aborted ? LEAVE_MS : REPLACE_MS);
    }
  }

  #joined(member: GroupMember, partitions: ReadonlyMap<string, readonly number[]>): void {
    if (this.#signal.aborted) return;
    this.#assignment?.close();
    // What was not pulled is fetched again from what the tables hold then; an assignment that nobody has
    // seen needs no revocation.
    this.#queue.drop(({ kind }) => kind !== 'waiting' && kind !== 'resumed' && kind !== 'revoked');
    if (this.#announced.length > 0) this.#queue.push({ kind: 'revoked', partitions: this.#announced });
    this.#announced = [];
    const { admin, connection } = this.#options;
    this.#assignment = new Assignment({
      partitions,
      member,
      admin,
      log: connection.log,
      queue: this.#queue,
      resumeAt: (partition, signal) => this.#open.resumeAt(partition, signal),
      signal: this.#signal,
      gone: (topic) => this.#isGone(topic),
      back: (topic) => this.#isBack(topic),
      fail: (cause) => this.#fail(cause),
    });
    const assigned = this.#assignment.partitions;
    if (assigned.length > 0) this.#queue.push({ kind: 'assigned', partitions: assigned });
    else this.#queue.wake();
  }

  /** Topics come, and go: the client asks for one that is gone again and again, and reads no other meanwhile. */
  async #watchTopics(current: readonly string[], signal: AbortSignal, changed: () => void): Promise<void> {
    const { topics: choice, admin, discoverMs } = this.#options;
    if (this.#open.untilEnd) return;
    while (!signal.aborted) {
      try {
        await sleep(discoverMs, signal);
        const { topics } = await chosenTopics(choice, admin, signal);
        if (topics.join() !== current.join()) return changed();
      } catch {
        if (signal.aborted) return;
        // Brokers that are away are told of by the member, which needs them more.
      }
    }
  }

  async #commitAcknowledged(): Promise<void> {
    this.#commitTimer = undefined;
    const offsets = [...this.#acknowledged.values()];
    this.#acknowledged.clear();
    const member = this.#member;
    const owned = offsets.filter(({ topic, partition }) => this.#assignment?.owns(topic, partition) === true);
    if (owned.length === 0 || member === undefined) return;
    // Only for dashboards: a generation that has ended, or a broker that is away, makes it void and nothing else.
    const commit = Promise.resolve().then(() => member.commit(owned));
    await settledWithin(commit, LAST_COMMIT_MS);
  }

  #fail(cause: unknown): void {
    this.#failure ??= { cause };
    this.#queue.wake();
  }
}
