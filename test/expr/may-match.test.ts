import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileCondition } from '../../src/expr/compile.js';
import { compileVerdict, type Bounds, type Verdict } from '../../src/expr/may-match.js';
import { compareValues } from '../../src/expr/order.js';
import { parseExpression } from '../../src/expr/parse.js';
import { struct } from '../../src/schema/build.js';
import { parseColumnsText } from '../../src/schema/type-text.js';
import type { Value } from '../../src/schema/types.js';

const SCHEMA = struct(
  parseColumnsText(
    'n INT, l BIGINT, x DOUBLE, t STRING, d DECIMAL(6,2), day DATE, at TIMESTAMP, b BOOLEAN',
  ).map(({ field }) => field),
);

/** Few values, so that bounds and literals meet all the time. */
const VALUES: Readonly<Record<string, readonly Value[]>> = {
  n: [-2, -1, 0, 1, 2],
  l: [-(2n ** 63n), -1n, 0n, 1n, 2n ** 53n + 1n],
  x: [-Infinity, -1.5, -0, 0, 1, 2.25, NaN],
  t: ['', 'a', 'ab', 'abc', 'b', '\uff5e', '\u{1f600}'],
  d: [-150n, 0n, 100n, 225n],
  day: [-1, 0, 1],
  at: [-86_400_000_000n, 0n, 1n, 86_400_000_000n],
  b: [false, true],
};

const rowArbitrary: fc.Arbitrary<Value[]> = fc.tuple(
  ...SCHEMA.fields.map(({ name }) =>
    fc.option(fc.constantFrom(...(VALUES[name] ?? [])), { freq: 4, nil: null }),
  ),
);

const LITERALS: Readonly<Record<string, readonly string[]>> = {
  n: ['-2', '0', '1', '1.5', '2L', "'1'", 'l', 'x', 'd', 'null', 'n + 1', 'cast(x as int)'],
  l: ['-1', '0L', '9007199254740993', '9223372036854775807', 'n', "'0'", 'x'],
  x: ['-1.5', '0', '1e0', "cast('NaN' as double)", 'n', '2.25', "cast('-Infinity' as double)"],
  t: ["'a'", "'ab'", "''", "'\uff5e'", "'\u{1f600}'", 'lower(t)', 'null', 'cast(n as string)'],
  d: ['-1.5', '0', '1', '2.25', 'n', '2.255', "'1.00'", 'x'],
  day: ["'1970-01-01'", "DATE '1969-12-31'", 'at', 'cast(at as date)', 'null'],
  at: ["'1970-01-01'", "'1970-01-01T00:00:00.000001Z'", 'day', 'null'],
  b: ['true', 'false', 'null', '(n > 0)'],
};

const column = fc.constantFrom(...SCHEMA.fields.map(({ name }) => name));
const compared = column.chain((name) =>
  fc
    .tuple(
      fc.constantFrom('=', '<>', '<', '<=', '>', '>=', '<=>'),
      fc.constantFrom(...(LITERALS[name] ?? [])),
      fc.boolean(),
    )
    .map(([op, literal, swap]) => (swap ? `${literal} ${op} ${name}` : `${name} ${op} ${literal}`)),
);
const listed = column.chain((name) =>
  fc
    .tuple(fc.boolean(), fc.array(fc.constantFrom(...(LITERALS[name] ?? [])), { minLength: 1, maxLength: 3 }))
    .map(([not, list]) => `${name} ${not ? 'not ' : ''}in (${list.join(', ')})`),
);
const nullable = fc.oneof(
  column,
  fc.constantFrom(
    'cast(x as int)',
    'cast(l as tinyint)',
    'cast(t as int)',
    'n / n',
    'cast(d as decimal(2,2))',
  ),
);
const nulls = fc.tuple(nullable, fc.boolean()).map(([name, not]) => `${name} is ${not ? 'not ' : ''}null`);
const likes = fc
  .tuple(fc.boolean(), fc.constantFrom("'a%'", "'ab%'", "'%b'", "'ab'", "''", "'%'", "'\uff5e%'", "'b_'"))
  .map(([not, pattern]) => `t ${not ? 'not ' : ''}like ${pattern}`);
const condition: fc.Arbitrary<string> = fc.letrec<{ it: string }>((tie) => ({
  it: fc.oneof(
    { depthSize: 'small', maxDepth: 4 },
    { weight: 6, arbitrary: compared },
    { weight: 2, arbitrary: listed },
    { weight: 2, arbitrary: nulls },
    { weight: 2, arbitrary: likes },
    fc.constantFrom('b', 'true', 'false', 'null', 'not b'),
    fc.array(tie('it'), { minLength: 2, maxLength: 3 }).map((all) => `(${all.join(' and ')})`),
    fc.array(tie('it'), { minLength: 2, maxLength: 3 }).map((all) => `(${all.join(' or ')})`),
    tie('it').map((one) => `not (${one})`),
    tie('it').map((one) => `(${one}) is null`),
    tie('it').map((one) => `(${one}) is true`),
    tie('it').map((one) => `coalesce(${one}, false)`),
  ),
})).it;

