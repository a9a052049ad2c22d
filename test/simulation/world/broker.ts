import type { RawRecord } from '../../../src/cdc/record.js';
import { partitionKey, type TopicPartition } from '../../../src/source/change-source.js';

/** A record before it has an offset. */
export type Produced = Pick<RawRecord, 'key' | 'value' | 'headers'> & { readonly timestampMs: number };

/** One partition's log: records by rising offset, with gaps where compaction or markers left them. */
export class PartitionLog {
  readonly records: RawRecord[] = [];
  /** The lowest offset that is still held. */
  low = 0;
  /** One past the newest offset. */
  high = 0;

  /** Index of the first record at or above the offset. */
  indexOf(offset: number): number {
    let [low, high] = [0, this.records.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (Number(this.records[middle]?.offset) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Topics and their partitions, shared by all who produce and consume. */
export class Broker {
  readonly #topics = new Map<string, PartitionLog[]>();
  readonly #watchers = new Set<() => void>();
  /** Nothing is fetched while it is. */
  #down = false;

  get down(): boolean {
    return this.#down;
  }

  setDown(down: boolean): void {
    this.#down = down;
    this.changed();
  }

  createTopic(topic: string, partitions: number): void {
    this.#topics.set(
      topic,
      Array.from({ length: partitions }, () => new PartitionLog()),
    );
  }

  get partitions(): readonly TopicPartition[] {
    return [...this.#topics].flatMap(([topic, logs]) => logs.map((_, partition) => ({ topic, partition })));
  }

  log({ topic, partition }: TopicPartition): PartitionLog | undefined {
    return this.#topics.get(topic)?.[partition];
  }

  /** Appends after `skipped` offsets that no record has. The record's offset. */
  append(at: TopicPartition, record: Produced, skipped = 0): number {
    const log = this.log(at);
    if (log === undefined) throw new Error(`no partition ${partitionKey(at.topic, at.partition)}`);
    const offset = log.high + skipped;
    const { timestampMs, ...rest } = record;
    log.records.push({ ...rest, offset: String(offset), timestamp: String(timestampMs) });
    log.high = offset + 1;
    this.changed();
    return offset;
  }

  /** Offsets at the end that hold no record: markers of transactions. */
  mark(at: TopicPartition, offsets: number): void {
    const log = this.log(at);
    if (log !== undefined) log.high += offsets;
    this.changed();
  }

  /** Offsets below `low` are no longer held. */
  expire(at: TopicPartition, low: number): void {
    const log = this.log(at);
    if (log === undefined || low <= log.low) return;
    log.records.splice(0, log.indexOf(low));
    log.low = low;
    this.changed();
  }

  watch(changed: () => void): Disposable {
    this.#watchers.add(changed);
    return { [Symbol.dispose]: () => this.#watchers.delete(changed) };
  }

  changed(): void {
    for (const watcher of this.#watchers) watcher();
  }
}
