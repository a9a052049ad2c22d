import { assert } from '../../base/errors.js';
import type { DataType, StructField, Value } from '../../schema/types.js';
import { compareValues, hasOrder } from './compare-values.js';
import { IntegerSet } from './integer-set.js';

/** Least and greatest value of one key column. */
export type KeyRange = { readonly min: Value; readonly max: Value };

/** The keys of a batch, as the merge engine looks them up. */
export interface KeySet {
  readonly size: number;
  /** `key` is the text of `schema/key-text`. */
  has(key: string): boolean;
  /** A range for each key column in order; undefined if nothing is known (no file is ruled out then). */
  bounds(): readonly KeyRange[] | undefined;
  /**
   * Whether a key may lie inside these ranges (one for each key column, undefined where a file tells nothing). `false`
   * is a proof. Without it the ranges are compared with `bounds()`.
   */
  mayHave?(ranges: readonly (KeyRange | undefined)[]): boolean;
  /** For one integer key column: the same set by number. Knows every key that is a safe integer. */
  readonly numbers?: { has(key: number): boolean } | undefined;
}

/** Where a caller keeps the texts of the keys anyway. */
export type KeyTexts = { readonly size: number; has(key: string): boolean };

/** Collects the keys of a batch; a key added twice is one key. */
export class KeySetBuilder implements KeySet {
  readonly #columns: readonly StructField[];
  /** The caller's texts, if it keeps them; else our own. */
  readonly #texts: KeyTexts;
  readonly #own: Set<string> | undefined;
  #count = 0;
  readonly #min: Value[] = [];
  readonly #max: Value[] = [];
  /** The values of the keys, as long as there are few of them; undefined once there are many. */
  #values: (readonly Value[])[] | undefined = [];
  #sorted: (readonly Value[])[] | undefined;
  readonly #integers: IntegerSet | undefined;
  /** Whether every key is a safe integer, so that the integers alone prove an absence. */
  #integersOnly = true;
  #sortedIntegers: Float64Array | undefined;
  /** Bounds of the keys added by number since they were last asked for. */
  #leastInteger = Infinity;
  #greatestInteger = -Infinity;

  /** With `texts`, the caller adds each key once and lets this set look its texts up there. */
  constructor(columns: readonly StructField[], texts?: KeyTexts) {
    this.#columns = columns;
    this.#own = texts === undefined ? new Set() : undefined;
    this.#texts = texts ?? this.#own ?? new Set();
    const [first] = columns;
    if (columns.length === 1 && first !== undefined && isInteger(first.type))
      this.#integers = new IntegerSet();
  }

  get size(): number {
    return this.#texts.size;
  }

  get numbers(): { has(key: number): boolean } | undefined {
    return this.#integers;
  }

