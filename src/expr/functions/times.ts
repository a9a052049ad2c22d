import { DATE, decimal, INTEGER, LONG, STRING, TIMESTAMP } from '../../schema/build.js';
import { fitsDate, fitsTimestamp } from '../../schema/text-values.js';
import type { Value } from '../../schema/types.js';
import {
  civilOf,
  daysInMonth,
  daysOf,
  isoDayOfWeek,
  joinMicros,
  plusMonths,
  splitMicros,
} from '../calendar.js';
import { compilePattern, type DatePattern } from '../date-pattern.js';
import { isTime, scalarName } from '../types.js';
import { big, fixed, number, text, type Resolve } from './define.js';

const ofDay = (apply: (days: number) => number): Resolve =>
  fixed([DATE], INTEGER, ([days]) => apply(number(days)));

const ofTime = (apply: (inDay: number) => number): Resolve =>
  fixed([TIMESTAMP], INTEGER, ([micros]) => apply(splitMicros(big(micros)).inDay));

const DAY_PARTS: Readonly<Record<string, (days: number) => number>> = {
  year: (days) => civilOf(days).year,
  quarter: (days) => Math.ceil(civilOf(days).month / 3),
  month: (days) => civilOf(days).month,
  day: (days) => civilOf(days).day,
  dayofyear: (days) => days - daysOf(civilOf(days).year, 1, 1) + 1,
  dayofweek: (days) => (isoDayOfWeek(days) % 7) + 1,
  weekday: (days) => isoDayOfWeek(days) - 1,
  weekofyear: (days) => {
    // A week belongs to the year of its Thursday.
    const thursday = days - isoDayOfWeek(days) + 4;
    return Math.floor((thursday - daysOf(civilOf(thursday).year, 1, 1)) / 7) + 1;
  },
};

const TIME_PARTS: Readonly<Record<string, (inDay: number) => number>> = {
  hour: (inDay) => Math.floor(inDay / 3_600_000_000),
  minute: (inDay) => Math.floor(inDay / 60_000_000) % 60,
  second: (inDay) => Math.floor(inDay / 1_000_000) % 60,
};

const PART_NAMES: Readonly<Record<string, string>> = {
  years: 'year',
  y: 'year',
  yr: 'year',
  qtr: 'quarter',
  months: 'month',
  mon: 'month',
  days: 'day',
  d: 'day',
  week: 'weekofyear',
  weeks: 'weekofyear',
  w: 'weekofyear',
  doy: 'dayofyear',
  dow: 'dayofweek',
  dayofweek_iso: 'isodow',
  dow_iso: 'isodow',
  hours: 'hour',
  h: 'hour',
  minutes: 'minute',
  min: 'minute',
  seconds: 'second',
  s: 'second',
};

/** `EXTRACT(part FROM x)`: seconds come with their fraction. */
const extract: Resolve = ({ types, literals }) => {
  const [part] = literals;
  if (types.length !== 2 || typeof part !== 'string') return undefined;
  const name = PART_NAMES[part.toLowerCase()] ?? part.toLowerCase();
  if (name === 'second') {
    const apply = ([, micros]: readonly Value[]) => BigInt(splitMicros(big(micros)).inDay % 60_000_000);
    return { params: [STRING, TIMESTAMP], result: decimal(8, 6), apply };
  }
  const ofInDay = Object.hasOwn(TIME_PARTS, name) ? TIME_PARTS[name] : undefined;
  if (ofInDay !== undefined) {
    const apply = ([, micros]: readonly Value[]) => ofInDay(splitMicros(big(micros)).inDay);
    return { params: [STRING, TIMESTAMP], result: INTEGER, apply };
  }
  const ofDays =
    name === 'isodow' ? isoDayOfWeek : Object.hasOwn(DAY_PARTS, name) ? DAY_PARTS[name] : undefined;
  return ofDays && { params: [STRING, DATE], result: INTEGER, apply: ([, days]) => ofDays(number(days)) };
};

type Unit = 'year' | 'quarter' | 'month' | 'week' | 'day';

const UNITS: Readonly<Record<string, Unit>> = {
  YEAR: 'year',
  YYYY: 'year',
  YY: 'year',
  QUARTER: 'quarter',
  MONTH: 'month',
  MM: 'month',
  MON: 'month',
  WEEK: 'week',
  DAY: 'day',
  DD: 'day',
};

