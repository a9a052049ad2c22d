import type { Reader } from './config-def.js';

/** Any text. */
export const text: Reader<string> = (value) => ({ value });

/** Text with at least one character that is no space. */
export const nonEmpty: Reader<string> = (value) =>
  value.trim() === '' ? { problem: 'must not be empty' } : { value: value.trim() };

export const boolean: Reader<boolean> = (value) => {
  const word = value.trim().toLowerCase();
  return word === 'true' || word === 'false'
    ? { value: word === 'true' }
    : { problem: 'must be true or false' };
};

/** A comma-separated list; spaces around its parts don't count, empty parts are left out. */
export const list: Reader<readonly string[]> = (value) => ({
  value: value
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== ''),
});

/** A whole number of at least `min`. */
export function integer(min: number, max: number = Number.MAX_SAFE_INTEGER): Reader<number> {
  return (value) => {
    const number = /^[+-]?\d+$/.test(value.trim()) ? Number(value) : Number.NaN;
    if (Number.isSafeInteger(number) && number >= min && number <= max) return { value: number };
    const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
    return { problem: `must be a whole number ${range}` };
  };
}

const UNITS: Readonly<Record<string, number>> = { '': 1, b: 1, kib: 1024, mib: 1024 ** 2, gib: 1024 ** 3 };

/** A number of bytes, plain or with a unit: `67108864`, `64MiB`. */
export function bytes(min: number): Reader<number> {
  return (value) => {
    const found = /^(\d+)\s*([a-z]*)$/i.exec(value.trim());
    const unit = UNITS[(found?.[2] ?? '').toLowerCase()];
    const count = unit === undefined ? Number.NaN : Number(found?.[1]) * unit;
    if (Number.isSafeInteger(count) && count >= min) return { value: count };
    return { problem: `must be a number of bytes of at least ${min}, such as 67108864 or 64MiB` };
  };
}

/** One of some words, in any case. */
export function oneOf<const T extends string>(...words: readonly T[]): Reader<T> {
  return (value) => {
    const found = words.find((word) => word.toLowerCase() === value.trim().toLowerCase());
    return found === undefined ? { problem: `must be ${spoken(words)}` } : { value: found };
  };
}

/**
 * One of some words, of which only the first ones do something yet: the others are part of the configuration's
 * vocabulary and are refused as not available, never passed over in silence.
 */
export function oneOfAvailable<const T extends string>(
  available: readonly T[],
  later: readonly string[],
): Reader<T> {
  const known = oneOf(...available);
  return (value) => {
    const read = known(value);
    if ('value' in read || !later.includes(value.trim().toLowerCase())) return read;
    return { problem: `${value.trim()} is not available in this version; it takes ${spoken(available)}` };
  };
}

/** A regular expression that must match a whole name, as Kafka Connect's `topics.regex`. */
export const regex: Reader<RegExp> = (value) => {
  try {
    return { value: new RegExp(`^(?:${value})$`, 'u') };
  } catch (cause) {
    return { problem: `is no regular expression: ${cause instanceof Error ? cause.message : String(cause)}` };
  }
};

function spoken(words: readonly string[]): string {
  return words.length === 1 ? String(words[0]) : `${words.slice(0, -1).join(', ')} or ${words.at(-1) ?? ''}`;
}
