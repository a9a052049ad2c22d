import { compile } from '../../src/expr/compile.js';
import { parseExpression } from '../../src/expr/parse.js';
import { struct } from '../../src/schema/build.js';
import { formatType, parseColumnsText } from '../../src/schema/type-text.js';
import type { Value } from '../../src/schema/types.js';

/** Columns of every type that expressions know, and rows whose values lie where types end, as SQL. */
export const COLUMNS = struct(
  parseColumnsText(
    `id INT, b TINYINT, sh SMALLINT, n INT, l BIGINT, f FLOAT, x DOUBLE, d DECIMAL(12,2), e DECIMAL(38,10), t STRING,
     u STRING, raw BINARY, day DATE, at TIMESTAMP, ntz TIMESTAMP_NTZ, ok BOOLEAN, arr ARRAY<INT>, m MAP<STRING, INT>,
     s STRUCT<a: INT, b: STRING>`,
  ).map(({ field }) => field),
);

const VALUES: Readonly<Record<string, readonly string[]>> = {
  b: ['0', '1', '-1', '127', '-128', 'NULL'],
  sh: ['0', '7', '-7', '32767', '-32768', 'NULL', '300'],
  n: ['0', '5', '-5', '2147483647', '-2147483648', 'NULL', '1000', '12', '128'],
  l: [
    '0',
    '12',
    '-12',
    '9223372036854775807',
    '-9223372036854775808',
    'NULL',
    '9007199254740993',
    '4294967296',
    '3000000000',
  ],
  f: ['0', '1.5', '-1.5', "'NaN'", "'Infinity'", 'NULL', '0.1', '-0.0D', '16777216', '1e10'],
  x: ['0', '2.5', '-2.5', "'NaN'", "'-Infinity'", 'NULL', '0.1D', '-0.0D', '1e20', '-0.5', '12'],
  d: ['0', '12.00', '-12.34', '9999999999.99', '-9999999999.99', 'NULL', '0.05', '1.5', '2.50'],
  e: ['0', '12', '-0.0000000001', '9999999999999999999999999999.9999999999', 'NULL', '1.25', '0.5'],
  t: [
    "''",
    "'a'",
    "'Abc'",
    "' 12 '",
    "'12.5'",
    "'-7'",
    "'true'",
    "'2020-02-29 12:34:56.789'",
    "'2020-2-9'",
    "'2020-02-30'",
    'NULL',
    "'é'",
    "'\u{1f600}x'",
    "'\uff5e'",
    "'a%b_c'",
    "'1e3'",
    "'nan'",
    "'999999999999'",
    "'a,b,,c'",
    "'hello world'",
    "'NO'",
    "'1999-12-31T23:59:59+01:00'",
    "'.5'",
  ],
  u: ["'a'", "'A'", "'ab'", "''", "'b'", 'NULL', "'5'", "'x y'", "'lo'", "'12'", "'%'"],
  raw: ["X''", "X'00'", "X'61ff'", 'NULL', "X'6162'"],
  day: [
    "DATE '1970-01-01'",
    "DATE '2020-02-29'",
    "DATE '1969-12-31'",
    "DATE '0001-01-01'",
    "DATE '9999-12-31'",
    'NULL',
    "DATE '1582-10-10'",
    "DATE '2021-01-03'",
    "DATE '2018-12-31'",
  ],
  at: [
    "TIMESTAMP '1970-01-01 00:00:00'",
    "TIMESTAMP '2020-02-29 12:34:56.789012'",
    "TIMESTAMP '1969-12-31 23:59:59.999999'",
    "TIMESTAMP '0001-01-01 00:00:00'",
    "TIMESTAMP '9999-12-31 23:59:59.999999'",
    'NULL',
    "TIMESTAMP '2020-02-29 00:00:00'",
    "TIMESTAMP '1999-12-31 22:59:59'",
  ],
  ntz: [
    "TIMESTAMP_NTZ '1970-01-01 00:00:00'",
    "TIMESTAMP_NTZ '2020-02-29 12:34:56.789012'",
    'NULL',
    "TIMESTAMP_NTZ '2020-02-29 00:00:00'",
  ],
  ok: ['TRUE', 'FALSE', 'NULL'],
  arr: ['array(1, 2, NULL)', 'NULL', 'array(5)', 'array(-5, 0)'],
  m: ["map('a', 1, 'b', 2)", 'NULL', "map('A', CAST(NULL AS INT))", "map('5', 5)"],
  s: ["named_struct('a', 1, 'b', 'x')", 'NULL', "named_struct('a', CAST(NULL AS INT), 'b', 'ab')"],
};

const ROWS = 48;

/** The rows as SQL literals, each cast to its column's type; columns step through their values at their own pace. */
export const ROW_TEXTS: readonly (readonly string[])[] = Array.from({ length: ROWS }, (_, row) =>
  COLUMNS.fields.map(({ name, type }, column) => {
    if (name === 'id') return String(row);
    const values = VALUES[name] ?? ['NULL'];
    const text = values[(row * (1 + (column % 5)) + column) % values.length] ?? 'NULL';
    return type.kind === 'array' || type.kind === 'map' || type.kind === 'struct'
      ? text === 'NULL'
        ? `CAST(NULL AS ${formatType(type)})`
        : text
      : `CAST(${text} AS ${formatType(type)})`;
  }),
);

/** The same rows as our own parser reads them. */
export function ownRows(): readonly (readonly Value[])[] {
  return ROW_TEXTS.map((row) => row.map((text) => compile(parseExpression(text), struct([]))(() => null)));
}