const SHORT_UNITS: Readonly<Record<string, number>> = {
  HOUR: 3_600_000_000,
  MINUTE: 60_000_000,
  SECOND: 1_000_000,
  MILLISECOND: 1000,
  MICROSECOND: 1,
};

function startOf(days: number, unit: Unit): number {
  const { year, month } = civilOf(days);
  switch (unit) {
    case 'year':
      return daysOf(year, 1, 1);
    case 'quarter':
      return daysOf(year, month - ((month - 1) % 3), 1);
    case 'month':
      return daysOf(year, month, 1);
    case 'week':
      return days - isoDayOfWeek(days) + 1;
    case 'day':
      return days;
  }
}

function truncated(unitText: string, micros: bigint): Value {
  const name = unitText.toUpperCase();
  const { days, inDay } = splitMicros(micros);
  const unit = Object.hasOwn(UNITS, name) ? UNITS[name] : undefined;
  if (unit !== undefined) return instant(joinMicros(startOf(days, unit), 0));
  const step = Object.hasOwn(SHORT_UNITS, name) ? SHORT_UNITS[name] : undefined;
  return step === undefined ? null : joinMicros(days, inDay - (inDay % step));
}

function day(days: number): Value {
  return fitsDate(days) ? days : null;
}

function instant(micros: bigint): Value {
  return fitsTimestamp(micros) ? micros : null;
}

/** A date where the text or time has one; with a pattern, as that says. */
const toDate: Resolve = ({ types, literals }) => {
  if (types.length === 1) return { params: [DATE], result: DATE, apply: ([days]) => days ?? null };
  const read = patternReader(literals[1]);
  if (read === undefined || types.length !== 2) return undefined;
  return {
    params: [STRING, STRING],
    result: DATE,
    apply: ([value]) => {
      const micros = read.parse(text(value));
      return micros === undefined ? null : splitMicros(micros).days;
    },
  };
};

const toTimestamp: Resolve = ({ types, literals }) => {
  if (types.length === 1)
    return { params: [TIMESTAMP], result: TIMESTAMP, apply: ([micros]) => micros ?? null };
  const read = patternReader(literals[1]);
  if (read === undefined || types.length !== 2) return undefined;
  const apply = ([value]: readonly Value[]) => read.parse(text(value)) ?? null;
  return { params: [STRING, STRING], result: TIMESTAMP, apply };
};

/** Patterns are literals: they are read once, and an odd one is refused before any row is seen. */
function patternReader(literal: Value | undefined): DatePattern | undefined {
  return typeof literal === 'string' ? compilePattern(literal) : undefined;
}

const dateFormat: Resolve = ({ types, literals }) => {
  const pattern = patternReader(literals[1]);
  if (pattern === undefined || types.length !== 2) return undefined;
  return { params: [TIMESTAMP, STRING], result: STRING, apply: ([micros]) => pattern.format(big(micros)) };
};

/** Seconds since 1970; of a text, read by its pattern. */
const unixTimestamp: Resolve = ({ types, literals }) => {
  const [type] = types;
  if (type === undefined || types.length > 2) return undefined;
  if (isTime(scalarName(type))) {
    const params = types.length === 1 ? [TIMESTAMP] : [TIMESTAMP, STRING];
    return { params, result: LONG, apply: ([micros]) => floorDivide(big(micros), 1_000_000n) };
  }
  const read = patternReader(types.length === 1 ? 'yyyy-MM-dd HH:mm:ss' : literals[1]);
  if (read === undefined) return undefined;
  const apply = ([value]: readonly Value[]): Value => {
    const micros = read.parse(text(value));
    return micros === undefined ? null : floorDivide(micros, 1_000_000n);
  };
  return { params: types.map(() => STRING), result: LONG, apply };
};

const fromUnixTime: Resolve = ({ types, literals }) => {
  const pattern = patternReader(types.length === 1 ? 'yyyy-MM-dd HH:mm:ss' : literals[1]);
  if (pattern === undefined || types.length > 2) return undefined;
  const apply = ([seconds]: readonly Value[]): Value => {
    const micros = big(seconds) * 1_000_000n;
    return fitsTimestamp(micros) ? pattern.format(micros) : null;
  };
  return { params: [LONG, STRING].slice(0, types.length), result: STRING, apply };
};

