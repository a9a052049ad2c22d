import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isSluiceError } from '../../src/base/errors.js';
import { columnsIn } from '../../src/expr/columns.js';
import { compile, compileCondition } from '../../src/expr/compile.js';
import { parseExpression } from '../../src/expr/parse.js';
import { parseColumnsText } from '../../src/schema/type-text.js';
import { struct } from '../../src/schema/build.js';
import type { Value } from '../../src/schema/types.js';

const SCHEMA = struct(
  parseColumnsText(
    'id BIGINT, n INT, small TINYINT, x DOUBLE, f FLOAT, name STRING, amount DECIMAL(12,2), day DATE, at TIMESTAMP, ntz TIMESTAMP_NTZ, ok BOOLEAN, raw BINARY, s STRUCT<a: INT, B: STRUCT<c: STRING>>, tags ARRAY<STRING>, `odd.name` INT, Upper INT',
  ).map(({ field }) => field),
);

const ROW: Readonly<Record<string, Value>> = {
  id: 2n ** 62n,
  n: 5,
  small: 127,
  x: 2.5,
  f: Math.fround(0.1),
  name: 'Bonn',
  amount: 12345n,
  day: 18262,
  at: 1_577_836_800_000_000n,
  ntz: 1_577_836_800_000_000n,
  ok: true,
  raw: Uint8Array.of(1, 2),
  s: { a: 7, B: { c: 'deep' } },
  tags: ['a'],
  'odd.name': 9,
  Upper: 3,
};

const read = (column: number): Value => ROW[SCHEMA.fields[column]?.name ?? ''] ?? null;

function evaluate(sql: string): Value {
  return compile(parseExpression(sql), SCHEMA)(read);
}

describe('precedence is Spark’s', () => {
  test.each<[string, Value]>([
    ['1 + 2 * 3', 7],
    ['(1 + 2) * 3', 9],
    ['10 - 3 - 2', 5],
    ['-2 * -3', 6],
    ['- -n', 5],
    ['7 % 4 + 1', 4],
    ['true or false and false', true],
    ['(true or false) and false', false],
    ['not false and false', false],
    ['not (false and false)', true],
    ['not n = 5', false],
    ['not not n = 5', true],
    ['! ok', false],
    ['n = 5 is null', false],
    ['n + 1 between 6 and 2 * 3 and ok', true],
    ['n between 1 and 4 or ok', true],
    ['not n between 1 and 4', true],
    ['n not between 1 and 4', true],
    ['n not in (1, 2) and name not like "X%"', true],
    ['1 = 1 = true', true],
  ])('%s', (sql, expected) => {
    expect(evaluate(sql)).toEqual(expected);
  });
});

describe('three-valued logic', () => {
  test.each<[string, Value]>([
    ['null = null', null],
    ['null <=> null', true],
    ['n <=> null', false],
    ['n <=> 5', true],
    ['null and false', false],
    ['null and true', null],
    ['null or true', true],
    ['null or false', null],
    ['not null', null],
    ['n in (1, null)', null],
    ['n in (5, null)', true],
    ['n not in (1, null)', null],
    ['null in (1)', null],
    ['n in (1, x * 2)', true],
    ['null between 1 and 2', null],
    ['null like "a"', null],
    ['null is null', true],
    ['n is null', false],
    ['s.B.c is not null', true],
    ['(n > 100) is false', true],
    ['(null > 1) is true', false],
    ['n is distinct from null', true],
    ['n is not distinct from 5', true],
    ['coalesce(null, null, n)', 5],
    ['coalesce(null, 1, 2.5)', 10n],
    ['n + null', null],
  ])('%s', (sql, expected) => {
    expect(evaluate(sql)).toEqual(expected);
  });
});

describe('types meet as in Spark', () => {
  test.each<[string, Value]>([
    ["day = '2020-01-01'", true],
    ["day < '2020-01-02'", true],
    ["'2019-12-31' < day", true],
    ["at = '2020-01-01'", true],
    ["at >= '2020-01-01 00:00:00'", true],
    ["ntz = '2020-01-01T00:00:00'", true],
    ['day = at', true],
    ["at = '2020-01-01T02:00:00+02:00'", true],
    ["n = '5'", true],
    ["id = '4611686018427387904'", true],
    ['id = 4611686018427387904', true],
    ['id = 4611686018427387905', false],
    ["amount = '123.45'", true],
    ['amount = 123.45', true],
    ['amount = 123.450', true],
    ['amount > 123', true],
    ['amount < 123.46D', true],
    ['small = 127', true],
    ['x = 2.5', true],
    ['n < x * 2.1', true],
    // A float is widened: it is not the decimal that people think of.
    ['f = 0.1', false],
    ['f = cast(0.1 as float)', true],
    ["ok = 'true'", true],
    ["raw = X'0102'", true],
    ["raw > X'01'", true],
    ["name > 'Berlin'", true],
    ["'\u{1f600}' > '\uff5e'", true],
    ['0.0D = -0.0D', true],
    ["cast('NaN' as double) = cast('NaN' as double)", true],
    ["cast('NaN' as double) > 1e308", true],
    ["day = DATE '2020-01-01' and at = TIMESTAMP '2020-01-01 00:00:00'", true],
  ])('%s', (sql, expected) => {
    expect(evaluate(sql)).toEqual(expected);
  });
});

