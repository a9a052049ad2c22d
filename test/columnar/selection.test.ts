import fc from 'fast-check';
import { expect, test } from 'vitest';
import { rowSelector, takeRows } from '../../src/columnar/arrow.js';
import { compileCondition } from '../../src/expr/compile.js';
import { parseExpression } from '../../src/expr/parse.js';
import { COLUMNS, ownRows } from '../support/expression-rows.js';
import { expressions } from '../support/expressions.js';
import { tableOfRows } from '../table/tables.js';

const ROWS = ownRows();
const TABLE = tableOfRows(COLUMNS, ROWS);

test('a condition over columns selects the rows for which it is true one by one', () => {
  const counts = { none: 0, some: 0 };
  fc.assert(
    fc.property(expressions.condition, fc.integer({ min: 0, max: ROWS.length }), (sql, start) => {
      const expr = parseExpression(sql);
      const holds = compileCondition(expr, COLUMNS);
      // A slice has its bits at an offset of their own.
      const part = TABLE.slice(start);
      const wanted = ROWS.slice(start).flatMap((row, i) =>
        holds((column) => row[column] ?? null) === true ? [i] : [],
      );
      const found = [...rowSelector(expr, COLUMNS)(part)];
      expect(found).toEqual(wanted);
      counts[found.length === 0 ? 'none' : 'some']++;
    }),
    { numRuns: Number(process.env['FC_RUNS'] ?? 600) },
  );
  expect(counts.some).toBeGreaterThan(counts.none / 4);
}, 120_000);

/** Each of these has a loop of its own over Arrow's buffers. */
test.each([
  'n < 5',
  'n <= 5',
  'n = 5',
  'n <> 5',
  'n > 5',
  'n >= 5',
  'NOT n > 5',
  '5 < n',
  'n <=> 5',
  'NOT (n <=> 5)',
  'x > 0',
  'x >= 2.5D',
  'x < 2.5D',
  "x = CAST('NaN' AS DOUBLE)",
  "x < CAST('NaN' AS DOUBLE)",
  "NOT x < CAST('NaN' AS DOUBLE)",
  'x = 0',
  'f > x',
  'f = f',
  'NOT f < x',
  'l > 12',
  'l = 9007199254740993',
  'l <= -9223372036854775808',
  'l < n',
  'NOT l >= n',
  'd = 12',
  'd < 12.5',
  'e > 0.5',
  'd > e',
  "t = 'a'",
  "t <> 'a'",
  "t < 'b'",
  "t >= '\u{1f600}'",
  "'\uff5e' <= t",
  't < u',
  'NOT t = u',
  "t LIKE 'a%'",
  "t NOT LIKE '%a'",
  "t LIKE '_'",
  "t LIKE '%o%w%'",
  'n IN (5, 12, 128)',
  'n NOT IN (5, 12)',
  'n IN (5, NULL)',
  'n NOT IN (5, NULL)',
  'l IN (12, -12, 4294967296)',
  "t IN ('a', '', 'Abc')",
  "t NOT IN ('a', '')",
  'd IN (12, 0.05)',
  "x IN (CAST('NaN' AS DOUBLE), 0)",
  'ok',
  'NOT ok',
  'ok IS TRUE',
  'ok IS NOT FALSE',
  'ok IS NULL',
  'n IS NOT NULL',
  's IS NULL',
  "day > DATE '1970-01-01'",
  "at <= TIMESTAMP '1970-01-01 00:00:00'",
  'n + 1 > 5',
  'n * 2 = 10',
  'n % 5 = 0',
  'n - n = 0',
  'n % 0 IS NULL OR n % b = 0',
  'x * 2 > n',
  'x + x <> 0',
  'b + sh < 0',
  "n > 5 AND t = 'a' OR ok",
  'NOT (n > 5 AND ok)',
  'NOT (n > 5 OR ok)',
  "raw >= X'61'",
  's.a = 1',
  'arr[0] = 1',
  'n BETWEEN 1 AND 128',
  'n NOT BETWEEN 1 AND 128',
  '(n > 5) <=> ok',
  '(n > 5) IS FALSE',
  'n > 5 AND NULL',
  'n > 5 OR NULL',
  'l = n',
  'f < 16777217',
  'ntz = at',
])('%s selects the same rows in columns as one by one, in a table of several batches too', (sql) => {
  const expr = parseExpression(sql);
  const holds = compileCondition(expr, COLUMNS);
  const wanted = ROWS.flatMap((row, i) => (holds((column) => row[column] ?? null) === true ? [i] : []));
  const select = rowSelector(expr, COLUMNS);
  expect([...select(TABLE)]).toEqual(wanted);
  const batches = TABLE.slice(0, 7).concat(TABLE.slice(7, 30), TABLE.slice(30));
  expect([...select(batches)]).toEqual(wanted);
  const even = Uint32Array.from({ length: 24 }, (_, i) => i * 2);
  expect([...select(takeRows(TABLE, even))]).toEqual(
    wanted.filter((row) => row % 2 === 0).map((row) => row / 2),
  );
});
