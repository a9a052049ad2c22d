import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseProperties } from '../../src/config/properties.js';

const pairs = (text: string) => parseProperties(text).map(({ key, value }) => [key, value]);

describe('Java’s properties', () => {
  test.each([
    ['a=b', [['a', 'b']]],
    ['a = b ', [['a', 'b ']]],
    ['a: b', [['a', 'b']]],
    ['a b', [['a', 'b']]],
    ['a\tb', [['a', 'b']]],
    ['a', [['a', '']]],
    ['a=', [['a', '']]],
    ['a==b', [['a', '=b']]],
    ['a = = b', [['a', '= b']]],
    ['  # no\n! no\n\n \t\na=1', [['a', '1']]],
    ['a=one\\\n   two', [['a', 'onetwo']]],
    ['a=one\\\n# no comment', [['a', 'one# no comment']]],
    [
      'a=one\\\\\nb=2',
      [
        ['a', 'one\\'],
        ['b', '2'],
      ],
    ],
    ['a=one\\', [['a', 'one']]],
    ['a\\ b\\=c=d', [['a b=c', 'd']]],
    ['a=\\u00e9\\t\\n\\\\\\x', [['a', 'é\t\n\\x']]],
    [
      'a=1\r\nb=2\rc=3',
      [
        ['a', '1'],
        ['b', '2'],
        ['c', '3'],
      ],
    ],
    ['\uFEFFa=1', [['a', '1']]],
    [
      'a=1\na=2',
      [
        ['a', '1'],
        ['a', '2'],
      ],
    ],
    ['topics.regex=inventory\\\\..*', [['topics.regex', 'inventory\\..*']]],
    ['a=\u00a0b', [['a', '\u00a0b']]],
  ] as const)('%j', (text, expected) => {
    expect(pairs(text)).toEqual(expected);
  });

  test('each setting knows the line where it begins', () => {
    const lines = parseProperties('# first\na=1\\\n  2\n\nb=3').map(({ key, line }) => [key, line]);
    expect(lines).toEqual([
      ['a', 2],
      ['b', 5],
    ]);
  });

  test('whatever is written with every character escaped comes back', () => {
    const escaped = (text: string) =>
      Array.from({ length: text.length }, (_, at) => {
        return `\\u${text.charCodeAt(at).toString(16).padStart(4, '0')}`;
      }).join('');
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', minLength: 1 }),
        fc.string({ unit: 'binary' }),
        (key, value) => {
          expect(pairs(`${escaped(key)}=${escaped(value)}`)).toEqual([[key, value]]);
        },
      ),
    );
  });
});
