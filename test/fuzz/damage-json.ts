import { damageBytes, type Damaged } from './damage-bytes.js';
import type { Dice } from './dice.js';

/** A file outside the table, with a row that no table has: see `tables.ts`. */
export type Outside = { readonly relative: string; readonly absolute: string };

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Literals that `JSON.stringify` has no way to write stand in the text behind this mark. */
const RAW = 'raw literal ';

/** Damages JSON, one value a line: its bytes, its lines, or one of its values. */
export function damageJson(bytes: Uint8Array, dice: Dice, outside: Outside): Damaged {
  if (dice.chance(0.2)) return damageBytes(bytes, dice);
  const lines = Buffer.from(bytes)
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '');
  if (lines.length === 0 || dice.chance(0.15)) return damageLines(lines, dice);
  const at = dice.int(0, lines.length);
  const damaged = damageText(lines[at] ?? '', dice, outside);
  return { bytes: text(lines.with(at, damaged.text)), what: `line ${at}: ${damaged.what}` };
}

function damageLines(lines: readonly string[], dice: Dice): Damaged {
  const at = dice.int(0, lines.length);
  const line = lines[at] ?? '';
  return dice.pick<() => Damaged>([
    () => ({ bytes: text(lines.toSpliced(at, 1)), what: `line ${at} removed` }),
    () => ({ bytes: text(lines.toSpliced(at, 0, line)), what: `line ${at} doubled` }),
    () => ({ bytes: text(lines.toReversed()), what: 'lines turned round' }),
    () => ({ bytes: text([...lines, '['.repeat(dice.pick([100, 5_000, 200_000]))]), what: 'deep nesting' }),
    () => ({ bytes: text([...lines, '{"add":'.repeat(dice.pick([100, 20_000]))]), what: 'deep objects' }),
    () => ({ bytes: text([...lines, 'null', '1', '[]', '{}', '""']), what: 'lines that are no actions' }),
  ])();
}

function damageText(line: string, dice: Dice, outside: Outside): { text: string; what: string } {
  let value: Json;
  try {
    value = JSON.parse(line);
  } catch {
    return { text: `${line}}`, what: 'one brace too many' };
  }
  const what = damageValue(value, dice, outside);
  // Members of one name cannot be said in a value: the text gets one.
  const again = dice.chance(0.05)
    ? JSON.stringify(value).replace('{"', '{"path":"other","')
    : JSON.stringify(value);
  const literal = new RegExp(`"${RAW}([^"]*)"`, 'g');
  return { text: again.replace(literal, '$1'), what };
}

