import { setMaxListeners } from 'node:events';
import type { RawRecord } from '../../cdc/record.js';
import { partitionKey, type OpenOptions, type SourceEvent, type TopicPartition } from '../change-source.js';
import { sizeOf } from '../records.js';
import { RecordReader } from './record-reader.js';
import type { RecordingEncoding } from './recorded.js';
import type { RecordedPartition, Recording } from './recording.js';

export type ReplayStreamOptions = {
  load(): Promise<Recording>;
  readonly encoding: RecordingEncoding;
  readonly upTo: Readonly<Record<string, Readonly<Record<string, number>>>> | undefined;
};

/** What one round of reading hands over at most: about what one fetch from a broker brings. */
const ROUND_BYTES = 1 << 20;

type Part = {
  readonly recorded: RecordedPartition;
  /** Where it ends for this replay. */
  readonly end: number;
  gate: 'asking' | 'open' | 'gap';
  held: boolean;
  position: number;
  reader: RecordReader | undefined;
};

type Run = { readonly part: Part; readonly base: number; readonly records: RawRecord[]; bytes: number };

/** One iteration over a recording: rounds of batches, read when somebody asks for them. */
export class ReplayStream implements AsyncIterator<SourceEvent, undefined> {
  readonly #options: ReplayStreamOptions;
  readonly #open: OpenOptions;
  readonly #closing = new AbortController();
  readonly #signal: AbortSignal;
  #parts: ReadonlyMap<string, Part> | undefined;
  #asked = false;
  #failure: { readonly cause: unknown } | undefined;
  #ready: SourceEvent[] = [];
  #wake: (() => void) | undefined;
  #drained = false;

