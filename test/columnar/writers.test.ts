import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concat } from '../../src/columnar/arrow.js';
import { csv } from '../../src/columnar/csv.js';
import { ndjson } from '../../src/columnar/ndjson.js';
import { textTable } from '../../src/columnar/text-table.js';
import { BINARY, decimal, field, LONG, STRING, struct, TIMESTAMP } from '../../src/schema/build.js';
import { canonicalRow } from '../../src/schema/canonical.js';
import type { Value } from '../../src/schema/types.js';
import { rowsWithColumns, tableOfRows } from './arbitraries.js';

test('NDJSON has the canonical row a line', () => {
  fc.assert(
    fc.property(rowsWithColumns(), ({ struct: schema, rows }) => {
      const table = concat([tableOfRows(schema, rows), tableOfRows(schema, rows)]);
      const lines = [...rows, ...rows].map((row) => `${canonicalRow(schema, row)}\n`);
      expect([...ndjson(table, schema)].join('')).toBe(lines.join(''));
    }),
  );
});

test('NDJSON comes in pieces of whole lines', () => {
  const schema = struct([field('s', STRING)]);
  const rows = Array.from({ length: 10_000 }, (): Value[] => ['x'.repeat(40)]);
  const pieces = [...ndjson(tableOfRows(schema, rows), schema)];
  expect(pieces.length).toBeGreaterThan(3);
  for (const piece of pieces) expect(piece.endsWith('\n')).toBe(true);
});

const schema = struct([
  field('id', LONG),
  field('name', STRING),
  field('at', TIMESTAMP),
  field('d', decimal(5, 2)),
  field('raw', BINARY),
]);
const rows: Value[][] = [
  [2n ** 63n - 1n, 'plain', 0n, -5n, Uint8Array.of(1, 2)],
  [null, 'a "quoted",\nfield', null, null, null],
  [3n, '', null, 0n, null],
];

describe('CSV', () => {
  test('quotes what needs it, tells an empty text from a null, and ends lines as RFC 4180 says', () => {
    expect([...csv(tableOfRows(schema, rows), schema, { header: true })].join('')).toBe(
      [
        'id,name,at,d,raw',
        '9223372036854775807,plain,1970-01-01T00:00:00.000000Z,-0.05,AQI=',
        ',"a ""quoted"",\nfield",,,',
        '3,"",,0.00,',
        '',
      ].join('\r\n'),
    );
  });

  test('has no header where none is asked for', () => {
    expect([...csv(tableOfRows(schema, []), schema, { header: false })].join('')).toBe('');
  });
});

describe('the table for a terminal', () => {
  test('shows nulls by name, numbers to the right, and cuts what is long', () => {
    expect(textTable(tableOfRows(schema, rows), schema, { cellCharacters: 12 })).toBe(
      [
        '┌──────────────┬──────────────┬──────────────┬───────┬──────┐',
        '│           id │ name         │ at           │     d │ raw  │',
        '├──────────────┼──────────────┼──────────────┼───────┼──────┤',
        '│ 92233720368… │ plain        │ 1970-01-01T… │ -0.05 │ AQI= │',
        '│         NULL │ a "quoted",… │ NULL         │  NULL │ NULL │',
        '│            3 │              │ NULL         │  0.00 │ NULL │',
        '└──────────────┴──────────────┴──────────────┴───────┴──────┘',
        '',
      ].join('\n'),
    );
  });

  test('lets no value steer the terminal', () => {
    const one = struct([field('s', STRING)]);
    const text = textTable(tableOfRows(one, [['\u001b[2Jhello']]), one, { cellCharacters: 40 });
    expect(text).not.toContain('\u001b');
    expect(text).toContain('\\u001b[2Jhello');
  });
});
