import type { TopicPartition } from '../source/change-source.js';
import type { ObjectStore } from '../storage/object-store.js';
import { formatAppId } from './app-id.js';
import { keyOf } from './standing.js';
import { parseRecord, recordName } from './starts.js';

/** How far a partition that feeds no table has been read. */
export type ReadPosition = {
  readonly next: number;
  /** Records were seen, and all of them were no row changes: heartbeats, transaction markers. */
  readonly foreign: boolean;
};

/**
 * Positions of partitions that feed no table, kept under `_sluice/read/` of the base URL so that a start need not
 * read them again, and so that records of theirs which have expired are nobody's loss. Best effort: one that got
 * lost costs a second reading. A table that turns up in such a partition later is on record before it is passed.
 */
export class ReadPositions {
  readonly #store: ObjectStore;
  readonly #identity: string;
  readonly #kept = new Map<string, string>();

  constructor(store: ObjectStore, identity: string) {
    this.#store = store;
    this.#identity = identity;
  }

  /** Undefined if nothing is kept, or cannot be made sense of. */
  async load(partition: TopicPartition, signal: AbortSignal): Promise<ReadPosition | undefined> {
    const body = await this.#store.get(this.#key(partition), { signal });
    const { next, foreign } = parseRecord(new TextDecoder().decode(body)) ?? {};
    return typeof next === 'number' && Number.isSafeInteger(next) && next >= 0
      ? { next, foreign: foreign === true }
      : undefined;
  }

  /** Writes nothing if that is what was written last. */
  async save(partition: TopicPartition, { next, foreign }: ReadPosition, signal: AbortSignal): Promise<void> {
    const { topic, partition: number } = partition;
    const text = `${JSON.stringify({ topic, partition: number, next, foreign })}\n`;
    if (this.#kept.get(keyOf(partition)) === text) return;
    await this.#store.put(this.#key(partition), new TextEncoder().encode(text), { signal });
    this.#kept.set(keyOf(partition), text);
  }

  #key({ topic, partition }: TopicPartition): string {
    const appId = formatAppId({ identity: this.#identity, topic, incarnation: 0, partition });
    return `_sluice/read/${recordName(appId)}.json`;
  }
}
