import { assert, SluiceError } from '../base/errors.js';
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
  /** Which partitions it gets when it is opened, as a member of a group does; all if not given. */
  readonly assigned?: (partition: TopicPartition) => boolean;
  /** Told of what was acknowledged. */
  readonly onAcknowledge?: (partition: TopicPartition, next: number) => void;
};

/** A source in memory, for tests of sinks and of pipelines. */
export interface ArraySource extends ChangeSource {
  /** Adds records at the end of a partition; a new partition is assigned at once. */
  push(batch: ArrayBatch): void;
  /** Takes partitions away and gives others, or the same ones, as a rebalance of a group does. */
  rebalance(lost: readonly TopicPartition[], gained?: readonly TopicPartition[]): void;
  /** Offsets of a partition below `low` are no longer held, as when their time to be kept is over. */
  expire(partition: TopicPartition, low: number): void;
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
  /** Whether it is ours: others read the rest of the topic. */
  assigned: boolean;
  /** The end it had when the source was opened. */
  end: number;
  /** Counts its assignments: an answer to an earlier one is no answer. */
  turn: number;
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
  #refused: { readonly cause: unknown } | undefined;

  constructor(batches: readonly ArrayBatch[], options: ArraySourceOptions) {
    this.#options = options;
    for (const batch of batches) this.#add(batch);
  }

  identity(): Promise<string> {
    return Promise.resolve(this.#options.identity ?? 'array');
  }

  async *open(options: OpenOptions): AsyncGenerator<SourceEvent> {
    const { untilEnd, signal } = options;
    signal.throwIfAborted();
    assert(!this.#opened, 'a source is open once at a time');
    this.#opened = true;
    const ended = new AbortController();
    const onAbort = () => this.#wake();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      this.#refused = undefined;
      for (const part of this.#parts.values()) {
        const assigned = this.#options.assigned?.(only(part)) ?? true;
        Object.assign(part, { end: part.high, paused: false, position: undefined, assigned });
      }
      const ours = [...this.#parts.values()].filter(({ assigned }) => assigned);
      this.#inbox.splice(0, this.#inbox.length, { kind: 'assigned', partitions: ours.map(only) });
      for (;;) {
        signal.throwIfAborted();
        this.#throwIfRefused();
        const event = this.#inbox.shift() ?? this.#next();
        if (event !== undefined) {
          if (event.kind === 'assigned') this.#withdraw(event.partitions);
          yield event;
          if (event.kind === 'assigned')
            this.#ask(event.partitions, options, anySignal(signal, ended.signal));
        } else if (untilEnd && this.#drained()) {
          yield { kind: 'drained' };
          return;
        } else {
          await new Promise<void>((resolve) => {
            this.#wakers.add(resolve);
          });
        }
      }
    } finally {
      ended.abort(new DOMException('the source was closed', 'AbortError'));
      signal.removeEventListener('abort', onAbort);
      this.#opened = false;
    }
  }

  #throwIfRefused(): void {
    if (this.#refused !== undefined) throw this.#refused.cause;
  }

  #drained(): boolean {
    return [...this.#parts.values()].every(
      ({ assigned, position, end }) => !assigned || (position !== undefined && position >= end),
    );
  }

  /** Nothing of these partitions comes until it is known where they begin. */
  #withdraw(partitions: readonly TopicPartition[]): void {
    for (const part of this.#partsOf(partitions)) Object.assign(part, { position: undefined, paused: false });
  }

  /** Asks side by side where each partition begins. */
  #ask(partitions: readonly TopicPartition[], options: OpenOptions, signal: AbortSignal): void {
    for (const part of this.#partsOf(partitions)) {
      const turn = ++part.turn;
      const begin = (expected: number) => {
        if (turn === part.turn && !signal.aborted) this.#begin(part, expected);
      };
      const refuse = (cause: unknown) => {
        if (signal.aborted) return;
        this.#refused = { cause };
        this.#wake();
      };
      options.resumeAt(only(part), signal).then(begin, refuse);
    }
  }

