import { unreachable } from '../../base/errors.js';
import { parseDate, parseTimestampMicros } from '../../schema/text-values.js';
import type { TimeUnit } from '../../schema/type-text.js';

/** A date or instant that its column cannot hold: an infinity, or beyond the years that Delta and Spark know. */
export const OUT_OF_RANGE = 'out of range';

/**
 * Days of -290308-01-01 and 294247-12-31. Delta's dates reach further, but Spark takes dates through
 * 64-bit microseconds in many places, so these are the years that everyone can read.
 */
const DAYS_MIN = -106_752_347;
const DAYS_MAX = 106_752_346;

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

/**
 * PostgreSQL's infinities as its JDBC driver gives them, which Debezium passes on whatever the unit (Debezium
 * docs, PostgreSQL connector, "Temporal values"); in nanoseconds they are the ends of 64 bits.
 */
const INFINITY = 9_223_372_036_825_200_000n;
const NEGATIVE_INFINITY = -9_223_372_036_832_400_000n;

/** `days` if a date column can hold it. */
export function dateOfDays(days: number): number | typeof OUT_OF_RANGE {
  return days >= DAYS_MIN && days <= DAYS_MAX ? days : OUT_OF_RANGE;
}

/** Microseconds of a count since 1970; what nanoseconds have beyond them is cut off towards the past. */
export function microsOf(count: bigint, unit: TimeUnit): bigint | typeof OUT_OF_RANGE {
  if (count === INFINITY || count === NEGATIVE_INFINITY || count === INT64_MAX || count === INT64_MIN) {
    return OUT_OF_RANGE;
  }
  switch (unit) {
    case 'SECONDS':
      return fitting(count * 1_000_000n);
    case 'MILLIS':
      return fitting(count * 1000n);
    case 'MICROS':
      return fitting(count);
    case 'NANOS': {
      const cut = count / 1000n;
      return fitting(count < 0n && cut * 1000n !== count ? cut - 1n : cut);
    }
    default:
      return unreachable(unit);
  }
}

/** Days of an ISO date, as Debezium writes it (`1957-06-30Z`) or plain; undefined if it is none. */
export function dateOfText(text: string): number | typeof OUT_OF_RANGE | undefined {
  const plain = text.endsWith('Z') ? text.slice(0, -1) : text;
  const days = parseDate(plain);
  if (days !== undefined) return dateOfDays(days);
  return isFarText(plain) ? OUT_OF_RANGE : undefined;
}

/** Microseconds of an ISO date and time, an offset taken off; undefined if it is none. */
export function microsOfText(text: string): bigint | typeof OUT_OF_RANGE | undefined {
  return parseTimestampMicros(text) ?? (isFarText(text) ? OUT_OF_RANGE : undefined);
}

/** `infinity`, or an ISO date whose year is beyond all that columns hold. */
function isFarText(text: string): boolean {
  if (text === 'infinity' || text === '-infinity') return true;
  const year = /^[+-]?(\d{6,10})-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d(?::?\d\d)?)?)?$/.exec(text)?.[1];
  return year !== undefined && Number(year) >= 290_000;
}

function fitting(micros: bigint): bigint | typeof OUT_OF_RANGE {
  return micros >= INT64_MIN && micros <= INT64_MAX ? micros : OUT_OF_RANGE;
}

const PER_SECOND: Readonly<Record<TimeUnit, bigint>> = {
  SECONDS: 1n,
  MILLIS: 1000n,
  MICROS: 1_000_000n,
  NANOS: 1_000_000_000n,
};
const FRACTION_DIGITS: Readonly<Record<TimeUnit, number>> = { SECONDS: 0, MILLIS: 3, MICROS: 6, NANOS: 9 };

/**
 * A time of day as ISO text without needless zeros: `08:09:10.5`, `08:09:00`. Hours go beyond 23 and the sign may be
 * negative, for MySQL's times are durations.
 */
export function formatTime(count: bigint, unit: TimeUnit): string {
  const perSecond = PER_SECOND[unit];
  const magnitude = count < 0n ? -count : count;
  const seconds = magnitude / perSecond;
  const digits = FRACTION_DIGITS[unit];
  const fraction =
    digits === 0 ? '' : (magnitude % perSecond).toString().padStart(digits, '0').replace(/0+$/, '');
  const clock = [seconds / 3600n, (seconds / 60n) % 60n, seconds % 60n].map((n) =>
    n.toString().padStart(2, '0'),
  );
  return `${count < 0n ? '-' : ''}${clock.join(':')}${fraction === '' ? '' : `.${fraction}`}`;
}

/** A time of day that came as ISO text, in the form of `formatTime`: without zone letter and needless zeros. */
export function trimTime(text: string): string {
  const plain = text.endsWith('Z') ? text.slice(0, -1) : text;
  const full = /^\d\d:\d\d$/.test(plain) ? `${plain}:00` : plain;
  return full.includes('.') ? full.replace(/\.?0+$/, '') : full;
}

/** Microseconds of a time of day. Undefined where nanoseconds would be lost. */
export function timeMicros(count: bigint, unit: TimeUnit): bigint | undefined {
  const scaled = count * 1_000_000n;
  return scaled % PER_SECOND[unit] === 0n ? scaled / PER_SECOND[unit] : undefined;
}