/** Changes one member somewhere in the value, JSON inside strings too. */
function damageValue(value: Json, dice: Dice, outside: Outside): string {
  let at: Json = value;
  let path = '';
  for (;;) {
    if (typeof at !== 'object' || at === null) return 'nothing';
    const members: { [key: string]: Json } | Json[] = at;
    const keys = Object.keys(members);
    if (keys.length === 0) return dropIn(members, dice, outside, path);
    const key = dice.pick(keys);
    path += `.${key}`;
    const inner: Json | undefined = Reflect.get(members, key);
    if (typeof inner === 'object' && inner !== null && dice.chance(0.9)) {
      at = inner;
      continue;
    }
    if (typeof inner === 'string' && /^[[{]/.test(inner) && dice.chance(0.85)) {
      const nested = damageText(inner, dice, outside);
      Reflect.set(members, key, nested.text);
      return `${path}: ${nested.what}`;
    }
    return replace(members, key, dice, outside, path);
  }
}

function replace(
  members: { [key: string]: Json } | Json[],
  key: string,
  dice: Dice,
  outside: Outside,
  path: string,
): string {
  if (dice.chance(0.15)) {
    if (Array.isArray(members)) members.splice(Number(key), 1);
    else Reflect.deleteProperty(members, key);
    return `${path} removed`;
  }
  const old: unknown = Reflect.get(members, key);
  const isPath = /path|file/i.test(key) && dice.chance(0.8);
  const chosen = isPath ? hostilePath(String(old), dice, outside) : hostileValue(old, dice);
  Reflect.set(members, key, chosen);
  return `${path} = ${JSON.stringify(chosen).slice(0, 80)}`;
}

function dropIn(members: object, dice: Dice, outside: Outside, path: string): string {
  Reflect.set(
    members,
    dice.pick(['path', '__proto__', 'constructor', 'id', '']),
    hostilePath('x', dice, outside),
  );
  return `${path} gets a member`;
}

function hostilePath(old: string, dice: Dice, { relative, absolute }: Outside): string {
  const encoded = relative.replaceAll('..', '%2e%2e');
  return dice.pick([
    relative,
    `./${relative}`,
    encoded,
    encoded.replaceAll('/', '%2F'),
    encoded.replaceAll('%', '%25'),
    relative.replaceAll('/', '\\'),
    relative.replaceAll('..', '.%2E'),
    `a/../${relative}`,
    `_delta_log/../${relative}`,
    absolute,
    `${absolute}%00`,
    `FILE://${relative}`,
    'file:///etc/passwd',
    'file:///proc/self/environ',
    '/etc/passwd',
    '//etc/passwd',
    'file://elsewhere.invalid/share/x',
    'http://127.0.0.1:9/x.parquet',
    's3://bucket/x.parquet',
    'memory://',
    'C:\\windows\\win.ini',
    '\\\\server\\share',
    `${old}\0`,
    `${old}%00`,
    `${old}/`,
    `/${old}`,
    `${old}?x=1#y`,
    '.',
    '..',
    '',
    ' ',
    '%',
    '%ff%fe',
    '_delta_log/00000000000000000000.json',
    '_delta_log',
    'x'.repeat(100_000),
    `${'a/'.repeat(5_000)}b`,
    '\ud800',
  ]);
}

function hostileValue(old: unknown, dice: Dice): Json {
  if (typeof old === 'number' && dice.chance(0.7)) return hostileNumber(dice);
  if (typeof old === 'string' && dice.chance(0.4)) return hostileText(old, dice);
  return dice.pick<Json>([
    null,
    true,
    false,
    '',
    'x',
    [],
    {},
    [null],
    { '': null },
    hostileNumber(dice),
    nested(dice.pick([50, 900, 3_000])),
    Array.from({ length: 2_000 }, (_, i) => i),
    'y'.repeat(50_000),
  ]);
}

function hostileNumber(dice: Dice): Json {
  return dice.pick<Json>([
    0,
    -1,
    1,
    2,
    3,
    7,
    99,
    2 ** 31 - 1,
    2 ** 31,
    2 ** 32,
    `${RAW}9007199254740993`,
    `${RAW}9223372036854775807`,
    `${RAW}9223372036854775808`,
    `${RAW}-9223372036854775809`,
    `${RAW}1e400`,
    `${RAW}-0`,
    `${RAW}1.5`,
    `${RAW}1e3`,
    `${RAW}123456789012345678901234567890123456789012345678901234567890`,
    `${RAW}0.1234567890123456789012345678901234567890`,
  ]);
}

function hostileText(old: string, dice: Dice): Json {
  const at = dice.int(0, old.length + 1);
  return dice.pick<string>([
    old.slice(0, at),
    old.slice(0, at) +
      dice.pick(['\0', '"', '\\', '/', '%', 'é', '\u{1F600}', '\ud800', '\n', '-', '9']) +
      old.slice(at),
    old + old,
    old.toUpperCase(),
    '__proto__',
    'constructor',
    'decimal(39,40)',
    'decimal(-1,0)',
    'decimal(1000000000,3)',
    'array<array<int>>',
    'variant',
    'geometry(OGC:CRS84)',
    'NaN',
    '-Infinity',
    '99999999999999999999999',
    '294247-01-10T04:00:54.775808Z',
    '0000-00-00',
    '+275760-09-13',
    'id',
    'name',
    'u',
    'p',
    'i',
    'r',
  ]);
}

function nested(depth: number): Json {
  let value: Json = 1;
  for (let i = 0; i < depth; i++) value = i % 2 === 0 ? [value] : { type: value };
  return value;
}

function text(lines: readonly string[]): Uint8Array {
  return new TextEncoder().encode(lines.map((line) => `${line}\n`).join(''));
}