  constructor(options: ReplayStreamOptions, open: OpenOptions) {
    this.#options = options;
    this.#open = open;
    this.#signal = AbortSignal.any([open.signal, this.#closing.signal]);
    // Every partition waits under it.
    setMaxListeners(0, this.#signal);
  }

  get closed(): boolean {
    return this.#closing.signal.aborted;
  }

  async next(): Promise<IteratorResult<SourceEvent, undefined>> {
    try {
      this.#open.signal.throwIfAborted();
      if (this.closed) return { done: true, value: undefined };
      const event = await this.#nextEvent();
      if (event !== undefined) return { done: false, value: event };
    } catch (cause) {
      const closedMeanwhile = this.closed;
      await this.return();
      this.#open.signal.throwIfAborted();
      if (!closedMeanwhile) throw cause;
    }
    return this.return();
  }

  async return(): Promise<IteratorResult<SourceEvent, undefined>> {
    this.#closing.abort(new Error('the replay is closed'));
    const parts = [...(this.#parts?.values() ?? [])];
    for (const { reader } of parts) await reader?.[Symbol.asyncDispose]();
    return { done: true, value: undefined };
  }

  seek({ topic, partition }: TopicPartition, offset: number): void {
    const part = this.#parts?.get(partitionKey(topic, partition));
    if (part === undefined) return;
    this.#drop(part);
    this.#ready = this.#ready.filter((event) => event.kind !== 'gap' || !isAt(event, part));
    this.#begin(part, offset);
    this.#move(part, offset);
  }

  hold(partitions: readonly TopicPartition[]): void {
    for (const { topic, partition } of partitions) {
      const part = this.#parts?.get(partitionKey(topic, partition));
      if (part === undefined || part.held) continue;
      part.held = true;
      const base = this.#drop(part);
      if (base !== undefined) this.#move(part, base);
    }
  }

  release(partitions: readonly TopicPartition[]): void {
    for (const { topic, partition } of partitions) {
      const part = this.#parts?.get(partitionKey(topic, partition));
      if (part !== undefined) part.held = false;
    }
    this.#stir();
  }

  async #nextEvent(): Promise<SourceEvent | undefined> {
    if (this.#parts === undefined) {
      const parts = this.#chosen(await this.#options.load());
      this.#parts = new Map(parts.map((part) => [keyOf(part), part]));
      if (parts.length > 0)
        return { kind: 'assigned', partitions: parts.map(({ recorded }) => placeOf(recorded)) };
    }
    const parts = [...this.#parts.values()];
    if (!this.#asked) this.#ask(parts);
    for (;;) {
      this.#signal.throwIfAborted();
      if (this.#failure !== undefined) throw this.#failure.cause;
      const ready = this.#ready.shift();
      if (ready !== undefined) return ready;
      if (this.#drained) return undefined;
      await this.#readRound(parts.filter(isWanted));
      // Asked again, because somebody may have moved a partition meanwhile.
      if (this.#failure !== undefined || this.#ready.length > 0 || parts.some(isWanted)) continue;
      if (this.#open.untilEnd && parts.every(isDone)) {
        this.#drained = true;
        return { kind: 'drained' };
      }
      await this.#stirred();
    }
  }

  #chosen({ partitions }: Recording): readonly Part[] {
    const { upTo } = this.#options;
    const parts: Part[] = [];
    for (const recorded of partitions) {
      const limit = upTo === undefined ? recorded.high : upTo[recorded.topic]?.[recorded.partition];
      if (limit === undefined) continue;
      const end = Math.min(limit, recorded.high);
      parts.push({ recorded, end, gate: 'asking', held: false, position: 0, reader: undefined });
    }
    return parts;
  }

  /** Asks for each partition where to begin; one that is slow to answer holds up no other. */
  #ask(parts: readonly Part[]): void {
    this.#asked = true;
    for (const part of parts) void this.#askFor(part);
  }

  async #askFor(part: Part): Promise<void> {
    const { topic, partition } = part.recorded;
    try {
      const offset = await this.#open.resumeAt({ topic, partition }, this.#signal);
      // Meanwhile `seek` may have said where to begin.
      if (part.gate === 'asking') this.#begin(part, offset);
    } catch (cause) {
      this.#failure ??= { cause };
    }
    this.#stir();
  }

  #begin(part: Part, expected: number): void {
    const { topic, partition, low, high } = part.recorded;
    part.position = expected;
    part.gate = expected < low || expected > high ? 'gap' : 'open';
    if (part.gate === 'open') return;
    const found = expected < low ? low : high;
    this.#ready.push({ kind: 'gap', topic, partition, expected, found });
  }

  /** Reads on in these partitions, the oldest record first. */
  async #readRound(parts: readonly Part[]): Promise<void> {
    await Promise.all(parts.map((part) => this.#readerOf(part).fill()));
    this.#signal.throwIfAborted();
    // From here on nothing waits, so that nobody moves a partition in between.
    const wanted = parts.filter(isWanted);
    const runs = new Map<Part, Run>();
    for (let bytes = 0; bytes < ROUND_BYTES;) {
      const part = oldest(wanted);
      const record = part?.reader?.head;
      if (part === undefined || record === undefined) break;
      let run = runs.get(part);
      if (run === undefined) runs.set(part, (run = { part, base: part.position, records: [], bytes: 0 }));
      run.records.push(record);
      run.bytes += sizeOf(record);
      bytes += sizeOf(record);
      part.position = (part.reader?.headOffset ?? 0) + 1;
      part.reader?.take();
      // Further on in this round would mean to pass by a record of this partition that is not read yet.
      if (part.reader?.head === undefined) break;
    }
    for (const part of wanted) {
      if (part.position < part.end && isExhausted(part)) this.#finish(part, runs);
    }
    for (const run of runs.values()) this.#ready.push(batchOf(run));
  }

  /** The offsets between the last record and the end hold nothing. */
  #finish(part: Part, runs: ReadonlyMap<Part, Run>): void {
    const base = part.position;
    part.position = part.end;
    // A run of this round reaches the end by itself.
    if (!runs.has(part)) {
      this.#ready.push({ kind: 'progress', ...placeOf(part.recorded), base, next: part.end });
    }
  }

  #readerOf(part: Part): RecordReader {
    const { encoding } = this.#options;
    part.reader ??= new RecordReader(part.recorded, part.position, encoding, this.#signal);
    return part.reader;
  }

  #move(part: Part, offset: number): void {
    part.position = offset;
    const reader = part.reader;
    part.reader = undefined;
    // Closing it is only a matter of tidiness: a reader that is not asked holds a file open and nothing else.
    void reader?.[Symbol.asyncDispose]().catch(() => undefined);
    this.#stir();
  }

  /** Takes back what was not handed over; the offset where it began, if there was anything. */
  #drop(part: Part): number | undefined {
    let base: number | undefined;
    this.#ready = this.#ready.filter((event) => {
      const at = event.kind === 'batch' ? event.batch : event.kind === 'progress' ? event : undefined;
      if (at === undefined || !isAt(at, part)) return true;
      base ??= at.base;
      return false;
    });
    return base;
  }

  #stirred(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#signal.removeEventListener('abort', done);
        resolve();
      };
      this.#wake = done;
      this.#signal.addEventListener('abort', done, { once: true });
    });
  }

  #stir(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}

function isWanted(part: Part): boolean {
  return part.gate === 'open' && !part.held && part.position < part.end;
}

function isDone(part: Part): boolean {
  return part.gate === 'open' && !part.held && part.position >= part.end;
}

/** Nothing that lies below the end comes any more. */
function isExhausted({ reader, end }: Part): boolean {
  if (reader === undefined) return false;
  return reader.head === undefined ? reader.ended : reader.headOffset >= end;
}

function isAt({ topic, partition }: TopicPartition, { recorded }: Part): boolean {
  return topic === recorded.topic && partition === recorded.partition;
}

/** The partition whose next record is the oldest; of equally old ones the first by topic and partition. */
function oldest(parts: readonly Part[]): Part | undefined {
  let best: Part | undefined;
  let bestMs = Infinity;
  for (const part of parts) {
    const { reader, end } = part;
    if (reader === undefined || reader.headOffset >= end) continue;
    if (best === undefined || reader.headMs < bestMs) [best, bestMs] = [part, reader.headMs];
  }
  return best;
}

function batchOf({ part, base, records, bytes }: Run): SourceEvent {
  const { topic, partition, high } = part.recorded;
  const next = part.position;
  return { kind: 'batch', batch: { topic, partition, base, next, records, bytes, highWatermark: high } };
}

function placeOf({ topic, partition }: TopicPartition): TopicPartition {
  return { topic, partition };
}

function keyOf({ recorded }: Part): string {
  return partitionKey(recorded.topic, recorded.partition);
}
