import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isSluiceError } from '../../src/base/errors.js';
import type { Expr } from '../../src/expr/ast.js';
import { compile, compileCondition } from '../../src/expr/compile.js';
import { atMoment } from '../../src/expr/moment.js';
import { parseExpression } from '../../src/expr/parse.js';
import { formatExpression } from '../../src/expr/print.js';
import { struct } from '../../src/schema/build.js';
import type { Value } from '../../src/schema/types.js';
import { COLUMNS } from '../support/expression-rows.js';
import { expressions } from '../support/expressions.js';

function constant(sql: string): Value {
  return compile(parseExpression(sql), struct([]))(() => null);
}

/** The expression without where its parts stood. */
function bare(expr: Expr): unknown {
  return JSON.parse(
    JSON.stringify(expr, (key, value: unknown) => {
      if (key === 'at') return undefined;
      return typeof value === 'bigint' ? `${value}n` : Object.is(value, -0) ? '-0' : value;
    }),
  );
}

test('an expression that is printed is read back as it was', () => {
  const some = fc.oneof(...Object.values(expressions));
  fc.assert(
    fc.property(some, (sql) => {
      const expr = parseExpression(sql);
      const text = formatExpression(expr);
      expect(bare(parseExpression(text))).toEqual(bare(expr));
    }),
    { numRuns: 1000 },
  );
}, 120_000);

describe('what is printed is read back:', () => {
  test.each([
    "`a b`.`c``d` = 'it\\'s \\\\ \\n'",
    'a[0].b[`x y`] IS NOT NULL',
    "m['k']::int + 1",
    "x LIKE 'a#%' ESCAPE '#'",
    "x ILIKE 'a%'",
    'x IS UNKNOWN',
    'a IS NOT DISTINCT FROM b',
    "INTERVAL '1' MONTH + d",
    'd - INTERVAL 1 DAY 2 HOURS',
    'CASE a WHEN 1 THEN 2 WHEN 3 THEN 4 ELSE 5 END',
    'EXTRACT(YEAR FROM d)',
    "trim(LEADING 'x' FROM t)",
    "X'00ff' < raw",
    '`current_date` = current_date()',
    '-5 - -5',
    '- - a',
    '- (5)',
    '- - (0)',
    '- (1.5)',
    '~a | b & c ^ d << 1',
    "DATE '-0001-01-01' < d",
    "r'\\d' || 'b'",
    '1.50BD + 1S + 1Y + 1L + 1F + 1D + 1e300',
    'a DIV b',
    'try_cast(a AS array<struct<`b c`:int>>)',
  ])('%s', (sql) => {
    const expr = parseExpression(sql);
    expect(bare(parseExpression(formatExpression(expr)))).toEqual(bare(expr));
  });
});

describe('operators bind as in Spark', () => {
  test.each<[string, Value]>([
    ['1 | 2 ^ 3 & 1', 3],
    ['1 + 1 << 2', 8],
    ['6 & 3 = 2', true],
    ["'a' || 'b' = 'ab'", true],
    ['7 DIV 2 * 2', 6n],
    ['-1::string', '-1'],
    ['2 - -1', 3],
    ['array(1, 2)[1]', 2],
    ["named_struct('a', 5).a", 5],
    ['NOT 1 = 2 AND TRUE', true],
    ['5 BETWEEN 1 + 1 AND 2 * 3', true],
    ['CASE WHEN FALSE THEN 1 WHEN TRUE THEN 2 END', 2],
    ['CASE 3 WHEN 1 THEN 1 END', null],
  ])('%s', (sql, expected) => {
    expect(constant(sql)).toEqual(expected);
  });
});

describe('a moment is given or refused', () => {
  const moment = 1_577_836_800_123_456n;
  test.each<[string, Value]>([
    ['current_date()', 18_262],
    ['CURRENT_DATE', 18_262],
    ['current_timestamp()', moment],
    ['now() - INTERVAL 1 HOUR', moment - 3_600_000_000n],
    ["if(TRUE, date_add(current_date(), 1), DATE '2000-01-01')", 18_263],
  ])('%s', (sql, expected) => {
    const expr = parseExpression(sql);
    expect(() => compile(expr, COLUMNS)).toThrow(/has no meaning here/);
    expect(compile(atMoment(expr, moment), COLUMNS)(() => null)).toEqual(expected);
  });
});

