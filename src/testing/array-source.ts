import { must } from '../base/errors.js';
import { anySignal } from '../base/signals.js';
import {
  type ChangeSource,
  type OpenOptions,
  partitionKey,
  type SourceBatch,
  type SourceEvent,
  type StartPolicy,
  type TopicPartition,
  type Watermarks,
} from '../source/change-source.js';

/** A run of records in memory. What is not said is taken from the records. */
export type ArrayBatch = TopicPartition &
  Pick<SourceBatch, 'records'> & { readonly base?: number; readonly next?: number };

export type ArraySourceOptions = {
  /** What stands for it in tables; `array` if not given. */
  readonly identity?: string;
  /** The lowest offset still held, by partition key; the first batch's base if not given. */
  readonly low?: ReadonlyMap<string, number>;
  /** Told of what was acknowledged. */
  readonly onAcknowledge?: (partition: TopicPartition, next: number) => void;
};

/** A source in memory, for tests of sinks and of pipelines. */
export interface ArraySource extends ChangeSource {
  /** Adds records at the end of a partition; a new partition is assigned at once. */
  push(batch: ArrayBatch): void;
  /** Takes partitions away and gives them back, as a rebalance of a group does. */
  rebalance(partitions: readonly TopicPartition[]): void;
  /** Hands over any event in its turn. */
  inject(event: SourceEvent): void;
}

/** Estimate of what a record costs besides its bytes. */
const RECORD_BYTES = 64;

type Part = TopicPartition & {
  low: number;
  high: number;
  /** Undefined while it is not asked for or a gap waits for a `seek`. */
  position: number | undefined;
  paused: boolean;
  end: number;
};

/**
 * A source over records in memory: batches come in the order in which they were given, each partition from the
 * offset it is wanted from. It can be opened again and again, one after another, and then begins anew.
 */
export function arraySource(batches: readonly ArrayBatch[], options: ArraySourceOptions = {}): ArraySource {
  return new MemorySource(batches, options);
}

class MemorySource implements ArraySource {
  readonly #options: ArraySourceOptions;
  readonly #parts = new Map<string, Part>();
  readonly #order: SourceBatch[] = [];
  readonly #inbox: SourceEvent[] = [];
  readonly #wakers = new Set<() => void>();
  #opened = false;

  constructor(batches: readonly ArrayBatch[], options: ArraySourceOptions) {
    this.#options = options;
    for (const batch of batches) this.#add(batch);
  }

  identity(): Promise<string> {
    return Promise.resolve(this.#options.identity ?? 'array');
  }

  partitions(topic: string): Promise<readonly number[]> {
    const own = [...this.#parts.values()].filter((part) => part.topic === topic);
    return Promise.resolve(own.map(({ partition }) => partition).sort((one, other) => one - other));
  }

  async *open({ resumeAt, untilEnd, signal }: OpenOptions): AsyncGenerator<SourceEvent> {
    signal.throwIfAborted();
    must(this.#opened ? undefined : true, 'a source that is not open yet');
    this.#opened = true;
    const stopped = new AbortController();
    const inner = anySignal(signal, stopped.signal);
    const onAbort = () => this.#wake();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      for (const part of this.#parts.values()) {
        part.end = part.high;
        part.paused = false;
      }
      this.#inbox.length = 0;
      yield* this.#assign([...this.#parts.values()], resumeAt, inner);
      for (;;) {
        signal.throwIfAborted();
        const injected = this.#inbox.shift();
        if (injected !== undefined) {
          yield injected;
          if (injected.kind === 'assigned') yield* this.#resume(injected.partitions, resumeAt, inner);
          continue;
        }
        const batch = this.#next();
        if (batch !== undefined) {
          yield batch;
          continue;
        }
        if (
          untilEnd &&
          [...this.#parts.values()].every(({ position, end }) => position !== undefined && position >= end)
        ) {
          yield { kind: 'drained' };
          return;
        }
        await new Promise<void>((resolve) => {
          this.#wakers.add(resolve);
          if (signal.aborted) this.#wake();
        });
      }
    } finally {
      stopped.abort();
      signal.removeEventListener('abort', onAbort);
      this.#opened = false;
    }
  }

  async *#assign(
    parts: readonly Part[],
    resumeAt: OpenOptions['resumeAt'],
    signal: AbortSignal,
  ): AsyncGenerator<SourceEvent> {
    for (const part of parts) part.position = undefined;
    const partitions = parts.map(({ topic, partition }) => ({ topic, partition }));
    yield { kind: 'assigned', partitions };
    yield* this.#resume(partitions, resumeAt, signal);
  }

  async *#resume(
    partitions: readonly TopicPartition[],
    resumeAt: OpenOptions['resumeAt'],
    signal: AbortSignal,
  ): AsyncGenerator<SourceEvent> {
    const wanted = await Promise.all(partitions.map((partition) => resumeAt(partition, signal)));
    for (const [index, { topic, partition }] of partitions.entries()) {
      const part = must(this.#parts.get(partitionKey(topic, partition)), `partition ${topic}:${partition}`);
      const expected = must(wanted[index], 'an offset to resume at');
      const found = Math.max(part.low, Math.min(expected, part.high));
      if (found === expected) part.position = expected;
      else yield { kind: 'gap', topic, partition, expected, found };
    }
  }

  #next(): SourceEvent | undefined {
    for (const batch of this.#order) {
      const part = this.#parts.get(partitionKey(batch.topic, batch.partition));
      if (part?.position === undefined || part.paused || batch.next <= part.position) continue;
      const { topic, partition } = batch;
      const base = part.position;
      part.position = batch.next;
      const records = batch.records.filter(({ offset }) => Number(offset) >= base);
      if (records.length === 0) return { kind: 'progress', topic, partition, base, next: batch.next };
      return {
        kind: 'batch',
        batch: { ...batch, base, records, bytes: bytesOf(records), highWatermark: part.high },
      };
    }
    return undefined;
  }

