import { SluiceError } from '../base/errors.js';
import { parseTimestampMicros } from '../schema/text-values.js';

/** A version of a table, or a moment: ISO text (without a zone: UTC) or a Date. */
export type Moment =
  | { readonly version: number; readonly timestamp?: never }
  | { readonly timestamp: string | Date; readonly version?: never };

/** The moment in ms since 1970; what is finer than that is cut, towards the past. `USAGE` for what is no moment. */
export function instantMs(timestamp: string | Date): number {
  const ms = timestamp instanceof Date ? timestamp.getTime() : textMs(timestamp);
  if (ms !== undefined && !Number.isNaN(ms)) return ms;
  throw new SluiceError('USAGE', `no moment: ${String(timestamp)}`, {
    hint: 'give a Date or a text such as 2026-01-31T12:00:00Z',
  });
}

function textMs(text: string): number | undefined {
  const micros = parseTimestampMicros(text);
  if (micros === undefined) return undefined;
  return Number((micros - (((micros % 1000n) + 1000n) % 1000n)) / 1000n);
}