describe('what cannot be used is told where it stands', () => {
  test.each<[string, string]>([
    ['nosuch(1)', 'no function nosuch (at position 1)'],
    ['1 + lenght(t)', 'no function lenght (at position 5)'],
    ['rand() > 0.5', 'no function rand (at position 1)'],
    [
      "date_format(at, 'QQQ')",
      'date_format does not take these arguments (timestamp, string) (at position 1)',
    ],
    ["t RLIKE '(a++)'", '"(a++)" is no regular expression that can be used here'],
    ['day - day', 'the time between two dates is an interval, which no column holds (at position 5)'],
    [
      'INTERVAL 1 DAY',
      'an interval may only be added to a date or time, or be taken from it (at position 1)',
    ],
    ['INTERVAL 1 MONTH 1 DAY + day', 'an interval is of years and months or of days and time, not of both'],
    ['s.nope = 1', 'no column s.nope (at position 1)'],
    ['arr = arr', 'array<int> and array<int> cannot be compared (at position 5)'],
    ['CASE WHEN ok THEN 1 ELSE ok END', 'int and boolean have no type in common (at position 1)'],
    ['(SELECT 1)', 'a value expected, but found "SELECT" (at position 2)'],
    ['n + interval', 'no column interval (at position 5)'],
  ])('%s', (sql, message) => {
    expect(() => compile(parseExpression(sql), COLUMNS)).toThrow(message);
  });
});

/** Each of these would overflow a stack, or take more time or memory than there is, if it were let. */
describe('hostile text is refused, or costs little', () => {
  const megabyte = 1 << 20;
  const repeated = (text: string) => text.repeat(Math.ceil(megabyte / text.length));
  test.each<[string, string]>([
    ['brackets', repeated('(')],
    ['closed brackets', `${'('.repeat(megabyte / 2)}n${')'.repeat(megabyte / 2)}`],
    ['negations', `${repeated('NOT ')} ok`],
    ['minus signs', `${repeated('- ')}n`],
    ['sums', `n${repeated(' + n')} > 0`],
    ['comparisons', `n${repeated(' = n')}`],
    ['conjunctions', `ok${repeated(' AND ok')}`],
    ['a list', `n IN (1${repeated(', 1')})`],
    ['calls', `${repeated('abs(')}n`],
    ['branches', repeated('CASE WHEN ok THEN ')],
    ['subscripts', `arr${repeated('[0]')}`],
    ['casts', `n${repeated('::int')} = 1`],
    ['fields', `s${repeated('.a')} = 1`],
    ['texts', `t = ${repeated("'a' ")}`],
    ['a long text', `t = '${repeated('x')}'`],
    ['digits', `n = ${repeated('9')}`],
    ['a fraction', `x = 0.${repeated('1')}`],
    ['blanks', `${repeated(' ')}ok`],
    ['comments', `${repeated('/**/')}ok`],
    ['an open comment', `ok /*${repeated('*')}`],
    ['nested types', `CAST(n AS ${repeated('array<')}`],
    ['betweens', `${'('.repeat(150)}n${' BETWEEN 1 AND 2)'.repeat(150)}`],
    ['replacements', `${'replace('.repeat(40)}'aaaaaaaa'${", 'a', 'aaaaaaaaaaaaaaaa')".repeat(40)} = t`],
    ['a pattern of runs', `'${'a'.repeat(5000)}' LIKE '${'%a'.repeat(2000)}%b'`],
    ['nonsense', repeated('\u0000"\'`')],
  ])(
    '%s',
    (_, sql) => {
      const before = process.cpuUsage();
      try {
        compileCondition(parseExpression(sql), COLUMNS)(() => null);
      } catch (cause) {
        expect(isSluiceError(cause, 'EXPRESSION_INVALID') ? 'refused' : cause).toBe('refused');
      }
      const { user, system } = process.cpuUsage(before);
      expect((user + system) / 1e6).toBeLessThan(20);
    },
    180_000,
  );
});
