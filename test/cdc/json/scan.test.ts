import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { skipNumber, skipString, skipValue } from '../../../src/cdc/json/scan.js';
import { eachMember, readString, ShapeBook } from '../../../src/cdc/json/shapes.js';

const json = fc
  .jsonValue({ maxDepth: 5 })
  .chain((value) =>
    fc.constantFrom(0, 1, '\t', '\n  ').map((space) => JSON.stringify(value, undefined, space)),
  );

describe('skipping a value', () => {
  test('ends where the value ends, whatever follows', () => {
    fc.assert(
      fc.property(json, fc.constantFrom('', ',', '}', ']', ' ', ',"x":1}'), (text, rest) => {
        expect(skipValue(Buffer.from(text + rest), 0)).toBe(Buffer.byteLength(text));
      }),
    );
  });

  test('needs no stack for deep nesting', () => {
    const text = '['.repeat(200_000) + ']'.repeat(200_000);
    expect(skipValue(Buffer.from(text), 0)).toBe(text.length);
    expect(skipValue(Buffer.from('['.repeat(200_000)), 0)).toBe(-1);
  });

  test.each([
    '',
    '"',
    '"abc',
    '"abc\\"',
    '{',
    '{"a":1',
    '[1,2',
    'nul',
    'tru',
    'falsy',
    'x',
    '-',
    '1.',
    '1e',
    '1e+',
    '.5',
    '+1',
  ])('says that %j is no value', (text) => expect(skipValue(Buffer.from(text), 0)).toBe(-1));

  test.each([
    ['0', 1],
    ['-0', 2],
    ['01', 1],
    ['12.50', 5],
    ['-1e5', 4],
    ['1E-30,', 5],
    ['123456789012345678901234567890', 30],
  ])('reads the number in %j', (text, end) => expect(skipNumber(Buffer.from(text), 0)).toBe(end));
});

describe('skipping a string', () => {
  test('is not fooled by quotes and backslashes at any length', () => {
    const piece = fc.constantFrom('\\', '"', 'a', 'é', '😀', '\n', '{', '\\"', '\u0000');
    const text = fc.array(piece, { maxLength: 60 }).map((pieces) => pieces.join(''));
    fc.assert(
      fc.property(text, fc.nat(60), text, (inside, padding, rest) => {
        const token = JSON.stringify('x'.repeat(padding) + inside);
        expect(skipString(Buffer.from(token + rest), 0)).toBe(Buffer.byteLength(token));
      }),
    );
  });
});

describe('reading a string', () => {
  test('gives back every text that UTF-8 can hold', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const token = Buffer.from(JSON.stringify(text));
        expect(readString(token, 0, token.length)).toBe(/\p{Surrogate}/u.test(text) ? undefined : text);
      }),
    );
  });

  test.each(['"\\ud800"', '"\\udc00 x"', '"\\x"', '"\t"', '"\\u12"'])('refuses %j', (token) => {
    expect(readString(Buffer.from(token), 0, Buffer.byteLength(token))).toBeUndefined();
  });
});

describe('the shape of an object', () => {
  test('is the same for objects with the same names in the same order, and only for those', () => {
    const book = new ShapeBook();
    const first = book.walk(Buffer.from('{"a":1,"b":"x"}'), 0);
    expect(first?.names).toEqual(['a', 'b']);
    expect(book.walk(Buffer.from(' { "a" : {"c":[1]} , "b" : null } '), 1)).toBe(first);
    expect(book.walk(Buffer.from('{"b":1,"a":2}'), 0)).not.toBe(first);
    expect(book.walk(Buffer.from('{"a":1}'), 0)?.names).toEqual(['a']);
    expect(book.walk(Buffer.from('{}'), 0)?.names).toEqual([]);
    expect(book.walk(Buffer.from('{"a":1,"b":2,"c":3}'), 0)?.names).toEqual(['a', 'b', 'c']);
    expect(book.walk(Buffer.from('{"a":1,"b":"x"}'), 0)).toBe(first);
  });

  test('has names with escapes, in any script', () => {
    const shape = new ShapeBook().walk(Buffer.from('{"na\\u0069ve":1,"größe":2,"__proto__":3}'), 0);
    expect(shape?.names).toEqual(['naive', 'größe', '__proto__']);
  });

  test.each([
    '{"a":1,"a":2}',
    '{"a":1,"\\u0061":2}',
    '{"a":1,}',
    '{"a" 1}',
    '{"a":1 "b":2}',
    '{a:1}',
    '[1]',
    '{"a":1',
    '{"\\ud800":1}',
  ])('is undefined for %j', (text) => expect(new ShapeBook().walk(Buffer.from(text), 0)).toBeUndefined());

  test('finds the members that JSON.parse finds, wherever the object stands', () => {
    const object = fc.dictionary(fc.string({ maxLength: 5 }), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 6 });
    fc.assert(
      fc.property(object, fc.constantFrom(undefined, 2), fc.nat(3), (value, space, offset) => {
        const bytes = Buffer.from(
          ' '.repeat(offset) + JSON.stringify(value, undefined, space) + ' ,"more":1',
        );
        const members: [string, unknown][] = [];
        const end = eachMember(bytes, offset, (from, upTo, at, valueEnd) => {
          members.push([
            readString(bytes, from, upTo) ?? '',
            JSON.parse(bytes.toString('utf8', at, valueEnd)),
          ]);
        });
        expect(Object.fromEntries(members)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(bytes.toString('utf8', end, end + 9)).toBe(' ,"more":');
      }),
    );
  });
});