describe('numbers', () => {
  test.each<[string, Value]>([
    ['1 / 2', 0.5],
    ['1 / 0', null],
    ['1 % 0', null],
    ['-7 % 3', -1],
    ['2147483647 + 1', -2147483648],
    ['2147483647L + 1', 2147483648n],
    ['9223372036854775807 + 1', -(2n ** 63n)],
    ['-9223372036854775808', -(2n ** 63n)],
    ['-2147483648', -(2 ** 31)],
    ['-128Y', -128],
    ['small + 1Y', -128],
    ['small + 1', 128],
    ['-cast(-128 as tinyint)', -128],
    ['0.1 + 0.2', 3n],
    ['amount * 2', 24690n],
    ['amount / 2', 61725000n],
    ['1.0 / 3', 333333n],
    ['amount % 10', 345n],
    ['1e3', 1000],
    ['.5 + 0', 5n],
    ['abs(-2.5)', 25n],
    ['round(-0.0D)', 0],
    ['round(-0.4D)', 0],
    ['bround(2.5D)', 2],
    ['round(-2.5D)', -3],
    ['abs(-n)', 5],
    ['abs(n - 7)', 2],
    ['99999999999999999999999999999999999999 + 1', null],
  ])('%s', (sql, expected) => {
    expect(evaluate(sql)).toEqual(expected);
  });
});

describe('casts', () => {
  test.each<[string, Value]>([
    ["cast('12' as int)", 12],
    ['cast(name as int)', null],
    ['cast(2.5 as int)', 2],
    ['cast(-2.5D as int)', -2],
    ['cast(300 as tinyint)', 44],
    ['try_cast(300 as tinyint)', null],
    ['try_cast(-129.5D as tinyint)', null],
    ['try_cast(-128.5D as tinyint)', -128],
    ["try_cast('1.5' as int)", null],
    ["'1.5'::int", 1],
    ['cast(1e30 as bigint)', 2n ** 63n - 1n],
    ['cast(2.345 as decimal(5,2))', 235n],
    ['cast(-2.345 as decimal(5,2))', -235n],
    ['cast(1000 as decimal(5,2))', null],
    ['cast(0.1D as decimal(10,3))', 100n],
    ['cast(1 as string)', '1'],
    ['cast(1.50 as string)', '1.50'],
    ['cast(1D as string)', '1.0'],
    ['cast(12345678D as string)', '1.2345678E7'],
    ['cast(0.00012D as string)', '1.2E-4'],
    ['cast(f as string)', '0.1'],
    ['cast(-0.0D as string)', '-0.0'],
    ['cast(true as string)', 'true'],
    ['cast(true as int)', 1],
    ['cast(0 as boolean)', false],
    ['cast(day as string)', '2020-01-01'],
    ['cast(at as string)', '2020-01-01 00:00:00'],
    ["cast(TIMESTAMP '2020-01-01 10:20:30.1200' as string)", '2020-01-01 10:20:30.12'],
    ['cast(at as date)', 18262],
    ['cast(day as timestamp)', 1_577_836_800_000_000n],
    ['cast(at as bigint)', 1_577_836_800n],
    ["cast(' 2020-01-01 ' as date)", 18262],
    ["date('2020-01-01 10:00:00')", 18262],
    ["cast('yes' as boolean)", true],
    ['cast(null as int)', null],
    ["cast('a' as binary)", Uint8Array.of(97)],
  ])('%s', (sql, expected) => {
    expect(evaluate(sql)).toEqual(expected);
  });
});