  /** Begins at an offset, or tells that it does not exist. */
  #begin(part: Part, expected: number): void {
    const found = Math.max(part.low, Math.min(expected, part.high));
    part.position = found === expected ? expected : undefined;
    if (found !== expected) this.#inbox.push({ kind: 'gap', ...only(part), expected, found });
    this.#wake();
  }

  #partsOf(partitions: readonly TopicPartition[]): readonly Part[] {
    return partitions.flatMap(
      ({ topic, partition }) => this.#parts.get(partitionKey(topic, partition)) ?? [],
    );
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
    if (isNew) this.#inbox.push({ kind: 'assigned', partitions: [only(batch)] });
    this.#wake();
  }

  rebalance(lost: readonly TopicPartition[], gained: readonly TopicPartition[] = lost): void {
    this.#withdraw([...lost, ...gained]);
    for (const part of this.#partsOf(lost)) Object.assign(part, { turn: part.turn + 1, assigned: false });
    for (const part of this.#partsOf(gained)) part.assigned = true;
    if (lost.length > 0) this.#inbox.push({ kind: 'revoked', partitions: lost });
    if (gained.length > 0) this.#inbox.push({ kind: 'assigned', partitions: gained });
    this.#wake();
  }

  expire(partition: TopicPartition, low: number): void {
    for (const part of this.#partsOf([partition])) part.low = Math.max(part.low, low);
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
      const fresh: Part = {
        topic,
        partition,
        low,
        high: end,
        position: undefined,
        paused: false,
        assigned: true,
        end,
        turn: 0,
      };
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

  async resolve(partition: TopicPartition, start: StartPolicy): Promise<number> {
    const part = await this.#partOf(partition);
    if (start === 'earliest') return part.low;
    if (start === 'latest') return part.high;
    const later = this.#order
      .filter((batch) => batch.topic === part.topic && batch.partition === part.partition)
      .flatMap(({ records }) => records)
      .find(({ timestamp }) => Number(timestamp) >= start.atMs);
    return later === undefined ? part.high : Number(later.offset);
  }

  async watermarks(partition: TopicPartition): Promise<Watermarks> {
    const { low, high } = await this.#partOf(partition);
    return { low, high };
  }

  partitions(topic: string): Promise<readonly number[]> {
    const own = [...this.#parts.values()].flatMap((part) => (part.topic === topic ? [part.partition] : []));
    if (own.length > 0) return Promise.resolve(own.sort((one, other) => one - other));
    return Promise.reject(
      new SluiceError('TOPIC_NOT_FOUND', `there is no topic ${topic}`, { context: { topic } }),
    );
  }

  /** Rejects where there is no such partition. */
  #partOf({ topic, partition }: TopicPartition): Promise<Part> {
    const part = this.#parts.get(partitionKey(topic, partition));
    if (part !== undefined) return Promise.resolve(part);
    return Promise.reject(
      new SluiceError('TOPIC_NOT_FOUND', `there is no partition ${topic}:${partition}`, {
        context: { topic, partition },
      }),
    );
  }

  seek(partition: TopicPartition, offset: number): void {
    for (const part of this.#partsOf([partition])) {
      if (!part.assigned) continue;
      part.turn++; // An answer that is still to come is no longer asked for.
      this.#begin(part, offset);
    }
  }

  pause(partitions: readonly TopicPartition[]): void {
    for (const part of this.#partsOf(partitions)) part.paused = true;
  }

  resume(partitions: readonly TopicPartition[]): void {
    for (const part of this.#partsOf(partitions)) part.paused = false;
    this.#wake();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

function only({ topic, partition }: TopicPartition): TopicPartition {
  return { topic, partition };
}

function bytesOf(records: SourceBatch['records']): number {
  return records.reduce(
    (sum, { key, value }) => sum + (key?.length ?? 0) + (value?.length ?? 0) + RECORD_BYTES,
    0,
  );
}
