import { fitsDate, fitsTimestamp, formatTimestampMicros } from '../schema/text-values.js';
import { civilOf, daysInMonth, daysOf, joinMicros, splitMicros } from './calendar.js';

/**
 * The day that a text names as Spark's CAST reads it: `2020`, `2020-1` and `2020-01-31`, with anything behind a blank or a
 * `T`. Undefined for what names none.
 */
export function readDateText(text: string): number | undefined {
  const match = /^([+-]?)(\d{4,7})(?:-(\d{1,2})(?:-(\d{1,2})(?:[ T][^]*)?)?)?$/.exec(trimmed(text));
  if (match === null) return undefined;
  return dayOf(match[1], match[2], match[3], match[4]);
}

const TIMESTAMP =
  /^([+-]?)(\d{4,7})(?:-(\d{1,2})(?:-(\d{1,2})(?:[ T](?:(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d*))?)?)?(.*))?)?)?$/;

/**
 * The instant that a text names as Spark's CAST reads it: a date alone or with a time, which may end in a zone
 * (`Z`, `UTC`, `+02:00`); without one it is UTC. Undefined for what names none; names of places are no zones here.
 */
export function readTimestampText(text: string): bigint | undefined {
  const match = TIMESTAMP.exec(trimmed(text));
  if (match === null) return undefined;
  const [, sign, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', zone = ''] = match;
  const days = dayOf(sign, year, month, day);
  const offset = zoneSeconds(zone.trim());
  const [h, m, s] = [Number(hour), Number(minute), Number(second)];
  if (days === undefined || offset === undefined || h > 23 || m > 59 || s > 59) return undefined;
  if (zone !== '' && match[5] === undefined) return undefined;
  const inDay = (h * 3600 + m * 60 + s) * 1_000_000 + Number(fraction.slice(0, 6).padEnd(6, '0'));
  const micros = joinMicros(days, inDay) - BigInt(offset) * 1_000_000n;
  return fitsTimestamp(micros) ? micros : undefined;
}

function dayOf(
  sign: string | undefined,
  yearText: string | undefined,
  monthText = '1',
  dayText = '1',
): number | undefined {
  const year = Number(yearText) * (sign === '-' ? -1 : 1);
  const [month, day] = [Number(monthText), Number(dayText)];
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return undefined;
  const days = daysOf(year, month, day);
  return fitsDate(days) ? days : undefined;
}

/** Seconds east of UTC; 0 for no zone. */
function zoneSeconds(zone: string): number | undefined {
  if (zone === '' || zone === 'Z' || zone === 'UTC' || zone === 'GMT' || zone === 'UT') return 0;
  const match = /^(?:UTC|GMT|UT)?([+-])(\d{1,2})(?::(\d{1,2})(?::(\d{2}))?|(\d{2})(\d{2})?)?$/.exec(zone);
  if (match === null) return undefined;
  const [
    ,
    sign,
    hours,
    colonMinutes,
    colonSeconds,
    minutes = colonMinutes ?? '0',
    seconds = colonSeconds ?? '0',
  ] = match;
  const offset = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
  if (Number(minutes) > 59 || Number(seconds) > 59 || offset > 18 * 3600) return undefined;
  return sign === '-' ? -offset : offset;
}

/** Without what Java's `trim` takes away: blanks and controls at both ends. */
export function trimmed(text: string): string {
  let from = 0;
  let upTo = text.length;
  while (from < upTo && isBlank(text.charCodeAt(from))) from++;
  while (upTo > from && isBlank(text.charCodeAt(upTo - 1))) upTo--;
  return text.slice(from, upTo);
}

function isBlank(unit: number): boolean {
  return unit <= 0x20 || unit === 0x7f;
}

/** `2020-01-31` as Spark writes it: a year past 9999 with its sign, one before 0 with four digits at least. */
export function dateText(days: number): string {
  const { year, month, day } = civilOf(days);
  const digits = String(Math.abs(year)).padStart(4, '0');
  return `${year < 0 ? '-' : year > 9999 ? '+' : ''}${digits}-${two(month)}-${two(day)}`;
}

/** `2020-01-31 12:00:00.25` as Spark writes it: no zone, no zeros at the end of the fraction. */
export function timestampText(micros: bigint): string {
  const { days } = splitMicros(micros);
  const time = formatTimestampMicros(micros, false);
  const [seconds = '', fraction = ''] = time.slice(time.indexOf('T') + 1).split('.');
  const kept = fraction.replace(/0+$/, '');
  return `${dateText(days)} ${seconds}${kept === '' ? '' : `.${kept}`}`;
}

export function two(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}