describe('texts', () => {
  test.each<[string, Value]>([
    ["name like 'B%'", true],
    ["name like 'b%'", false],
    ["name like '_onn'", true],
    ["name like '%nn'", true],
    ["name like 'Bonn'", true],
    ["name like ''", false],
    ["name like '%'", true],
    ["name like 'B%x%'", false],
    ["'10%' like '10\\\\%'", true],
    ["'10x' like '10\\%'", false],
    ["'a_b' like 'a#_b' escape '#'", true],
    ["'axb' like 'a#_b' escape '#'", false],
    ["'a\nb' like 'a_b'", true],
    ["'\u{1f600}' like '_'", true],
    ["'(.*)' like '(.*)'", true],
    ["'xx' like '(.*)'", false],
    ['lower(name)', 'bonn'],
    ['upper(name)', 'BONN'],
    ['length(name)', 4],
    ["length('\u{1f600}')", 1],
    ['length(raw)', 2],
    ['substring(name, 2)', 'onn'],
    ['substring(name, 2, 2)', 'on'],
    ['substr(name, -2, 1)', 'n'],
    ['substring(name, 0, 2)', 'Bo'],
    ['substring(name, -10, 7)', 'B'],
    ["'it''s'", "it's"],
    ["'it\\'s'", "it's"],
    ["'\\u00e9\\n'", 'é\n'],
    ['"double"', 'double'],
  ])('%s', (sql, expected) => {
    expect(evaluate(sql)).toEqual(expected);
  });
});

describe('columns', () => {
  test.each<[string, Value]>([
    ['N', 5],
    ['upper + 0', 3],
    ['s.a', 7],
    ['S.b.C', 'deep'],
    ['`odd.name`', 9],
    ['`name`', 'Bonn'],
  ])('%s', (sql, expected) => {
    expect(evaluate(sql)).toEqual(expected);
  });

  test('that an expression reads are named once, as the schema has them, in its order', () => {
    const columns = columnsIn(
      parseExpression("upper > 1 and s.b.c = 'x' and (N in (1, id) or n is null)"),
      SCHEMA,
    );
    expect(columns).toEqual(['id', 'n', 's', 'Upper']);
  });
});

describe('what cannot be used is refused with its position', () => {
  test.each<[string, number]>([
    ['', 1],
    ['n =', 4],
    ['n = 1 1', 7],
    ['(n = 1', 7],
    ['n = 1)', 6],
    ['n in ()', 7],
    ['n between 1', 12],
    ['n is not null = true', 15],
    ["name = 'x", 8],
    ['`n', 1],
    ['n ; 1', 3],
    ['nope = 1', 1],
    ['s.nope = 1', 1],
    ['n.a = 1', 1],
    ['nosuch(1)', 1],
    ['lower(1, 2)', 1],
    ['n and true', 1],
    ['ok > 1', 4],
    ['tags = 1', 6],
    ["day = 'someday'", 5],
    ["DATE '2020-13-01'", 1],
    ["n = 'x'", 3],
    ['cast(n as nothing)', 11],
    ['cast(tags as int)', 1],
    ["name like 'a\\\\'", 11],
    ['name like n', 11],
    ['1Z', 1],
    ['200Y', 1],
    ['and', 1],
    [`${'('.repeat(500)}1`, 201],
  ])('%s', (sql, position) => {
    const condition = sql.includes('(1') || sql.includes('lower');
    const use = () => (condition ? compile : compileCondition)(parseExpression(sql), SCHEMA);
    expect(use).toThrow(expect.objectContaining({ code: 'EXPRESSION_INVALID', context: { position } }));
  });

  test('a name that is nearly right is told', () => {
    expect(() => compile(parseExpression('amout > 1'), SCHEMA)).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('amount') }),
    );
  });
});

test('a chain of thousands of conditions is no deep nest', () => {
  const sql = Array.from({ length: 20_000 }, (_, i) => `n = ${i}`).join(' or ');
  expect(evaluate(sql)).toBe(true);
});

test('any text is parsed or refused with EXPRESSION_INVALID', () => {
  const words = fc.constantFrom(
    'n',
    'and',
    'or',
    'not',
    '(',
    ')',
    '=',
    '<',
    "'a'",
    '1',
    'in',
    'is',
    'null',
    ',',
    '-',
    'like',
    '.',
    'cast',
    'as',
    'int',
  );
  const texts = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(words, { maxLength: 12 }).map((all) => all.join(' ')),
  );
  fc.assert(
    fc.property(texts, (sql) => {
      expect(['value', 'EXPRESSION_INVALID']).toContain(outcomeOf(sql));
    }),
    { numRuns: 3000 },
  );
});

function outcomeOf(sql: string): string {
  try {
    evaluate(sql);
    return 'value';
  } catch (cause) {
    return isSluiceError(cause) ? cause.code : String(cause);
  }
}