  push(batch: ArrayBatch): void {
    const isNew = !this.#parts.has(partitionKey(batch.topic, batch.partition));
    this.#add(batch);
    const { topic, partition } = batch;
    if (isNew) this.#inbox.push({ kind: 'assigned', partitions: [{ topic, partition }] });
    this.#wake();
  }

  rebalance(partitions: readonly TopicPartition[]): void {
    for (const { topic, partition } of partitions) {
      const part = this.#parts.get(partitionKey(topic, partition));
      if (part !== undefined) part.position = undefined;
    }
    this.#inbox.push({ kind: 'revoked', partitions }, { kind: 'assigned', partitions });
    this.#wake();
  }

  inject(event: SourceEvent): void {
    this.#inbox.push(event);
    this.#wake();
  }

  #add({ topic, partition, records, base, next }: ArrayBatch): void {
    const key = partitionKey(topic, partition);
    const part = this.#parts.get(key);
    const first = base ?? part?.high ?? Number(records[0]?.offset ?? 0);
    const last = records.at(-1);
    const end = next ?? (last === undefined ? first : Number(last.offset) + 1);
    const batch = {
      topic,
      partition,
      records,
      base: first,
      next: end,
      bytes: bytesOf(records),
      highWatermark: end,
    };
    if (part === undefined) {
      const low = this.#options.low?.get(key) ?? first;
      const fresh: Part = { topic, partition, low, high: end, position: undefined, paused: false, end };
      this.#parts.set(key, fresh);
    } else {
      part.high = end;
    }
    this.#order.push(batch);
  }

  #wake(): void {
    const wakers = [...this.#wakers];
    this.#wakers.clear();
    for (const wake of wakers) wake();
  }

  acknowledge(partition: TopicPartition, next: number): void {
    this.#options.onAcknowledge?.(partition, next);
  }

  resolve({ topic, partition }: TopicPartition, start: StartPolicy): Promise<number> {
    const key = partitionKey(topic, partition);
    const part = this.#parts.get(key);
    if (part === undefined) return Promise.resolve(0);
    if (start === 'earliest') return Promise.resolve(part.low);
    if (start === 'latest') return Promise.resolve(part.high);
    const later = this.#order
      .filter((batch) => partitionKey(batch.topic, batch.partition) === key)
      .flatMap(({ records }) => records)
      .find(({ timestamp }) => Number(timestamp) >= start.atMs);
    return Promise.resolve(later === undefined ? part.high : Number(later.offset));
  }

  watermarks({ topic, partition }: TopicPartition): Promise<Watermarks> {
    const part = this.#parts.get(partitionKey(topic, partition));
    return Promise.resolve({ low: part?.low ?? 0, high: part?.high ?? 0 });
  }

  seek({ topic, partition }: TopicPartition, offset: number): void {
    const part = this.#parts.get(partitionKey(topic, partition));
    if (part !== undefined) part.position = offset;
    this.#wake();
  }

  pause(partitions: readonly TopicPartition[]): void {
    this.#setPaused(partitions, true);
  }

  resume(partitions: readonly TopicPartition[]): void {
    this.#setPaused(partitions, false);
    this.#wake();
  }

  #setPaused(partitions: readonly TopicPartition[], paused: boolean): void {
    for (const { topic, partition } of partitions) {
      const part = this.#parts.get(partitionKey(topic, partition));
      if (part !== undefined) part.paused = paused;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

function bytesOf(records: SourceBatch['records']): number {
  return records.reduce(
    (sum, { key, value }) => sum + (key?.length ?? 0) + (value?.length ?? 0) + RECORD_BYTES,
    0,
  );
}
