/**
 * What PostgreSQL prints for a value (UTC, `extra_float_digits` 1), compared with what a table holds for it: the
 * judge of the demonstration and of the replay tests. Reads PostgreSQL's text with code of its own, so that a
 * mistake in the decoder is not repeated here.
 */

/** A cell as `DeltaTable.toRows` gives it. */
export type Cell = unknown;

const MICROS_PER_DAY = 86_400_000_000n;

/** Whether `cell` is the value that PostgreSQL prints as `text` for a column of type `type`. */
export function equalsPostgres(type: string, text: string | null, cell: Cell): boolean {
  if (text === null || cell === null || cell === undefined) return text === null && (cell ?? null) === null;
  if (type.endsWith('[]')) return equalsArray(type.slice(0, -2), text, cell);
  switch (type.replace(/\(.*?\)/, '')) {
    case 'smallint':
    case 'integer':
    case 'bigint':
      return asInteger(cell) === BigInt(text);
    case 'numeric':
      return equalsNumeric(text, cell);
    case 'real':
      return typeof cell === 'number'
        ? sameFloat(Math.fround(postgresFloat(text)), Math.fround(cell))
        : cell === text;
    case 'double precision':
      return typeof cell === 'number' ? sameFloat(postgresFloat(text), cell) : cell === text;
    case 'boolean':
      return cell === (text === 't');
    case 'bytea':
      return asHex(cell) === text.slice(2);
    case 'date':
      return days(text) !== undefined && days(text) === days(isoText(cell));
    case 'timestamp without time zone':
    case 'timestamp with time zone':
      return micros(text) !== undefined && micros(text) === micros(isoText(cell));
    case 'time without time zone':
      return timeMicros(text) === (typeof cell === 'string' ? timeMicros(cell) : asInteger(cell));
    case 'interval':
      return intervalMicros(text) === asInteger(cell);
    default:
      return cell === text;
  }
}

/** The elements of PostgreSQL's one-dimensional array text; undefined for more dimensions. */
export function parseArrayText(text: string): readonly (string | null)[] | undefined {
  const body = text.slice(1, -1);
  if (body === '') return [];
  const out: (string | null)[] = [];
  let at = 0;
  while (at <= body.length) {
    if (body[at] === '{') return undefined;
    if (body[at] === '"') {
      let item = '';
      for (at++; body[at] !== '"'; at++) {
        if (body[at] === '\\') at++;
        item += body[at] ?? '';
      }
      out.push(item);
      at += 2;
    } else {
      const end = body.indexOf(',', at) < 0 ? body.length : body.indexOf(',', at);
      const item = body.slice(at, end);
      out.push(item === 'NULL' ? null : item);
      at = end + 1;
    }
  }
  return out;
}

/** Days since 1970 of `2020-02-29`, `0044-03-15 BC` or ISO's signed years; undefined for infinity. */
export function days(text: string): number | undefined {
  const found = /^([+-]?\d{4,})-(\d\d)-(\d\d)Z?( BC)?$/.exec(text);
  if (found === null) return undefined;
  const year = found[4] === undefined ? Number(found[1]) : 1 - Number(found[1]);
  return dayNumber(year, Number(found[2]), Number(found[3]));
}

/** Microseconds since 1970 of PostgreSQL's or ISO's timestamp text; undefined for infinity. */
export function micros(text: string): bigint | undefined {
  const found = /^([+-]?\d{4,}-\d\d-\d\d)[ T]([\d:.]+?)(?:Z|\+00)?( BC)?$/.exec(text);
  if (found === null) return undefined;
  const day = days(`${found[1]}${found[3] ?? ''}`);
  const time = timeMicros(found[2] ?? '');
  return day === undefined || time === undefined ? undefined : BigInt(day) * MICROS_PER_DAY + time;
}

function timeMicros(text: string): bigint | undefined {
  const found = /^(-?)(\d+):(\d\d):(\d\d)(?:\.(\d{1,9}))?Z?$/.exec(text);
  if (found === null) return undefined;
  const seconds = BigInt(found[2] ?? 0) * 3600n + BigInt(found[3] ?? 0) * 60n + BigInt(found[4] ?? 0);
  const all = seconds * 1_000_000n + BigInt((found[5] ?? '').padEnd(6, '0').slice(0, 6));
  return found[1] === '-' ? -all : all;
}

function intervalMicros(text: string): bigint | undefined {
  const found = /^(?:(-?\d+) days? ?)?(-?[\d:.]+)?$/.exec(text);
  if (found === null) return undefined;
  return (
    BigInt(found[1] ?? 0) * MICROS_PER_DAY + (found[2] === undefined ? 0n : (timeMicros(found[2]) ?? 0n))
  );
}

function dayNumber(year: number, month: number, day: number): number {
  const date = new Date(0);
  date.setUTCFullYear(2000 + (((year % 400) + 400) % 400), month - 1, day);
  const cycles = (year - (2000 + (((year % 400) + 400) % 400))) / 400;
  return Math.round(date.getTime() / 86_400_000) + cycles * 146_097;
}

function equalsArray(element: string, text: string, cell: Cell): boolean {
  const items = parseArrayText(text);
  if (items === undefined || !Array.isArray(cell) || items.length !== cell.length) return false;
  return items.every((item, at) => equalsPostgres(element, item, cell[at]));
}

function equalsNumeric(text: string, cell: Cell): boolean {
  if (typeof cell === 'number') return sameFloat(postgresFloat(text), cell);
  return plainDecimal(text) === plainDecimal(String(cell));
}

/** One spelling for each number: no trailing zeros, no minus zero. */
function plainDecimal(text: string): string {
  const found = /^(-?)0*(\d*)(?:\.(\d*?)0*)?$/.exec(text);
  if (found === null) return text;
  const whole = found[2] === '' ? '0' : (found[2] ?? '0');
  const fraction = found[3] === undefined || found[3] === '' ? '' : `.${found[3]}`;
  const digits = whole + fraction;
  return digits === '0' ? '0' : `${found[1]}${digits}`;
}

function postgresFloat(text: string): number {
  return Number(text);
}

function sameFloat(a: number, b: number): boolean {
  return Object.is(a, b) || (a === b && a !== 0);
}

function asInteger(cell: Cell): bigint | undefined {
  if (typeof cell === 'bigint') return cell;
  return typeof cell === 'number' && Number.isSafeInteger(cell) ? BigInt(cell) : undefined;
}

function asHex(cell: Cell): string | undefined {
  if (cell instanceof Uint8Array) return Buffer.from(cell).toString('hex');
  return typeof cell === 'string' ? Buffer.from(cell, 'base64').toString('hex') : undefined;
}

function isoText(cell: Cell): string {
  return typeof cell === 'string' ? cell : '';
}
