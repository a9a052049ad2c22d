import { DECIMAL_PRECISION_MAX } from './build.js';

const DAY_US = 86_400_000_000;
const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
/** The bounds of a 32-bit day count, years -5877641 to 5881580. */
const DAYS_MIN = -(2 ** 31);
const DAYS_MAX = 2 ** 31 - 1;

/** Whether Delta's timestamps (64-bit microseconds, years -290308 to 294247) hold the instant. */
export function fitsTimestamp(micros: bigint): boolean {
  return micros >= INT64_MIN && micros <= INT64_MAX;
}

/** Whether Delta's dates (32-bit days) hold the day. */
export function fitsDate(days: number): boolean {
  return Number.isInteger(days) && days >= DAYS_MIN && days <= DAYS_MAX;
}

/** Whether `unscaled` has at most `precision` digits. */
export function fitsDecimal(unscaled: bigint, precision: number): boolean {
  const bound = powerOfTen(precision);
  return unscaled < bound && -unscaled < bound;
}

/**
 * `YYYY-MM-DD`, proleptic Gregorian; a year outside 0000..9999 takes a sign and at least six digits, as in
 * ECMAScript.
 */
export function formatDate(days: number): string {
  // Days from 0000-03-01, so that a leap day ends its year; 146,097 days are 400 years.
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  const day = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1;
  return `${formatYear(year)}-${twoDigits(month)}-${twoDigits(day)}`;
}

/** `YYYY-MM-DDTHH:MM:SS.ffffff`, with `Z` behind it where `zoned`. */
export function formatTimestampMicros(micros: bigint, zoned: boolean): string {
  const dayUs = BigInt(DAY_US);
  const inDay = Number(((micros % dayUs) + dayUs) % dayUs);
  const days = Number((micros - BigInt(inDay)) / dayUs);
  const seconds = Math.floor(inDay / 1_000_000);
  const fraction = String(inDay % 1_000_000).padStart(6, '0');
  const time = `${twoDigits(Math.floor(seconds / 3600))}:${twoDigits(Math.floor(seconds / 60) % 60)}:${twoDigits(seconds % 60)}`;
  return `${formatDate(days)}T${time}.${fraction}${zoned ? 'Z' : ''}`;
}

/**
 * Days since 1970-01-01 of an ISO date. A year of more than four digits may stand without its sign.
 * Undefined where the text is no date, the day does not exist, or `fitsDate` says no.
 */
export function parseDate(text: string): number | undefined {
  const date = readDate(text);
  return date !== undefined && date.end === text.length && fitsDate(date.days) ? date.days : undefined;
}

/**
 * Microseconds since 1970-01-01T00:00:00 of an ISO date with or without a time: `T` or a space between
 * them, seconds optional, 1 to 9 digits of fraction (those past the sixth are cut off), then nothing,
 * `Z` or an offset (`+02`, `+02:00`, `+0200`, `+02:00:00`), which is taken off. A text without zone is
 * read as it stands. Undefined where the text is none of this, the time does not exist, or
 * `fitsTimestamp` says no.
 */
export function parseTimestampMicros(text: string): bigint | undefined {
  const date = readDate(text);
  if (date === undefined) return undefined;
  const time = readTime(text, date.end);
  if (time === undefined) return undefined;
  const micros = BigInt(date.days) * BigInt(DAY_US) + BigInt(time);
  return fitsTimestamp(micros) ? micros : undefined;
}

