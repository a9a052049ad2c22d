import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chosenPath, defaultPath, encodeSegment, formatPath } from '../../src/sink/table-path.js';

const source = { connector: 'postgresql', name: 'db', db: 'shop', schema: 'inventory', table: 'customers' };
const from = (part: Partial<typeof source>, topic = 'full.inventory.customers') => ({
  topic,
  source: { ...source, ...part },
});

describe('encodeSegment', () => {
  test.each([
    ['customers', 'customers'],
    ['a.b', 'a.b'],
    ['.hidden', '%2Ehidden'],
    ['end.', 'end%2E'],
    ['...', '%2E.%2E'],
    ['a/b', 'a%2Fb'],
    ['..\\up', '%2E.%5Cup'],
    ['50%', '50%25'],
    ['a b', 'a%20b'],
    ['straße', 'stra%C3%9Fe'],
    ['日本', '%E6%97%A5%E6%9C%AC'],
    ['A_b-C', 'A_b-C'],
    ['nul\u0000', 'nul%00'],
  ])('%j becomes %j', (value, encoded) => {
    expect(encodeSegment(value)).toBe(encoded);
  });

  test.each([
    '',
    '.',
    '..',
    '_delta_log',
    '_DELTA_LOG',
    '_change_data',
    '_sluice',
    'x'.repeat(256),
    'ß'.repeat(43),
  ])('%j is refused', (value) => {
    expect(() => encodeSegment(value)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });

  test('is one part of a path whatever the value, and two values never share it', () => {
    const values = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(values, values, (one, other) => {
        fc.pre(!['.', '..'].includes(one) && !['.', '..'].includes(other));
        const [first, second] = [encodeSegment(one), encodeSegment(other)];
        expect(first).toMatch(/^[A-Za-z0-9_%-][A-Za-z0-9_.%-]*$/);
        expect(first === second).toBe(one === other);
      }),
    );
  });
});

describe('paths', () => {
  test('the default is schema and table, and the topic where the source names none', () => {
    expect(defaultPath(from({}))).toBe('inventory/customers');
    expect(defaultPath(from({ schema: '' }, 'maria.shop.orders'))).toBe('maria.shop.orders');
  });

  test('a format puts each value into one part', () => {
    expect(formatPath('raw/${source.db}-${source.table}')(from({ table: 'a/b' }))).toBe('raw/shop-a%2Fb');
    expect(formatPath('${topic}')(from({}))).toBe('full.inventory.customers');
    expect(() => formatPath('${source.schema}/${source.table}')(from({ schema: '..' }))).toThrow(/"\.\."/);
  });

  test('a format that asks for what there is not is refused, by name', () => {
    expect(() => formatPath('${source.tabel}')).toThrow(/knows no \$\{source.tabel\}/);
    expect(() => formatPath('${source.schema}/x')(from({ schema: '' }))).toThrow(
      /\$\{source.schema\}.*does not name/,
    );
  });

  test('a chosen path is checked part by part', () => {
    expect(chosenPath(({ source: { table } }) => `lake/${table}`)(from({}))).toBe('lake/customers');
    for (const path of ['/abs', 'a//b', 'a/../b', '../b', 'a/', '']) {
      expect(() => chosenPath(() => path)(from({}))).toThrow(
        expect.objectContaining({ code: 'CONFIG_INVALID' }),
      );
    }
    expect(chosenPath(() => 's3:/x/%2e%2e')(from({}))).toBe('s3%3A/x/%252e%252e');
  });
});