/** Bounds as a careful or a careless writer would keep them: `nan` in them, left out, or the whole column unknown. */
function boundsOf(rows: readonly Value[][], known: ReadonlySet<string>, keepNaN: boolean): Bounds {
  const values = ([name = '']: readonly string[]): Value[] => {
    const index = SCHEMA.fields.findIndex((field) => field.name === name);
    return rows.map((row) => row[index] ?? null);
  };
  const end = (path: readonly string[], sign: number): Value | undefined => {
    if (!known.has(path[0] ?? '')) return undefined;
    const present = values(path).filter((value) => value !== null && (keepNaN || !Number.isNaN(value)));
    return present.sort((one, other) => sign * compareValues(one, other))[0];
  };
  return {
    numRecords: rows.length,
    min: (path) => end(path, 1),
    max: (path) => end(path, -1),
    nullCount: (path) =>
      known.has(path[0] ?? '') ? values(path).filter((value) => value === null).length : undefined,
    constant: (column) => {
      const [first, ...others] = values([column]);
      if (first === undefined || !known.has(column)) return undefined;
      return others.every((value) => Object.is(value, first)) ? first : undefined;
    },
  };
}

test('skipping by bounds never changes the answer', () => {
  const rows = fc.array(rowArbitrary, { maxLength: 4 });
  const known = fc.subarray(SCHEMA.fields.map(({ name }) => name)).map((names) => new Set(names));
  const counts: Record<Verdict, number> = { no: 0, maybe: 0, all: 0 };
  fc.assert(
    fc.property(condition, rows, known, fc.boolean(), (sql, set, names, keepNaN) => {
      const expr = parseExpression(sql);
      const test = compileCondition(expr, SCHEMA);
      const matches = set.filter((row) => test((index) => row[index] ?? null) === true).length;
      const verdict = compileVerdict(expr, SCHEMA)(boundsOf(set, names, keepNaN));
      // Whatever matches must not be skipped, and what need not be looked at must match.
      if (verdict === 'no') expect(matches).toBe(0);
      if (verdict === 'all') expect(matches).toBe(set.length);
      counts[verdict]++;
    }),
    { numRuns: 5000 },
  );
  // Always saying "maybe" would be a law-abiding answer too.
  expect(counts.no).toBeGreaterThan(500);
  expect(counts.all).toBeGreaterThan(50);
});

describe('bounds rule out', () => {
  const bounds: Bounds = {
    numRecords: 10,
    min: ([name]) =>
      ({ n: 10, l: 10n, x: 1, t: 'ka', d: 1000n, day: 100, at: 8_640_000_000_000n })[name ?? ''],
    max: ([name]) =>
      ({ n: 20, l: 20n, x: 2, t: 'kz', d: 2000n, day: 110, at: 9_504_000_000_000n })[name ?? ''],
    nullCount: ([name]) => (name === 'b' ? 10 : 0),
    constant: () => undefined,
  };
  test.each<[string, boolean]>([
    ['n = 9', false],
    ['n = 10', true],
    ['n > 20', false],
    ['n >= 20', true],
    ['n < 10', false],
    ['n between 21 and 30', false],
    ['n in (1, 2, 21)', false],
    ['n in (1, 15)', true],
    ['not n between 10 and 20', false],
    ["n = '9'", false],
    ['n < 9.5', false],
    ['l > 20', false],
    ["t like 'kb%'", true],
    ["t like 'l%'", false],
    ["t like 'j%'", false],
    ["t = 'k'", false],
    ['d < 10', false],
    ["day = '1970-01-01'", false],
    ["at < '1970-04-10'", false],
    ["day >= '1970-04-11' and at < '1970-04-10'", false],
    ['n is null', false],
    ['b is null', true],
    ['b', false],
    ['b = true', false],
    ['b is not null', false],
    ['n = 9 or t = "k"', false],
    ['n = 9 or t = "kb"', true],
    ['n <=> null', false],
    ['x < 1', false],
    // A NaN may be there and is greater than any number.
    ['x > 2', true],
    ['x = 3', false],
    ['n + 1 = 0', true],
  ])('%s: %s', (sql, expected) => {
    expect(compileVerdict(parseExpression(sql), SCHEMA)(bounds) !== 'no').toBe(expected);
  });

  test('any condition on no rows', () => {
    expect(compileVerdict(parseExpression('true'), SCHEMA)({ ...bounds, numRecords: 0 })).toBe('no');
  });
});
