import { describe, expect, test } from 'vitest';
import { equalsPostgres, parseArrayText } from '../../src/cli/demo/postgres-text.js';
import { compareWithTruth, type TruthTable } from '../../src/cli/demo/truth.js';

describe('the judge reads PostgreSQL’s text by itself', () => {
  test.each([
    ['bigint', '9223372036854775807', 9223372036854775807n, true],
    ['bigint', '9223372036854775807', 9223372036854775806n, false],
    ['integer', '5', 5, true],
    ['integer', '5', '5', false],
    ['numeric(12,2)', '1.50', '1.5', true],
    ['numeric(12,2)', '1.50', '1.51', false],
    ['numeric', '-0', '0', true],
    ['double precision', '-0', -0, true],
    ['double precision', '-0', 0, false],
    ['double precision', 'NaN', Number.NaN, true],
    ['real', '0.1', Math.fround(0.1), true],
    ['boolean', 't', true, true],
    ['boolean', 't', 'true', false],
    ['bytea', '\\x00ff', new Uint8Array([0, 255]), true],
    ['bytea', '\\x00ff', new Uint8Array([255]), false],
    ['date', '0044-03-15 BC', '-000043-03-15', true],
    ['date', '2020-02-29', '2020-02-28', false],
    ['date', 'infinity', null, false],
    ['timestamp without time zone', '2020-01-01 00:00:00.5', '2020-01-01T00:00:00.500000', true],
    ['timestamp with time zone', '2020-01-01 00:00:00+00', '2020-01-01T00:00:00.000001Z', false],
    ['time without time zone', '01:02:03.5', '01:02:03.500000', true],
    ['interval', '1 day 02:00:00', 93_600_000_000n, true],
    ['text', 'a', 'a', true],
    ['text', null, null, true],
    ['text', '', null, false],
    ['text', null, '', false],
    ['text[]', '{a,NULL,"b,\\"c"}', ['a', null, 'b,"c'], true],
    ['text[]', '{a}', ['a', 'b'], false],
    ['integer[]', '{{1,2},{3,4}}', [null, null], false],
  ] as const)('%s %s against %s', (type, text, cell, equal) => {
    expect(equalsPostgres(type, text, cell)).toBe(equal);
  });

  test('an array of two dimensions is told apart', () => {
    expect(parseArrayText('{{1},{2}}')).toBeUndefined();
    expect(parseArrayText('{}')).toEqual([]);
  });
});

describe('the comparison', () => {
  const truth: TruthTable = {
    primary_key: ['id'],
    columns: [
      { name: 'id', type: 'integer' },
      { name: 'level', type: 'integer' },
      { name: 'num', type: 'numeric' },
      { name: 'd', type: 'date' },
    ],
    rows: [
      { id: '1', level: '7', num: 'NaN', d: 'infinity' },
      { id: '2', level: '8', num: '1.5', d: null },
    ],
  };
  const rows = [
    { id: 1, level: 7, num: null, d: null },
    { id: 2, level: 8, num: '1.5', d: null },
  ];
  const wrongOf = (changed: readonly Record<string, unknown>[], table = 'odd_values') =>
    compareWithTruth('full', table, truth, changed).wrong;

  test('counts what the stream does not carry, by reason', () => {
    const { wrong, allowed } = compareWithTruth('full', 'odd_values', truth, rows);
    expect(wrong).toEqual([]);
    expect(Object.fromEntries(allowed)).toEqual({
      'infinite date or timestamp': 1,
      'numeric NaN or infinity under decimal.handling.mode=precise': 1,
    });
  });

  test('finds a row too few, a row too many, a row twice, a value that differs', () => {
    expect(wrongOf(rows.slice(1))).toEqual(['odd_values ["1"]: missing']);
    expect(wrongOf([...rows, { id: 3, level: 1, num: null, d: null }])).toEqual([
      'odd_values ["3"]: PostgreSQL has no such row',
    ]);
    expect(wrongOf([...rows, ...rows.slice(1)])).toEqual(['odd_values ["2"]: more than one row']);
    expect(wrongOf([rows[0] ?? {}, { id: 2, level: 9, num: '1.5', d: null }])).toEqual([
      'odd_values id=2: level is 9, PostgreSQL has "8"',
    ]);
  });

  test('allows nothing beyond the recording’s own list', () => {
    // Null for a number that the stream does carry, a default of another column, another table's rule.
    expect(wrongOf([rows[0] ?? {}, { id: 2, level: 8, num: null, d: null }]).length).toBe(1);
    expect(wrongOf([{ id: 1, level: null, num: null, d: null }, rows[1] ?? {}]).length).toBe(1);
    expect(wrongOf([{ id: 1, level: null, num: null, d: null }, rows[1] ?? {}], 'customers').length).toBe(0);
    expect(wrongOf([rows[0] ?? {}, { id: 2, level: null, num: '1.5', d: null }], 'customers').length).toBe(1);
  });

  test('rows without a key are compared as a multiset', () => {
    const keyless: TruthTable = {
      primary_key: [],
      columns: [{ name: 'n', type: 'integer' }],
      rows: [{ n: '1' }, { n: '1' }, { n: '2' }],
    };
    const check = (cells: readonly number[]) =>
      compareWithTruth(
        'full',
        'log',
        keyless,
        cells.map((n) => ({ n })),
      ).wrong.length;
    expect(check([2, 1, 1])).toBe(0);
    expect(check([2, 1])).toBe(1);
    expect(check([2, 2, 1])).toBe(2);
    expect(check([1, 1, 2, 2])).toBe(1);
  });
});
