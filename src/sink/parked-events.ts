import type { TopicPartition } from '../source/change-source.js';
import type { HeldSlice } from './held-slices.js';
import type { LaneEvent } from './lane-state.js';
import { keyOf } from './standing.js';

/** An event that came before its partition's place in the table was known, and the slice it brought. */
export type ParkedEvent = {
  readonly event: LaneEvent & TopicPartition;
  readonly held: HeldSlice | undefined;
};

/** Events kept aside, in the order they came. */
export class ParkedEvents {
  #events: readonly ParkedEvent[] = [];

  add(parked: ParkedEvent): void {
    this.#events = [...this.#events, parked];
  }

  /** Hands out, and forgets, those of these partitions. */
  take(partitions: readonly TopicPartition[]): readonly ParkedEvent[] {
    const keys = new Set(partitions.map(keyOf));
    const taken = this.#events.filter(({ event }) => keys.has(keyOf(event)));
    this.#events = this.#events.filter(({ event }) => !keys.has(keyOf(event)));
    return taken;
  }

  /** Lets go of those of these partitions. */
  drop(partitions: readonly TopicPartition[]): void {
    for (const { held } of this.take(partitions)) held?.lease.release();
  }

  /** Lets go of all that is to come again, which is all but the news that nothing will. */
  letGo(): void {
    const halts = this.#events.filter(({ event }) => event.kind === 'halt');
    this.dropAll();
    this.#events = halts;
  }

  dropAll(): void {
    this.drop(this.#events.map(({ event }) => event));
  }
}