  /** `text` is the key's text, `values` its values in the order of the columns; none of them is null. */
  add(text: string, values: readonly Value[]): void {
    if (this.#own?.has(text) === true) return;
    this.#own?.add(text);
    const size = this.#count++;
    assert(values.length === this.#columns.length, 'a key has a value for each key column');
    if (this.#integers !== undefined) this.#addInteger(this.#integers, values[0] ?? null);
    for (let i = 0; i < values.length; i++) this.#widen(i, values[i] ?? null, this.#min.length <= i);
    if (this.#integers !== undefined) return;
    if (size >= VALUES_MAX) this.#values = undefined;
    this.#values?.push(values);
    this.#sorted = undefined;
  }

  /** A new key of one integer column, by its number: nothing is built for it. Only with the caller's own texts. */
  addInteger(key: number): void {
    const integers = this.#integers;
    assert(
      integers !== undefined && this.#own === undefined,
      'keys are added by number where texts are kept outside',
    );
    integers.add(key);
    this.#sortedIntegers = undefined;
    this.#count++;
    if (key < this.#leastInteger) this.#leastInteger = key;
    if (key > this.#greatestInteger) this.#greatestInteger = key;
  }

  has(key: string): boolean {
    return this.#texts.has(key);
  }

  bounds(): readonly KeyRange[] | undefined {
    if (this.#count === 0) return undefined;
    this.#widenByIntegers();
    return this.#columns.map((_, i) => ({ min: this.#min[i] ?? null, max: this.#max[i] ?? null }));
  }

  mayHave(ranges: readonly (KeyRange | undefined)[]): boolean {
    if (this.#count === 0) return false;
    this.#widenByIntegers();
    if (!this.#mayMeet(ranges)) return false;
    if (this.#integers !== undefined) {
      return !this.#integersOnly || this.#mayHaveInteger(this.#integers, ranges[0]);
    }
    return this.#mayHaveValues(ranges);
  }

  /** Brings the keys that came by number into the bounds, as values of the column's type. */
  #widenByIntegers(): void {
    const [column] = this.#columns;
    if (column === undefined || this.#greatestInteger < this.#leastInteger) return;
    const isLong = column.type.kind === 'primitive' && column.type.name === 'long';
    for (const key of [this.#leastInteger, this.#greatestInteger]) {
      this.#widen(0, isLong ? BigInt(key) : key, this.#min.length === 0);
    }
    this.#leastInteger = Infinity;
    this.#greatestInteger = -Infinity;
  }

  #widen(part: number, value: Value, first: boolean): void {
    const toMin = first ? -1 : compareValues(value, this.#min[part] ?? null);
    const toMax = first ? 1 : compareValues(value, this.#max[part] ?? null);
    const column = this.#columns[part];
    assert(
      column !== undefined && (toMin === toMin || !hasOrder(column.type)),
      () => `a key value that is not of the type of column ${column?.name}`,
    );
    if (toMin < 0) this.#min[part] = value;
    if (toMax > 0) this.#max[part] = value;
  }

  #addInteger(integers: IntegerSet, value: Value): void {
    const number = typeof value === 'bigint' ? Number(value) : value;
    if (typeof number === 'number' && Number.isSafeInteger(number)) integers.add(number);
    else this.#integersOnly = false;
    this.#sortedIntegers = undefined;
  }

  #mayMeet(ranges: readonly (KeyRange | undefined)[]): boolean {
    return !this.#columns.some(({ type }, i) => {
      const range = ranges[i];
      if (range === undefined || !hasOrder(type)) return false;
      const below = compareValues(range.max, this.#min[i] ?? null) < 0;
      return below || compareValues(range.min, this.#max[i] ?? null) > 0;
    });
  }

  #mayHaveInteger(integers: IntegerSet, range: KeyRange | undefined): boolean {
    if (range === undefined) return true;
    this.#sortedIntegers ??= integers.sorted();
    const sorted = this.#sortedIntegers;
    const min = Number(range.min);
    const at = firstAtLeast(sorted.length, (i) => (sorted[i] ?? NaN) >= min);
    return at < sorted.length && (sorted[at] ?? NaN) <= Number(range.max);
  }

  /** Tests the keys one by one: those of which the first part lies in its range, found in the sorted keys. */
  #mayHaveValues(ranges: readonly (KeyRange | undefined)[]): boolean {
    const [column] = this.#columns;
    const [range] = ranges;
    if (this.#values === undefined || column === undefined) return true;
    if (range === undefined || !hasOrder(column.type)) return this.#someInside(this.#values, 0, ranges);
    this.#sorted ??= this.#values.toSorted((a, b) => compareValues(a[0] ?? null, b[0] ?? null));
    const sorted = this.#sorted;
    const from = firstAtLeast(sorted.length, (i) => compareValues(sorted[i]?.[0] ?? null, range.min) >= 0);
    return this.#someInside(sorted, from, ranges);
  }

  #someInside(
    keys: readonly (readonly Value[])[],
    from: number,
    ranges: readonly (KeyRange | undefined)[],
  ): boolean {
    const first = this.#sorted === keys ? ranges[0] : undefined;
    for (let i = from; i < keys.length; i++) {
      const key = keys[i] ?? [];
      if (first !== undefined && compareValues(key[0] ?? null, first.max) > 0) return false;
      if (this.#columns.every(({ type }, part) => mayLieIn(type, key[part] ?? null, ranges[part])))
        return true;
      // A file is not worth more tests than this: opening it is always right.
      if (i - from >= TESTS_MAX) return true;
    }
    return false;
  }
}

/** Keys whose values are kept to test them against files one by one; above it only the ranges are. */
const VALUES_MAX = 65_536;
const TESTS_MAX = 1_024;

function mayLieIn(type: DataType, value: Value, range: KeyRange | undefined): boolean {
  if (range === undefined || !hasOrder(type)) return true;
  return !(compareValues(value, range.min) < 0 || compareValues(value, range.max) > 0);
}

function isInteger(type: DataType): boolean {
  if (type.kind !== 'primitive') return false;
  return type.name === 'long' || type.name === 'integer' || type.name === 'short' || type.name === 'byte';
}

/** The first index in `[0, length)` for which the test holds, as it does for all after it; else `length`. */
function firstAtLeast(length: number, holds: (index: number) => boolean): number {
  let from = 0;
  let upTo = length;
  while (from < upTo) {
    const middle = (from + upTo) >>> 1;
    if (holds(middle)) upTo = middle;
    else from = middle + 1;
  }
  return from;
}
