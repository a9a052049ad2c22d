import { BINARY, BOOLEAN, INTEGER, STRING } from '../../schema/build.js';
import type { DataType, Value } from '../../schema/types.js';
import { invalid } from '../invalid.js';
import { javaRegex } from '../regex.js';
import { scalarName } from '../types.js';
import { fixed, isList, number, text, type Resolve } from './define.js';

/** Longer texts than any column's value: a few nested calls could ask for more than memory holds. */
const UNITS_MAX = 1 << 26;

function bounded(units: number): number {
  if (units > UNITS_MAX) throw invalid(0, 'a function gives a text of more than 64 Mi characters');
  return units;
}

const ofText = (apply: (value: string) => Value, result: DataType): Resolve =>
  fixed([STRING], result, ([value]) => apply(text(value)));

/** One function for texts and one for bytes. */
const ofTextOrBytes =
  (ofChars: (value: string) => number, ofBytes: (value: Uint8Array) => number): Resolve =>
  ({ types }) => {
    const [type] = types;
    if (type === undefined || types.length > 1) return undefined;
    const isBytes = scalarName(type) === 'binary';
    return {
      params: [isBytes ? BINARY : STRING],
      result: INTEGER,
      apply: ([value]) => (value instanceof Uint8Array ? ofBytes(value) : ofChars(text(value))),
    };
  };

function characters(value: string): number {
  let count = 0;
  for (let at = 0; at < value.length; at++) {
    const unit = value.charCodeAt(at);
    if (unit < 0xdc00 || unit > 0xdfff) count++;
  }
  return count;
}

function bytes(value: string): number {
  return new TextEncoder().encode(value).length;
}

/** Positions count characters from 1; a negative one counts from the end, and 0 is the first, as in Spark. */
function slice(value: string, from: number, count: number): string {
  const all = Array.from(value);
  const start = from > 0 ? from - 1 : from < 0 ? all.length + from : 0;
  const end = start + Math.max(0, count);
  return all.slice(Math.max(0, start), Math.max(0, end)).join('');
}

const substring: Resolve = ({ types }) => {
  if (types.length !== 2 && types.length !== 3) return undefined;
  return {
    params: [STRING, INTEGER, INTEGER].slice(0, types.length),
    result: STRING,
    apply: ([value, from, count]) =>
      slice(text(value), number(from), count === undefined ? Infinity : number(count)),
  };
};

function strip(value: string, set: string, leading: boolean, trailing: boolean): string {
  const chars = new Set(Array.from(set));
  const all = Array.from(value);
  let from = 0;
  let upTo = all.length;
  if (leading) while (from < upTo && chars.has(all[from] ?? '')) from++;
  if (trailing) while (upTo > from && chars.has(all[upTo - 1] ?? '')) upTo--;
  return all.slice(from, upTo).join('');
}

/** The parser writes `TRIM(BOTH c FROM x)` as `trim(x, 'both', c)`. */
const trim = fixed(
  [STRING, STRING, STRING],
  STRING,
  ([value, side = 'both', set = ' ']) =>
    strip(text(value), text(set), side !== 'trailing', side !== 'leading'),
  1,
);

/** `ltrim(x)` and, the other way round than one would think, `ltrim(set, x)`. */
const sideTrim = (leading: boolean): Resolve =>
  fixed(
    [STRING, STRING],
    STRING,
    ([one, other]) =>
      other === undefined
        ? strip(text(one), ' ', leading, !leading)
        : strip(text(other), text(one), leading, !leading),
    1,
  );

const concat: Resolve = ({ types }) => {
  if (types.some(({ kind }) => kind === 'array' || kind === 'map' || kind === 'struct')) return undefined;
  if (types.length > 0 && types.every((type) => scalarName(type) === 'binary')) {
    return {
      params: types,
      result: BINARY,
      apply: (parts) =>
        Uint8Array.from(parts.flatMap((part) => (part instanceof Uint8Array ? [...part] : []))),
    };
  }
  return {
    params: types.map(() => STRING),
    result: STRING,
    apply: (parts) => {
      bounded(parts.reduce<number>((sum, part) => sum + text(part).length, 0));
      return parts.map(text).join('');
    },
  };
};

const concatWith: Resolve = ({ types }) => {
  if (types.length === 0) return undefined;
  const params = types.map((type) => (type.kind === 'array' ? type : STRING));
  if (params.some((type) => type.kind === 'array' && scalarName(type.element) !== 'string')) return undefined;
  return {
    params,
    result: STRING,
    seesNulls: true,
    apply: ([separator, ...parts]) => {
      if (separator === null || separator === undefined) return null;
      const present = parts.flatMap((part) => (isList(part) ? part : [part])).filter((part) => part !== null);
      const size = present.reduce<number>((sum, part) => sum + text(part).length + text(separator).length, 0);
      bounded(size);
      return present.map(text).join(text(separator));
    },
  };
};

function replace(value: string, search: string, by: string): string {
  if (search === '') return value;
  const parts = value.split(search);
  bounded(value.length + (parts.length - 1) * by.length);
  return parts.join(by);
}

const pad =
  (left: boolean): Resolve =>
  ({ types }) => {
    if (types.length !== 2 && types.length !== 3) return undefined;
    return {
      params: [STRING, INTEGER, STRING].slice(0, types.length),
      result: STRING,
      apply: ([value, length, by = ' ']) =>
        padded(Array.from(text(value)), number(length), Array.from(text(by)), left),
    };
  };

