import type { SourceEvent, TopicPartition } from '../source/change-source.js';
import { keyOf } from './standing.js';

/**
 * Keeps what is asked about an assignment in line with what is heard of it. The source asks where a partition
 * begins as soon as it has handed its assignment over, while events before that one may still wait to be handled; the
 * answer waits until they have been, so that no batch of an earlier assignment is taken for one of this.
 */
export class AssignmentTurns {
  readonly #handed = new Map<string, number>();
  readonly #handled = new Map<string, number>();
  readonly #waiting = new Set<() => void>();

  /** An event came out of the source. */
  handed(event: SourceEvent): void {
    for (const key of assignedIn(event).map(keyOf)) this.#handed.set(key, (this.#handed.get(key) ?? 0) + 1);
  }

  /** It, and all before it, have been dealt with. */
  handled(event: SourceEvent): void {
    for (const partition of assignedIn(event)) {
      const key = keyOf(partition);
      this.#handled.set(key, (this.#handled.get(key) ?? 0) + 1);
    }
    for (const look of this.#waiting) look();
  }

  /** Resolves when every assignment of the partition that was handed over by now has been dealt with. */
  async caughtUp(partition: TopicPartition): Promise<void> {
    const key = keyOf(partition);
    const turn = this.#handed.get(key) ?? 0;
    const reached = () => (this.#handled.get(key) ?? 0) >= turn;
    if (reached()) return;
    await new Promise<void>((resolve) => {
      const look = () => {
        if (!reached()) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
    });
  }

  /**
   * Whether an assignment of the partition was handed over that has not been dealt with: what is known of the partition
   * is an earlier one's, and the source is not to be sent anywhere by it.
   */
  isBehind(partition: TopicPartition): boolean {
    const key = keyOf(partition);
    return (this.#handed.get(key) ?? 0) > (this.#handled.get(key) ?? 0);
  }
}

function assignedIn(event: SourceEvent): readonly TopicPartition[] {
  return event.kind === 'assigned' ? event.partitions : [];
}
