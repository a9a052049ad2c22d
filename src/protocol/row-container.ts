import { must } from '../base/errors.js';

/**
 * Up to 65,536 row numbers that share their high bits: a sorted array while they are few, else a bitmap.
 * Containers that a `RowSet` gives out are not changed any more.
 */
export type RowContainer =
  | { readonly kind: 'array'; readonly values: Uint16Array }
  | { readonly kind: 'bitmap'; readonly words: Uint32Array; readonly count: number };

/** Above this an array would be larger than the 8 KiB of a bitmap; the Roaring format fixes the same number. */
export const ARRAY_MAX = 4096;

const WORDS = 2048;

export function containerSize(container: RowContainer): number {
  return container.kind === 'array' ? container.values.length : container.count;
}

export function containerHas(container: RowContainer, low: number): boolean {
  if (container.kind === 'bitmap') return ((word(container.words, low >>> 5) >>> (low & 31)) & 1) === 1;
  const at = lowerBound(container.values, low);
  return container.values[at] === low;
}

/** Sorted low halves, each once, in a container of the form that their number asks for. */
export function containerOf(sorted: Uint16Array): RowContainer {
  if (sorted.length <= ARRAY_MAX) return { kind: 'array', values: sorted };
  const words = new Uint32Array(WORDS);
  for (const low of sorted) words[low >>> 5] = word(words, low >>> 5) | (1 << (low & 31));
  return { kind: 'bitmap', words, count: sorted.length };
}

/** A bitmap of 2048 words, in the form that its population asks for. */
export function containerOfWords(words: Uint32Array): RowContainer {
  let count = 0;
  for (const bits of words) count += popCount(bits);
  return count > ARRAY_MAX
    ? { kind: 'bitmap', words, count }
    : { kind: 'array', values: valuesOf(words, count) };
}

/** The low halves in order. */
export function containerValues(container: RowContainer): Uint16Array {
  return container.kind === 'array' ? container.values : valuesOf(container.words, container.count);
}

/** As a bitmap of 2048 words; a copy that may be changed. */
function containerWords(container: RowContainer): Uint32Array {
  if (container.kind === 'bitmap') return container.words.slice();
  const words = new Uint32Array(WORDS);
  for (const low of container.values) words[low >>> 5] = word(words, low >>> 5) | (1 << (low & 31));
  return words;
}

export function uniteContainers(a: RowContainer, b: RowContainer): RowContainer {
  if (a.kind === 'array' && b.kind === 'array') return containerOf(mergeSorted(a.values, b.values));
  const words = containerWords(a.kind === 'bitmap' ? a : b);
  const other = a.kind === 'bitmap' ? b : a;
  if (other.kind === 'array') {
    for (const low of other.values) words[low >>> 5] = word(words, low >>> 5) | (1 << (low & 31));
  } else {
    for (let i = 0; i < WORDS; i++) words[i] = word(words, i) | word(other.words, i);
  }
  return containerOfWords(words);
}

/** What is in `a` and not in `b`. */
export function subtractContainer(a: RowContainer, b: RowContainer): RowContainer {
  if (a.kind === 'array') return { kind: 'array', values: a.values.filter((low) => !containerHas(b, low)) };
  const words = containerWords(a);
  if (b.kind === 'array') {
    for (const low of b.values) words[low >>> 5] = word(words, low >>> 5) & ~(1 << (low & 31));
  } else {
    for (let i = 0; i < WORDS; i++) words[i] = word(words, i) & ~word(b.words, i);
  }
  return containerOfWords(words);
}

export function intersectContainers(a: RowContainer, b: RowContainer): RowContainer {
  if (a.kind === 'array') return { kind: 'array', values: a.values.filter((low) => containerHas(b, low)) };
  if (b.kind === 'array') return intersectContainers(b, a);
  const words = containerWords(a);
  for (let i = 0; i < WORDS; i++) words[i] = word(words, i) & word(b.words, i);
  return containerOfWords(words);
}

/** Whether they share a row, without making anything. */
export function containersMeet(a: RowContainer, b: RowContainer): boolean {
  if (a.kind === 'array') return a.values.some((low) => containerHas(b, low));
  if (b.kind === 'array') return containersMeet(b, a);
  for (let i = 0; i < WORDS; i++) if ((word(a.words, i) & word(b.words, i)) !== 0) return true;
  return false;
}

function valuesOf(words: Uint32Array, count: number): Uint16Array {
  const values = new Uint16Array(count);
  let at = 0;
  for (let i = 0; i < WORDS; i++) {
    for (let bits = word(words, i); bits !== 0; bits &= bits - 1) {
      values[at++] = (i << 5) | (31 - Math.clz32(bits & -bits));
    }
  }
  return values;
}

function mergeSorted(a: Uint16Array, b: Uint16Array): Uint16Array {
  const merged = new Uint16Array(a.length + b.length);
  let i = 0;
  let j = 0;
  let at = 0;
  while (i < a.length && j < b.length) {
    const x = must(a[i], 'a value');
    const y = must(b[j], 'a value');
    merged[at++] = x <= y ? x : y;
    if (x <= y) i++;
    if (y <= x) j++;
  }
  for (; i < a.length; i++) merged[at++] = must(a[i], 'a value');
  for (; j < b.length; j++) merged[at++] = must(b[j], 'a value');
  return merged.subarray(0, at);
}

function lowerBound(values: Uint16Array, low: number): number {
  let from = 0;
  let upTo = values.length;
  while (from < upTo) {
    const middle = (from + upTo) >>> 1;
    if ((values[middle] ?? 0) < low) from = middle + 1;
    else upTo = middle;
  }
  return from;
}

function popCount(bits: number): number {
  let n = bits - ((bits >>> 1) & 0x55555555);
  n = (n & 0x33333333) + ((n >>> 2) & 0x33333333);
  return (((n + (n >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24;
}

/** Typed arrays of 2048 words are never read past their end; the compiler cannot know. */
function word(words: Uint32Array, at: number): number {
  return words[at] ?? 0;
}
