import { partitionKey, type TopicPartition } from '../../../source/change-source.js';
import type { Events } from '../events.js';
import type { MemoryRecord } from './records.js';

/** Records by the partition whose event they came of. */
export class Notes {
  readonly byPartition = new Map<string, MemoryRecord[]>();
  readonly #events: Events;

  constructor(events: Events) {
    this.#events = events;
  }

  add(event: number, record: MemoryRecord): void {
    const at: TopicPartition = this.#events.sliceOf(event);
    const key = partitionKey(at.topic, at.partition);
    const known = this.byPartition.get(key);
    if (known === undefined) this.byPartition.set(key, [record]);
    else known.push(record);
  }
}