function padded(value: readonly string[], length: number, by: readonly string[], left: boolean): string {
  const wanted = Math.max(0, length);
  if (value.length >= wanted || by.length === 0) return value.slice(0, wanted).join('');
  const missing = bounded(wanted) - value.length;
  const padding = Array.from({ length: missing }, (_, i) => by[i % by.length] ?? '').join('');
  return left ? padding + value.join('') : value.join('') + padding;
}

/** The place of the first match, in characters from 1, or 0. */
function place(value: string, search: string, from: number): number {
  if (from < 1) return 0;
  if (search === '') return 1;
  const start = Array.from(value)
    .slice(0, from - 1)
    .join('').length;
  const at = value.indexOf(search, start);
  return at < 0 || from - 1 > characters(value) ? 0 : characters(value.slice(0, at)) + 1;
}

function part(value: string, separator: string, index: number): Value {
  if (index === 0 || separator === '') return index === 1 || index === -1 ? value : '';
  const parts = value.split(separator);
  return parts[index > 0 ? index - 1 : parts.length + index] ?? '';
}

function upToSeparator(value: string, separator: string, count: number): string {
  if (separator === '' || count === 0) return '';
  const parts = value.split(separator);
  return (count > 0 ? parts.slice(0, count) : parts.slice(Math.max(0, parts.length + count))).join(separator);
}

function initialCapitals(value: string): string {
  return value
    .toLowerCase()
    .replace(/(^| )([^ ])/gu, (_, blank: string, letter: string) => blank + letter.toUpperCase());
}

/** A literal pattern is read once, and one that cannot be used is refused before any row is. */
const matchesRegex: Resolve = ({ types, literals }) => {
  if (types.length !== 2) return undefined;
  const [, literal] = literals;
  const ready = typeof literal === 'string' ? mustBeRegex(literal) : undefined;
  return {
    params: [STRING, STRING],
    result: BOOLEAN,
    apply: ([value, pattern]) => (ready ?? mustBeRegex(text(pattern))).test(text(value)),
  };
};

function mustBeRegex(pattern: string): RegExp {
  const found = javaRegex(pattern);
  if (found !== undefined) return found;
  throw invalid(0, `${JSON.stringify(pattern.slice(0, 100))} is no regular expression that can be used here`);
}

const find = fixed(
  [STRING, STRING, INTEGER],
  INTEGER,
  ([search, value, from = 1]) => place(text(value), text(search), number(from)),
  2,
);

export const TEXT_FUNCTIONS: readonly (readonly [string, Resolve])[] = [
  ['lower', ofText((value) => value.toLowerCase(), STRING)],
  ['lcase', ofText((value) => value.toLowerCase(), STRING)],
  ['upper', ofText((value) => value.toUpperCase(), STRING)],
  ['ucase', ofText((value) => value.toUpperCase(), STRING)],
  ['initcap', ofText(initialCapitals, STRING)],
  ['reverse', ofText((value) => Array.from(value).toReversed().join(''), STRING)],
  ['ascii', ofText((value) => value.codePointAt(0) ?? 0, INTEGER)],
  ...['length', 'len', 'char_length', 'character_length'].map(
    (name) => [name, ofTextOrBytes(characters, (value) => value.length)] as const,
  ),
  ['octet_length', ofTextOrBytes(bytes, (value) => value.length)],
  [
    'bit_length',
    ofTextOrBytes(
      (value) => bytes(value) * 8,
      (value) => value.length * 8,
    ),
  ],
  ['substring', substring],
  ['substr', substring],
  ['left', fixed([STRING, INTEGER], STRING, ([value, count]) => slice(text(value), 1, number(count)))],
  [
    'right',
    fixed([STRING, INTEGER], STRING, ([value, count]) =>
      number(count) <= 0 ? '' : Array.from(text(value)).slice(-number(count)).join(''),
    ),
  ],
  ['trim', trim],
  [
    'btrim',
    fixed([STRING, STRING], STRING, ([value, set = ' ']) => strip(text(value), text(set), true, true), 1),
  ],
  ['ltrim', sideTrim(true)],
  ['rtrim', sideTrim(false)],
  ['concat', concat],
  ['concat_ws', concatWith],
  [
    'replace',
    fixed(
      [STRING, STRING, STRING],
      STRING,
      ([value, search, by = '']) => replace(text(value), text(search), text(by)),
      2,
    ),
  ],
  ['startswith', fixed([STRING, STRING], BOOLEAN, ([value, start]) => text(value).startsWith(text(start)))],
  ['endswith', fixed([STRING, STRING], BOOLEAN, ([value, end]) => text(value).endsWith(text(end)))],
  ['contains', fixed([STRING, STRING], BOOLEAN, ([value, inner]) => text(value).includes(text(inner)))],
  ['instr', fixed([STRING, STRING], INTEGER, ([value, search]) => place(text(value), text(search), 1))],
  ['locate', find],
  ['position', find],
  ['lpad', pad(true)],
  ['rpad', pad(false)],
  [
    'split_part',
    fixed([STRING, STRING, INTEGER], STRING, ([value, separator, index]) =>
      part(text(value), text(separator), number(index)),
    ),
  ],
  [
    'substring_index',
    fixed([STRING, STRING, INTEGER], STRING, ([value, separator, count]) =>
      upToSeparator(text(value), text(separator), number(count)),
    ),
  ],
  ['rlike', matchesRegex],
  ['regexp', matchesRegex],
  ['regexp_like', matchesRegex],
];
