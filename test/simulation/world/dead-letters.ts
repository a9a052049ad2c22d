import type { DeadLetter, DeadLetters } from '../../../src/sink/dead-letters.js';
import type { ObjectStore } from '../../../src/storage/object-store.js';
import type { World } from './world.js';

/** Puts each letter into the store, which may take its time and fail. */
export class SimulatedDeadLetters implements DeadLetters {
  readonly #world: World;
  readonly #store: ObjectStore;

  constructor(world: World, store: ObjectStore) {
    this.#world = world;
    this.#store = store.at('_dead');
  }

  async write(letters: readonly DeadLetter[], signal: AbortSignal): Promise<void> {
    for (const { topic, partition, offset, problem } of letters) {
      const body = new TextEncoder().encode(JSON.stringify(problem));
      await this.#store.put(letterKey({ topic, partition, offset }), body, { signal });
      this.#world.history.note(`a letter about ${topic}:${partition} ${offset} is safe`);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

/** Where a record's letter lies below the folder of letters. */
export function letterKey(at: {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}): string {
  return `${at.topic}-${at.partition}-${at.offset}.json`;
}
