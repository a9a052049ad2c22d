import { seeded } from '../e2e/support/randomness.js';

/** Choices that are the same for the same seed. */
export class Dice {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = seeded(seed);
  }

  /** An integer in [from, to). */
  int(from: number, to: number): number {
    return from + Math.floor(this.#next() * (to - from));
  }

  chance(probability: number): boolean {
    return this.#next() < probability;
  }

  /** One of them; fails on none. */
  pick<T>(of: readonly T[]): T {
    const picked = of[this.int(0, of.length)];
    if (picked === undefined) throw new RangeError('nothing to choose from');
    return picked;
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.int(0, 256));
  }
}
