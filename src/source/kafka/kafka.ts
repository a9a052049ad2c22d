import { assert } from '../../base/errors.js';
import { KafkaAdmin, partitionNotFound } from '../../kafka/admin.js';
import type { KafkaConnection } from '../../kafka/client.js';
import type { MemberOptions } from '../../kafka/consumer.js';
import type {
  ChangeSource,
  OpenOptions,
  SourceEvent,
  StartPolicy,
  TopicPartition,
  Watermarks,
} from '../change-source.js';
import { KafkaStream } from './stream.js';
import type { TopicChoice } from './topics.js';

export type KafkaSourceOptions = KafkaConnection &
  MemberOptions & {
    /** Topics by name, and patterns: a topic that begins to match later is taken in when it is found. */
    readonly topics: TopicChoice;
    /** How often to look for topics and partitions that are new. Default 30 s. */
    readonly discoverMs?: number;
    /**
     * Fetched bytes that may wait to be pulled. Default 8 MiB: half of it and fetching pauses between
     * pulls; twice as much only costs memory. One fetch may go beyond it.
     */
    readonly readAheadBytes?: number;
    /** How long no broker may answer before `waiting` is told. Default 3 s. */
    readonly outageMs?: number;
    /** How long `identity`, `resolve`, `watermarks` and `partitions` go on asking while no broker answers. Default 60 s. */
    readonly patienceMs?: number;
  };

/**
 * The committed records of Kafka topics, as a member of a consumer group. Offsets come from `resumeAt`
 * and never from the group; nothing is skipped unnoticed (see `Cursor`). With `untilEnd` a
 * partition ends where its last stable offset is at `open`: at the oldest transaction that is open then.
 *
 * While no broker answers it waits, and tells so once. `BROKER_UNAVAILABLE` only for what waiting cannot
 * heal, such as denied access.
 */
export function kafka(options: KafkaSourceOptions): ChangeSource {
  return new KafkaSource(options);
}

class KafkaSource implements ChangeSource {
  readonly #options: KafkaSourceOptions;
  readonly #admin: KafkaAdmin;
  #stream: KafkaStream | undefined;

  constructor(options: KafkaSourceOptions) {
    this.#options = options;
    this.#admin = new KafkaAdmin(options, {
      patienceMs: options.patienceMs ?? 60_000,
      unanswered: (why) => this.#stream?.unanswered(why),
    });
  }

  identity(signal: AbortSignal): Promise<string> {
    return this.#admin.clusterId(signal);
  }

  open(options: OpenOptions): AsyncIterable<SourceEvent> {
    return { [Symbol.asyncIterator]: () => this.#begin(options) };
  }

  acknowledge(partition: TopicPartition, next: number): void {
    this.#stream?.acknowledge(partition, next);
  }

  async resolve(
    { topic, partition }: TopicPartition,
    start: StartPolicy,
    signal: AbortSignal,
  ): Promise<number> {
    if (typeof start === 'object') {
      const offset = (await this.#admin.offsetsAt(topic, start.atMs, signal)).get(partition);
      if (offset === undefined) throw partitionNotFound(topic, partition);
      return offset;
    }
    const { low, high } = await this.watermarks({ topic, partition }, signal);
    return start === 'earliest' ? low : high;
  }

  async watermarks({ topic, partition }: TopicPartition, signal: AbortSignal): Promise<Watermarks> {
    const marks = (await this.#admin.watermarks(topic, signal)).get(partition);
    if (marks === undefined) throw partitionNotFound(topic, partition);
    return marks;
  }

  partitions(topic: string, signal: AbortSignal): Promise<readonly number[]> {
    return this.#admin.partitions(topic, signal);
  }

  seek(partition: TopicPartition, offset: number): void {
    this.#stream?.seek(partition, offset);
  }

  pause(partitions: readonly TopicPartition[]): void {
    this.#stream?.pause(partitions);
  }

  resume(partitions: readonly TopicPartition[]): void {
    this.#stream?.resume(partitions);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stream?.left();
    await this.#admin[Symbol.asyncDispose]();
  }

  #begin(open: OpenOptions): KafkaStream {
    assert(this.#stream === undefined || this.#stream.closed, 'a source is open once at a time');
    const { topics, discoverMs = 30_000, readAheadBytes = 8 << 20, outageMs = 3_000 } = this.#options;
    this.#stream = new KafkaStream(
      {
        connection: this.#options,
        member: { metadataMaxAgeMs: discoverMs, ...this.#options },
        topics,
        admin: this.#admin,
        discoverMs,
        readAheadBytes,
        outageMs,
      },
      open,
    );
    return this.#stream;
  }
}
