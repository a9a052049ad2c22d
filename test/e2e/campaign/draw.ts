/** Choices drawn from a generator of numbers in [0, 1). */
export class Draw {
  readonly next: () => number;

  constructor(next: () => number) {
    this.next = next;
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** A whole number in [0, end). */
  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  /** A whole number in [first, last]. */
  between(first: number, last: number): number {
    return first + this.below(last - first + 1);
  }

  /** One of them; undefined if there is none. */
  of<T>(choices: readonly T[]): T | undefined {
    return choices[this.below(choices.length)];
  }

  shuffled<T>(items: readonly T[]): T[] {
    const tagged = items.map((item) => ({ item, at: this.next() }));
    return tagged.sort((a, b) => a.at - b.at).map(({ item }) => item);
  }
}