/** The decimal's digits with exactly `scale` of them behind the point, never an exponent. */
export function formatDecimal(unscaled: bigint, scale: number): string {
  if (scale === 0) return unscaled.toString();
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0');
  const point = digits.length - scale;
  return `${unscaled < 0n ? '-' : ''}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/** A decimal number: `unscaled` × 10^-`scale`. */
export type DecimalNumber = { readonly unscaled: bigint; readonly scale: number };

/** Beyond this an exponent stands for more zeros than any source has, and costs memory instead. */
const EXPONENT_MAX = 100_000;

/**
 * The number in a decimal literal, with or without an exponent, to the last digit; its scale is the
 * literal's, at least 0. Undefined for what is no finite number.
 */
export function parseDecimal(text: string): DecimalNumber | undefined {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,6}))?$/.exec(text);
  if (match === null) return undefined;
  const [, sign = '', whole = '', fraction = '', exponentText = '0'] = match;
  if (whole === '' && fraction === '') return undefined;
  const exponent = Number(exponentText);
  if (Math.abs(exponent) > EXPONENT_MAX) return undefined;
  const magnitude = BigInt(whole + fraction);
  const scale = fraction.length - exponent;
  const unscaled = scale < 0 ? magnitude * powerOfTen(-scale) : magnitude;
  return { unscaled: sign === '-' ? -unscaled : unscaled, scale: Math.max(0, scale) };
}

/** The same number with `toScale` digits behind the point, or undefined where a digit would be lost. */
export function rescaleDecimal(unscaled: bigint, fromScale: number, toScale: number): bigint | undefined {
  if (toScale >= fromScale) return unscaled * powerOfTen(toScale - fromScale);
  const divisor = powerOfTen(fromScale - toScale);
  return unscaled % divisor === 0n ? unscaled / divisor : undefined;
}

/** The same number with the smallest scale >= 0: one form for equal numbers. */
export function normaliseDecimal(unscaled: bigint, scale: number): DecimalNumber {
  let digits = unscaled;
  let left = scale;
  while (left > 0 && digits % 10n === 0n) {
    digits /= 10n;
    left--;
  }
  return { unscaled: digits, scale: left };
}

/** 10^`exponent`; those that a decimal column can need are made once. */
export function powerOfTen(exponent: number): bigint {
  return POWERS_OF_TEN[exponent] ?? 10n ** BigInt(exponent);
}

const POWERS_OF_TEN: readonly bigint[] = Array.from(
  { length: DECIMAL_PRECISION_MAX + 1 },
  (_, exponent) => 10n ** BigInt(exponent),
);

function formatYear(year: number): string {
  if (year >= 0 && year <= 9999) return String(year).padStart(4, '0');
  return (year < 0 ? '-' : '+') + String(Math.abs(year)).padStart(6, '0');
}

function twoDigits(n: number): string {
  return n < 10 ? `0${n}` : String(n);
}

/** Reads a date at the text's start: its day, and where it ends. */
function readDate(text: string): { days: number; end: number } | undefined {
  const first = text.charCodeAt(0);
  const negative = first === 0x2d;
  let at = negative || first === 0x2b ? 1 : 0;
  const yearAt = at;
  let year = 0;
  // Nine digits are more years than 32-bit days hold.
  for (; at - yearAt < 9; at++) {
    const digit = text.charCodeAt(at) - 0x30;
    if (!(digit >= 0 && digit <= 9)) break;
    year = year * 10 + digit;
  }
  if (at - yearAt < 4 || text.charCodeAt(at) !== 0x2d || text.charCodeAt(at + 3) !== 0x2d) return undefined;
  const month = readTwoDigits(text, at + 1);
  const day = readTwoDigits(text, at + 4);
  const signedYear = negative ? -year : year;
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(signedYear, month)) return undefined;
  return { days: daysOf(signedYear, month, day), end: at + 6 };
}

/** Microseconds of the day, less the offset, of a time with the letter before it; 0 for none. */
function readTime(text: string, start: number): number | undefined {
  if (start === text.length) return 0;
  const separator = text.charCodeAt(start);
  if (separator !== 0x54 && separator !== 0x20) return undefined;
  const hour = readTwoDigits(text, start + 1);
  const minute = readTwoDigits(text, start + 4);
  if (text.charCodeAt(start + 3) !== 0x3a || !(hour >= 0 && hour <= 23 && minute >= 0 && minute <= 59)) {
    return undefined;
  }
  let at = start + 6;
  let second = 0;
  let fractionUs = 0;
  if (text.charCodeAt(at) === 0x3a) {
    second = readTwoDigits(text, at + 1);
    if (!(second >= 0 && second <= 59)) return undefined;
    at += 3;
    if (text.charCodeAt(at) === 0x2e) {
      const digitsAt = ++at;
      for (let weight = 100_000; ; at++) {
        const digit = text.charCodeAt(at) - 0x30;
        if (!(digit >= 0 && digit <= 9)) break;
        fractionUs += digit * weight;
        weight = Math.floor(weight / 10);
      }
      if (at === digitsAt || at - digitsAt > 9) return undefined;
    }
  }
  const offsetSeconds = readOffset(text, at);
  if (offsetSeconds === undefined) return undefined;
  return (hour * 3600 + minute * 60 + second - offsetSeconds) * 1_000_000 + fractionUs;
}

/** Seconds east of UTC from the rest of the text, all of it; 0 for none. */
function readOffset(text: string, start: number): number | undefined {
  if (start === text.length) return 0;
  const rest = text.slice(start);
  if (rest === 'Z') return 0;
  const match = /^([+-])(\d\d)(?::?(\d\d)(?::?(\d\d))?)?$/.exec(rest);
  if (match === null) return undefined;
  const [, sign, hours, minutes = '0', seconds = '0'] = match;
  // 18 hours is the most that Java, and so Debezium and Spark, know.
  const offset = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
  if (Number(minutes) > 59 || Number(seconds) > 59 || offset > 18 * 3600) return undefined;
  return sign === '-' ? -offset : offset;
}

/** Two digits as a number, or NaN, which fails every comparison. */
function readTwoDigits(text: string, at: number): number {
  const tens = text.charCodeAt(at) - 0x30;
  const ones = text.charCodeAt(at + 1) - 0x30;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN;
}

function daysOf(year: number, month: number, day: number): number {
  const shiftedYear = month <= 2 ? year - 1 : year;
  const era = Math.floor(shiftedYear / 400);
  const yearOfEra = shiftedYear - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}
