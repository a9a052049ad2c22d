/**
 * A set of safe integers, probed without building anything: open addressing over one typed array. Made for the inner
 * loop that looks every row of a key column up in a batch's keys.
 */
export class IntegerSet {
  #slots: Float64Array;
  #mask: number;
  #size = 0;

  constructor() {
    this.#slots = new Float64Array(CAPACITY_MIN).fill(EMPTY);
    this.#mask = CAPACITY_MIN - 1;
  }

  get size(): number {
    return this.#size;
  }

  add(key: number): void {
    // Half full at most: longer probes cost more than the memory saved.
    if ((this.#size + 1) * 2 > this.#slots.length) this.#grow();
    if (this.#put(key + 0)) this.#size++;
  }

  has(key: number): boolean {
    const slots = this.#slots;
    const mask = this.#mask;
    for (let at = hash(key) & mask; ; at = (at + 1) & mask) {
      const there = slots[at];
      if (there === key) return true;
      if (there !== there) return false;
    }
  }

  /** The keys in ascending order. */
  sorted(): Float64Array {
    return this.#slots.filter((key) => key === key).sort();
  }

  #put(key: number): boolean {
    const slots = this.#slots;
    for (let at = hash(key) & this.#mask; ; at = (at + 1) & this.#mask) {
      const there = slots[at];
      if (there === key) return false;
      if (there !== there) {
        slots[at] = key;
        return true;
      }
    }
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Float64Array(old.length * 2).fill(EMPTY);
    this.#mask = this.#slots.length - 1;
    for (const key of old) {
      if (key === key) this.#put(key);
    }
  }
}

/** The one number that is no integer and does not equal itself. */
const EMPTY = NaN;
const CAPACITY_MIN = 1024;

/** Mixes both halves of the integer; consecutive keys, the usual case, spread over neighbouring slots. */
function hash(key: number): number {
  const low = key | 0;
  const high = Math.floor(key / 4294967296) | 0;
  const mixed = Math.imul(low ^ Math.imul(high, 0x85ebca6b), 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
}
