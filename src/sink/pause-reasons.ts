import type { ChangeSource, TopicPartition } from '../source/change-source.js';
import { keyOf } from './standing.js';

/**
 * Which partitions stand still, and because of whom: several tables can share a partition, and it goes on only
 * when none of them holds it any more.
 */
export class PauseReasons {
  readonly #source: Pick<ChangeSource, 'pause' | 'resume'>;
  readonly #byReason = new Map<string, readonly TopicPartition[]>();

  constructor(source: Pick<ChangeSource, 'pause' | 'resume'>) {
    this.#source = source;
  }

  pause(reason: string, partitions: readonly TopicPartition[]): void {
    if (partitions.length === 0) return;
    this.#byReason.set(reason, partitions);
    this.#source.pause(partitions);
  }

  resume(reason: string): void {
    const partitions = this.#byReason.get(reason) ?? [];
    this.#byReason.delete(reason);
    const held = new Set([...this.#byReason.values()].flat().map(keyOf));
    const free = partitions.filter((partition) => !held.has(keyOf(partition)));
    if (free.length > 0) this.#source.resume(free);
  }
}
