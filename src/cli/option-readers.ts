import { InvalidArgumentError } from 'commander';
import { parseTimestampMicros } from '../schema/text-values.js';

/** A table version, or a moment in ms since 1970. */
export type MomentArgument =
  | { readonly kind: 'version'; readonly version: number }
  | { readonly kind: 'time'; readonly timestampMs: number };

/** A whole number that is not negative, for Commander. */
export function wholeNumber(text: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value)) return value;
  throw new InvalidArgumentError('It is no whole number.');
}

/** ISO text; without a zone it is UTC. */
export function time(text: string): number {
  const micros = parseTimestampMicros(text.trim());
  if (micros === undefined) throw new InvalidArgumentError('It is no time such as 2026-01-31T12:00:00Z.');
  // Towards the past, so that a commit of the same millisecond is not taken for a later one.
  return Number((micros - (((micros % 1000n) + 1000n) % 1000n)) / 1000n);
}

/** A version, or a time. */
export function versionOrTime(text: string): MomentArgument {
  if (/^\d+$/.test(text)) return { kind: 'version', version: wholeNumber(text) };
  try {
    return { kind: 'time', timestampMs: time(text) };
  } catch {
    throw new InvalidArgumentError('It is neither a version nor a time such as 2026-01-31T12:00:00Z.');
  }
}

/** Names with commas between them; a name that holds a comma cannot be given. */
export function names(text: string): readonly string[] {
  const found = text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  if (found.length > 0) return found;
  throw new InvalidArgumentError('It names no column.');
}

/** `key=value`, gathered over several options. */
export function setting(text: string, before: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const at = text.indexOf('=');
  if (at <= 0) throw new InvalidArgumentError('It takes key=value.');
  return new Map([...before, [text.slice(0, at).trim(), text.slice(at + 1)]]);
}
