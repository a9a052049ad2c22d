/**
 * Numbers that look random and follow from a seed alone. Each part of the world draws from a fork of its own, so that a
 * part that draws more or less, or is switched off, leaves the others' draws as they were.
 */
export class Chance {
  readonly #seed: string;
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(seed: string) {
    this.#seed = seed;
    [this.#a, this.#b, this.#c, this.#d] = wordsOf(seed);
    for (let i = 0; i < 12; i++) this.next();
  }

  /** Draws that depend on this one's seed and the name, and on nothing else. */
  fork(name: string): Chance {
    return new Chance(`${this.#seed}/${name}`);
  }

  /** In [0, 1). Small fast counter (sfc32): full period, 32 bits a draw. */
  next(): number {
    const sum = (this.#a + this.#b + this.#d) | 0;
    this.#d = (this.#d + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    this.#c |= 0;
    return (sum >>> 0) / 4_294_967_296;
  }

  /** An integer in [0, below). */
  below(below: number): number {
    return Math.floor(this.next() * below);
  }

  /** An integer from `low` to `high`, both among them. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  happens(probability: number): boolean {
    return this.next() < probability;
  }

  /** Undefined only for an empty list. */
  pick<T>(from: readonly T[]): T | undefined {
    return from[this.below(from.length)];
  }

  /** One of several, never nothing. */
  oneOf<T>(first: T, ...others: readonly T[]): T {
    return [first, ...others][this.below(others.length + 1)] ?? first;
  }

  shuffled<T>(list: readonly T[]): T[] {
    const result = [...list];
    for (let i = result.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      const [one, other] = [result[i], result[j]];
      if (one !== undefined && other !== undefined) [result[i], result[j]] = [other, one];
    }
    return result;
  }

  /** Text of hex digits in a UUID's form. */
  uuid(): `${string}-${string}-${string}-${string}-${string}` {
    const hex = (digits: number): string => {
      let text = '';
      while (text.length < digits) text += this.below(0x1_0000).toString(16).padStart(4, '0');
      return text.slice(0, digits);
    };
    return `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(12)}`;
  }
}

/** Four words of a text: FNV-1a with four offsets. */
function wordsOf(text: string): [number, number, number, number] {
  const words: [number, number, number, number] = [0x811c9dc5, 0x9e3779b9, 0x85ebca6b, 0xc2b2ae35];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    words[0] = Math.imul(words[0] ^ code, 0x01000193);
    words[1] = Math.imul(words[1] ^ (code + i), 0x01000193);
    words[2] = Math.imul(words[2] + code, 0x85ebca77);
    words[3] = Math.imul(words[3] ^ (code << 3), 0x27d4eb2f);
  }
  return words;
}
