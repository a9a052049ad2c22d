import type { Admin } from 'kafkajs';
import { SluiceError, type ErrorContext } from '../base/errors.js';
import { backoff, sleep } from '../base/signals.js';
import { settledWithin, untilAborted } from './await.js';
import { BRIEF, kafkaClient, type KafkaConnection } from './client.js';
import { brokerError } from './errors.js';

/** The lowest offset that a partition still holds, and its last stable one: where the oldest open transaction begins, else its end. */
export type PartitionWatermarks = { readonly low: number; readonly high: number };

/** What a topic is made with. */
export type TopicShape = { readonly partitions: number; readonly replicationFactor: number };

export type AdminOptions = {
  /** How long a question is asked again while no broker answers. Default 60 s. */
  readonly patienceMs?: number;
  /** Told each time that one was not answered and is asked again. */
  readonly unanswered?: (why: string) => void;
};

/** Closing a connection is local, unless it is not there yet. */
const HANG_UP_MS = 1_000;

/** Topics that are Kafka's own book-keeping: no pattern ever means them. */
const INTERNAL: ReadonlySet<string> = new Set([
  '__consumer_offsets',
  '__transaction_state',
  '__share_group_state',
  '__cluster_metadata',
]);

/**
 * Questions to the cluster. Connects on the first one and again when a connection was lost; a question
 * is asked again for `patienceMs` (default 60 s) while no broker answers, then it is `BROKER_UNAVAILABLE`
 * with `retry: 'safe'`. A topic that is not there is `TOPIC_NOT_FOUND`.
 */
export class KafkaAdmin implements AsyncDisposable {
  readonly #connection: KafkaConnection;
  readonly #patienceMs: number;
  readonly #unanswered: (why: string) => void;
  #admin: Promise<Admin> | undefined;

  constructor(connection: KafkaConnection, options: AdminOptions = {}) {
    this.#connection = connection;
    this.#patienceMs = options.patienceMs ?? 60_000;
    this.#unanswered = options.unanswered ?? (() => undefined);
  }

  /** The id that the cluster was formatted with: it stays through restarts and changes of brokers. */
  async clusterId(signal: AbortSignal): Promise<string> {
    const cluster = await this.#ask('asking for the cluster id', (admin) => admin.describeCluster(), signal);
    if (cluster.clusterId !== '') return cluster.clusterId;
    throw new SluiceError('BROKER_UNAVAILABLE', 'the brokers name no cluster id', {
      hint: 'Progress is kept under the cluster id; brokers older than 0.10.1 have none.',
    });
  }

  /** The names of all topics that may be described, sorted, Kafka's own left out. */
  async topics(signal: AbortSignal): Promise<readonly string[]> {
    const topics = await this.#ask('listing the topics', (admin) => admin.listTopics(), signal);
    return topics.filter((topic) => !INTERNAL.has(topic)).sort();
  }

  /** The numbers of all partitions of a topic, ascending. */
  async partitions(topic: string, signal: AbortSignal): Promise<readonly number[]> {
    await this.#mustExist(topic, signal);
    const ask = (admin: Admin) => admin.fetchTopicMetadata({ topics: [topic] });
    const { topics } = await this.#ask('asking for the partitions', ask, signal, { topic });
    const found = topics.flatMap(({ partitions }) => partitions.map(({ partitionId }) => partitionId));
    return found.sort((one, other) => one - other);
  }

  /** Where each partition of a topic begins and ends, for one who reads committed records only. */
  async watermarks(topic: string, signal: AbortSignal): Promise<ReadonlyMap<number, PartitionWatermarks>> {
    await this.#mustExist(topic, signal);
    const ask = (admin: Admin) => admin.fetchTopicOffsets(topic);
    const offsets = await this.#ask('asking for watermarks', ask, signal, { topic });
    return new Map(
      offsets.map(({ partition, low, high }) => [partition, { low: Number(low), high: Number(high) }]),
    );
  }

  /** For each partition the offset of the first record at or after `atMs`; the end where there is none. */
  async offsetsAt(topic: string, atMs: number, signal: AbortSignal): Promise<ReadonlyMap<number, number>> {
    await this.#mustExist(topic, signal);
    const ask = (admin: Admin) => admin.fetchTopicOffsetsByTimestamp(topic, atMs);
    const offsets = await this.#ask('asking for offsets by time', ask, signal, { topic, atMs });
    return new Map(offsets.map(({ partition, offset }) => [partition, Number(offset)]));
  }

  /** Makes the topic unless it is there; what is there stays as it is. */
  async ensureTopic(topic: string, shape: TopicShape, signal: AbortSignal): Promise<void> {
    if ((await this.topics(signal)).includes(topic)) return;
    const ask = (admin: Admin) =>
      admin.createTopics({
        waitForLeaders: true,
        topics: [{ topic, numPartitions: shape.partitions, replicationFactor: shape.replicationFactor }],
      });
    await this.#ask('creating the topic', ask, signal, { topic });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#hangUp();
  }

  // Asked of the list of all topics, because asking a broker for one topic may create it there.
  async #mustExist(topic: string, signal: AbortSignal): Promise<void> {
    if ((await this.topics(signal)).includes(topic)) return;
    throw topicNotFound(topic);
  }

  async #ask<T>(
    attempted: string,
    ask: (admin: Admin) => Promise<T>,
    signal: AbortSignal,
    context: ErrorContext = {},
  ): Promise<T> {
    const pause = backoff({ baseMs: 200, maxMs: 3_000, random: Math.random });
    const deadline = performance.now() + this.#patienceMs;
    for (let attempt = 0; ; attempt += 1) {
      signal.throwIfAborted();
      try {
        this.#admin ??= this.#connect();
        return await untilAborted(this.#admin.then(ask), signal);
      } catch (cause) {
        signal.throwIfAborted();
        const error = brokerError(cause, attempted, {
          brokers: this.#connection.brokers.join(','),
          ...context,
        });
        // The client goes on asking for every topic that it was ever asked for: the one that is gone may be another.
        const other = error.code === 'TOPIC_NOT_FOUND' && attempt === 0;
        if ((error.retry !== 'safe' && !other) || performance.now() > deadline) throw error;
        if (!other) this.#unanswered(error.message);
        await this.#hangUp();
        if (other) continue;
        await sleep(pause(attempt), signal);
      }
    }
  }

  async #connect(): Promise<Admin> {
    // The loop above decides how long it is worth asking.
    const admin = kafkaClient(this.#connection, { retry: BRIEF }).admin();
    await admin.connect();
    return admin;
  }

  async #hangUp(): Promise<void> {
    const admin = this.#admin;
    this.#admin = undefined;
    // One that is lost already cannot be closed, one that is still being made is closed when it is there.
    const closed = admin?.then((connected) => connected.disconnect());
    if (closed !== undefined) await settledWithin(closed, HANG_UP_MS);
  }
}

/** The error for a topic that was named and is not there. */
export function topicNotFound(topic: string): SluiceError {
  return new SluiceError('TOPIC_NOT_FOUND', `topic ${topic} does not exist`, {
    context: { topic },
    hint: 'Create the topic, or correct its name; a client without the right to describe it sees the same.',
  });
}

/** The error for a partition that its topic does not have. */
export function partitionNotFound(topic: string, partition: number): SluiceError {
  return new SluiceError('TOPIC_NOT_FOUND', `topic ${topic} has no partition ${partition}`, {
    context: { topic, partition },
    hint: 'The topic may have been made anew with fewer partitions.',
  });
}