const fromUnits = (factor: bigint): Resolve =>
  fixed([LONG], TIMESTAMP, ([count]) => instant(big(count) * factor));

const toUnits = (divisor: bigint): Resolve =>
  fixed([TIMESTAMP], LONG, ([micros]) => floorDivide(big(micros), divisor));

function floorDivide(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  return value < 0n && quotient * by !== value ? quotient - 1n : quotient;
}

const WEEKDAYS = ['mo', 'tu', 'we', 'th', 'fr', 'sa', 'su'];

function nextDay(days: number, name: string): Value {
  const wanted = /^(?:mon?|tue?|wed?|thu?|fri?|sat?|sun?|[a-z]+day)$/i.test(name)
    ? WEEKDAYS.indexOf(name.slice(0, 2).toLowerCase())
    : -1;
  if (wanted < 0) return null;
  return day(days + ((wanted + 1 - isoDayOfWeek(days) + 6) % 7) + 1);
}

function makeDate(year: number, month: number, dayOfMonth: number): Value {
  if (month < 1 || month > 12 || dayOfMonth < 1 || dayOfMonth > daysInMonth(year, month)) return null;
  return day(daysOf(year, month, dayOfMonth));
}

const plusDays: Resolve = fixed([DATE, INTEGER], DATE, ([days, count]) => (number(days) + number(count)) | 0);
const daysBetween: Resolve = fixed([DATE, DATE], INTEGER, ([end, start]) => number(end) - number(start));

export const TIME_FUNCTIONS: readonly (readonly [string, Resolve])[] = [
  ...Object.entries(DAY_PARTS).map(([name, apply]) => [name, ofDay(apply)] as const),
  ['dayofmonth', ofDay((days) => civilOf(days).day)],
  ...Object.entries(TIME_PARTS).map(([name, apply]) => [name, ofTime(apply)] as const),
  ['extract', extract],
  ['date_part', extract],
  ['datepart', extract],
  [
    'date_trunc',
    fixed([STRING, TIMESTAMP], TIMESTAMP, ([unit, micros]) => truncated(text(unit), big(micros))),
  ],
  [
    'trunc',
    fixed([DATE, STRING], DATE, ([days, name]) => {
      const unit = UNITS[text(name).toUpperCase()];
      return unit === undefined || unit === 'day' ? null : day(startOf(number(days), unit));
    }),
  ],
  ['to_date', toDate],
  ['to_timestamp', toTimestamp],
  ['date_format', dateFormat],
  ['date_add', plusDays],
  ['dateadd', plusDays],
  ['date_sub', fixed([DATE, INTEGER], DATE, ([days, count]) => (number(days) - number(count)) | 0)],
  ['datediff', daysBetween],
  ['date_diff', daysBetween],
  [
    'add_months',
    fixed([DATE, INTEGER], DATE, ([days, count]) => day(plusMonths(number(days), number(count)))),
  ],
  [
    'last_day',
    fixed([DATE], DATE, ([days]) => {
      const { year, month } = civilOf(number(days));
      return day(daysOf(year, month, daysInMonth(year, month)));
    }),
  ],
  ['next_day', fixed([DATE, STRING], DATE, ([days, name]) => nextDay(number(days), text(name)))],
  [
    'make_date',
    fixed([INTEGER, INTEGER, INTEGER], DATE, ([year, month, of]) =>
      makeDate(number(year), number(month), number(of)),
    ),
  ],
  ['unix_timestamp', unixTimestamp],
  ['to_unix_timestamp', unixTimestamp],
  ['from_unixtime', fromUnixTime],
  ['timestamp_seconds', fromUnits(1_000_000n)],
  ['timestamp_millis', fromUnits(1000n)],
  ['timestamp_micros', fromUnits(1n)],
  ['unix_seconds', toUnits(1_000_000n)],
  ['unix_millis', toUnits(1000n)],
  ['unix_micros', toUnits(1n)],
  ['unix_date', ofDay((days) => days)],
  ['date_from_unix_date', fixed([INTEGER], DATE, ([days]) => days ?? null)],
];
