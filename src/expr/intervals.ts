import type { Interval } from './ast.js';
import { invalid } from './invalid.js';

const MONTHS: Readonly<Record<string, number>> = { YEAR: 12, MONTH: 1 };
const MICROS: Readonly<Record<string, bigint>> = {
  HOUR: 3_600_000_000n,
  MINUTE: 60_000_000n,
  SECOND: 1_000_000n,
  MILLISECOND: 1000n,
  MICROSECOND: 1n,
};

/**
 * The span that `INTERVAL` and its parts stand for: `1 DAY 2 HOURS`, `'1 day 2 hours'`, `'1-2' YEAR TO MONTH`,
 * `'1 02:03:04.5' DAY TO SECOND`.
 *
 * @throws SluiceError EXPRESSION_INVALID for what is no span, and for one of months and days both, as Spark has none
 */
export function intervalOf(
  parts: readonly { readonly text: string; readonly unit: string }[],
  at: number,
): Interval {
  const total = { months: 0, days: 0, micros: 0n };
  for (const { text, unit } of parts) {
    if (unit === '') addWords(total, text, at);
    else if (unit.includes(' TO ')) addRange(total, text, unit, at);
    else addUnit(total, text, unit, at);
  }
  if (total.months !== 0 && (total.days !== 0 || total.micros !== 0n)) {
    throw invalid(at, 'an interval is of years and months or of days and time, not of both');
  }
  if (
    !Number.isSafeInteger(total.months) ||
    !Number.isSafeInteger(total.days) ||
    Math.abs(total.days) > 2 ** 31
  ) {
    throw invalid(at, 'an interval beyond all dates');
  }
  return total;
}

type Total = { months: number; days: number; micros: bigint };

function addWords(total: Total, text: string, at: number): void {
  const words = text
    .trim()
    .replace(/^interval\s+/i, '')
    .split(/\s+/);
  if (words.length % 2 !== 0) throw invalid(at, `${JSON.stringify(text.slice(0, 60))} is no interval`);
  for (let index = 0; index < words.length; index += 2)
    addUnit(total, words[index] ?? '', words[index + 1] ?? '', at);
}

function addUnit(total: Total, text: string, unitText: string, at: number): void {
  const unit = unitText.toUpperCase().replace(/S$/, '');
  const match = /^([+-]?)(\d{1,15})(?:\.(\d{1,9}))?$/.exec(text.trim());
  if (match === null) throw invalid(at, `${JSON.stringify(text.slice(0, 60))} is no number of ${unitText}`);
  const [, sign, whole = '0', fraction = ''] = match;
  const factor = sign === '-' ? -1 : 1;
  const months = MONTHS[unit];
  const micros = MICROS[unit];
  if (fraction !== '' && unit !== 'SECOND') throw invalid(at, `${unitText} come whole in an interval`);
  if (months !== undefined) total.months += factor * Number(whole) * months;
  else if (unit === 'DAY' || unit === 'WEEK')
    total.days += factor * Number(whole) * (unit === 'WEEK' ? 7 : 1);
  else if (micros !== undefined) {
    const cut = BigInt(fraction.padEnd(6, '0').slice(0, 6) || '0');
    total.micros += BigInt(factor) * (BigInt(whole) * micros + cut);
  } else throw invalid(at, `no unit of time: ${unitText.slice(0, 40)}`);
}

const RANGE_UNITS = ['DAY', 'HOUR', 'MINUTE', 'SECOND'];

function addRange(total: Total, text: string, unit: string, at: number): void {
  const [from = '', to = ''] = unit.split(' TO ');
  const sign = text.trim().startsWith('-') ? '-' : '';
  const parts = text
    .trim()
    .replace(/^[+-]/, '')
    .split(/[\s:-]+/);
  const units =
    from === 'YEAR' && to === 'MONTH'
      ? ['YEAR', 'MONTH']
      : RANGE_UNITS.slice(RANGE_UNITS.indexOf(from), RANGE_UNITS.indexOf(to) + 1);
  if (units.length < 2 || parts.length !== units.length || !RANGE_UNITS.concat('YEAR').includes(from)) {
    throw invalid(at, `${JSON.stringify(text.slice(0, 60))} is no interval ${unit.slice(0, 40)}`);
  }
  for (const [index, name] of units.entries()) addUnit(total, sign + (parts[index] ?? ''), name, at);
}
