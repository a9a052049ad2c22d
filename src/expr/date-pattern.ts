import { fitsTimestamp } from '../schema/text-values.js';
import { civilOf, daysInMonth, daysOf, isoDayOfWeek, joinMicros, splitMicros } from './calendar.js';

/** A pattern of dates and times, `yyyy-MM-dd HH:mm:ss`, ready to use. */
export type DatePattern = {
  readonly format: (micros: bigint) => string;
  /** Undefined for a text that is not written so. */
  readonly parse: (text: string) => bigint | undefined;
};

type Part =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'field'; readonly letter: string; readonly width: number };

/**
 * Reads a pattern of Spark's "Datetime Patterns": the letters `y u M d H h m s S a E D`, texts in quotes and any sign that
 * is no letter. Undefined for others.
 */
export function compilePattern(pattern: string): DatePattern | undefined {
  const parts = partsOf(pattern);
  if (parts === undefined) return undefined;
  return { format: (micros) => formatted(parts, micros), parse: (text) => parsed(parts, text) };
}

/** The widths that each letter can have. */
const WIDTHS: Readonly<Record<string, number>> = {
  y: 6,
  u: 6,
  M: 4,
  d: 2,
  H: 2,
  h: 2,
  m: 2,
  s: 2,
  S: 9,
  a: 1,
  E: 4,
  D: 3,
};

function partsOf(pattern: string): readonly Part[] | undefined {
  const parts: Part[] = [];
  for (const [all] of pattern.matchAll(/'(?:[^']|'')*'|([a-zA-Z])\1*|[^a-zA-Z']+|'/g)) {
    if (all === "'") return undefined;
    if (all === "''") parts.push({ kind: 'text', text: "'" });
    else if (all.startsWith("'")) parts.push({ kind: 'text', text: all.slice(1, -1).replaceAll("''", "'") });
    else if (!/^[a-zA-Z]/.test(all)) parts.push({ kind: 'text', text: all });
    else {
      const letter = all.charAt(0);
      if (all.length > (WIDTHS[letter] ?? 0)) return undefined;
      parts.push({ kind: 'field', letter, width: all.length });
    }
  }
  return parts;
}

const MONTHS = 'January February March April May June July August September October November December'.split(
  ' ',
);
const DAYS = 'Monday Tuesday Wednesday Thursday Friday Saturday Sunday'.split(' ');

function formatted(parts: readonly Part[], micros: bigint): string {
  const { days, inDay } = splitMicros(micros);
  const { year, month, day } = civilOf(days);
  const second = Math.floor(inDay / 1_000_000);
  const hour = Math.floor(second / 3600);
  const field = (letter: string, width: number): string => {
    switch (letter) {
      case 'y':
        return yearText(year > 0 ? year : 1 - year, width);
      case 'u':
        return yearText(year, width);
      case 'M':
        if (width > 2) return (MONTHS[month - 1] ?? '').slice(0, width === 3 ? 3 : undefined);
        return String(month).padStart(width, '0');
      case 'd':
        return String(day).padStart(width, '0');
      case 'D':
        return String(days - daysOf(year, 1, 1) + 1).padStart(width, '0');
      case 'H':
        return String(hour).padStart(width, '0');
      case 'h':
        return String(hour % 12 === 0 ? 12 : hour % 12).padStart(width, '0');
      case 'm':
        return String(Math.floor(second / 60) % 60).padStart(width, '0');
      case 's':
        return String(second % 60).padStart(width, '0');
      case 'S':
        return String(inDay % 1_000_000)
          .padStart(6, '0')
          .padEnd(9, '0')
          .slice(0, width);
      case 'a':
        return hour < 12 ? 'AM' : 'PM';
      default:
        return (DAYS[isoDayOfWeek(days) - 1] ?? '').slice(0, width < 4 ? 3 : undefined);
    }
  };
  return parts.map((part) => (part.kind === 'text' ? part.text : field(part.letter, part.width))).join('');
}

function yearText(year: number, width: number): string {
  if (width === 2) return String(((year % 100) + 100) % 100).padStart(2, '0');
  const digits = String(Math.abs(year)).padStart(width, '0');
  // Java shows the sign of a year that has more digits than the pattern.
  return year < 0 ? `-${digits}` : digits.length > width && width >= 4 ? `+${digits}` : digits;
}

function parsed(parts: readonly Part[], text: string): bigint | undefined {
  const found: Record<string, number> = {};
  let at = 0;
  for (const [index, part] of parts.entries()) {
    if (part.kind === 'text') {
      if (!text.startsWith(part.text, at)) return undefined;
      at += part.text.length;
      continue;
    }
    const beside = parts[index + 1]?.kind === 'field';
    const pattern = fieldPattern(part.letter, part.width, beside);
    if (pattern === undefined) return undefined;
    pattern.lastIndex = at;
    const digits = pattern.exec(text)?.[0];
    if (digits === undefined) return undefined;
    at += digits.length;
    const value = part.letter === 'S' ? Number(digits.padEnd(6, '0').slice(0, 6)) : Number(digits);
    found[part.letter] =
      part.width === 2 && (part.letter === 'y' || part.letter === 'u') ? 2000 + value : value;
  }
  return at === text.length ? instantOf(found) : undefined;
}

/** Two letters or more ask for as many digits, one takes what is there. */
function fieldPattern(letter: string, width: number, beside: boolean): RegExp | undefined {
  // Names of months and days, halves of days and days of the year are written, not read.
  if (!'yuMdHmsS'.includes(letter) || (width > 2 && !'yuS'.includes(letter))) return undefined;
  if (letter === 'S') return new RegExp(`\\d{${width}}`, 'y');
  if (width === 1) return letter === 'y' || letter === 'u' ? /\d{1,9}/y : /\d{1,2}/y;
  if ((letter === 'y' || letter === 'u') && width >= 3)
    return new RegExp(beside ? `\\d{${width}}` : `\\d{${width},9}`, 'y');
  return new RegExp(`\\d{${width}}`, 'y');
}

function instantOf(found: Readonly<Record<string, number>>): bigint | undefined {
  const {
    y,
    u,
    M: month = 1,
    d: day = 1,
    H: hour = 0,
    m: minute = 0,
    s: second = 0,
    S: fraction = 0,
  } = found;
  const year = u ?? y ?? 1970;
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  const inDay = (hour * 3600 + minute * 60 + second) * 1_000_000 + fraction;
  const micros = joinMicros(daysOf(year, month, day), inDay);
  return fitsTimestamp(micros) ? micros : undefined;
}
