import { assert, SluiceError } from '../../base/errors.js';
import { never } from '../../base/signals.js';
import type {
  ChangeSource,
  OpenOptions,
  SourceEvent,
  StartPolicy,
  TopicPartition,
  Watermarks,
} from '../change-source.js';
import { untilAborted } from '../../kafka/await.js';
import { RecordReader } from './record-reader.js';
import type { RecordingEncoding } from './recorded.js';
import { loadRecording, recordingId, type RecordedPartition, type Recording } from './recording.js';
import { ReplayStream } from './replay-stream.js';

export type ReplayOptions = {
  /** Files, directories or patterns; see `findFiles`. One file or several for a topic, plain or `.gz`. */
  readonly files: readonly string[];
  /** Stands for the recording in the tables. Default: made from the file names. */
  readonly id?: string;
  /** Only records below these offsets, by topic and partition; what it does not name is left out. */
  readonly upTo?: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** How keys, values and header values are written. Default `utf8`. */
  readonly encoding?: RecordingEncoding;
};

/**
 * A recorded stream in files, one Kafka record a line, as a source. All partitions are assigned at once
 * and stay so. Topics are interleaved by the records' timestamps, so that what happened together is read
 * together. Without `untilEnd` it waits at its end for ever, as a topic does to which nobody writes.
 */
export function replay(options: ReplayOptions): ChangeSource {
  return new ReplaySource(options);
}

class ReplaySource implements ChangeSource {
  readonly #options: ReplayOptions;
  #loading: Promise<Recording> | undefined;
  #stream: ReplayStream | undefined;

  constructor(options: ReplayOptions) {
    this.#options = options;
  }

  async identity(signal: AbortSignal): Promise<string> {
    return this.#options.id ?? recordingId((await this.#recording(signal)).files);
  }

  open(open: OpenOptions): AsyncIterable<SourceEvent> {
    return { [Symbol.asyncIterator]: () => this.#begin(open) };
  }

  acknowledge(): void {
    // Nobody watches a recording.
  }

  async resolve(at: TopicPartition, start: StartPolicy, signal: AbortSignal): Promise<number> {
    const part = await this.#part(at, signal);
    if (start === 'earliest') return part.low;
    if (start === 'latest') return part.high;
    await using reader = new RecordReader(part, part.low, this.#options.encoding ?? 'utf8', signal);
    for (await reader.fill(); reader.head !== undefined; await reader.fill()) {
      if (Number(reader.head.timestamp) >= start.atMs) return Number(reader.head.offset);
      reader.take();
    }
    return part.high;
  }

  async watermarks(at: TopicPartition, signal: AbortSignal): Promise<Watermarks> {
    const { low, high } = await this.#part(at, signal);
    return { low, high };
  }

  async partitions(topic: string, signal: AbortSignal): Promise<readonly number[]> {
    const { partitions } = await this.#recording(signal);
    const own = partitions.flatMap((part) => (part.topic === topic ? [part.partition] : []));
    if (own.length > 0) return own;
    throw new SluiceError('TOPIC_NOT_FOUND', `the recording has no topic ${topic}`, { context: { topic } });
  }

  seek(partition: TopicPartition, offset: number): void {
    this.#stream?.seek(partition, offset);
  }

  pause(partitions: readonly TopicPartition[]): void {
    this.#stream?.hold(partitions);
  }

  resume(partitions: readonly TopicPartition[]): void {
    this.#stream?.release(partitions);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stream?.return();
  }

  #begin(open: OpenOptions): ReplayStream {
    assert(this.#stream === undefined || this.#stream.closed, 'a source is open once at a time');
    const { encoding = 'utf8', upTo } = this.#options;
    const load = () => this.#recording(open.signal);
    this.#stream = new ReplayStream({ load, encoding, upTo }, open);
    return this.#stream;
  }

  async #part({ topic, partition }: TopicPartition, signal: AbortSignal): Promise<RecordedPartition> {
    const part = (await this.#recording(signal)).find(topic, partition);
    if (part !== undefined) return part;
    throw new SluiceError('TOPIC_NOT_FOUND', `the recording has no partition ${partition} of ${topic}`, {
      context: { topic, partition },
    });
  }

  // Read once, for whoever asks first; a caller that gives up leaves it to the others.
  async #recording(signal: AbortSignal): Promise<Recording> {
    signal.throwIfAborted();
    this.#loading ??= loadRecording(this.#options.files, never);
    return untilAborted(this.#loading, signal);
  }
}
