import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  JSON_DEPTH_MAX,
  JsonNumber,
  JsonSyntaxError,
  isJsonObject,
  jsonToBigInt,
  jsonToDouble,
  ownMember,
  parseJson,
  stringifyJson,
} from '../../src/base/json.js';
import type { JsonValue } from '../../src/base/json.js';

/** An element that sends the whole text past JSON.parse, and that is cut off the answer again. */
const EXACT = '12345678901234567890';

function parseExactly(text: string): JsonValue | undefined {
  const value = parseJson(`[${text},${EXACT}]`);
  return Array.isArray(value) ? value[0] : undefined;
}

describe('numbers', () => {
  test.each<[string, JsonValue]>([
    ['0', 0],
    ['-0', -0],
    ['-0.0', -0],
    ['1.0', 1],
    ['9007199254740991', 9007199254740991],
    ['-9007199254740991', -9007199254740991],
    ['9007199254740992', 9007199254740992n],
    ['9007199254740993', 9007199254740993n],
    ['-9223372036854775808', -9223372036854775808n],
    ['18446744073709551616', 18446744073709551616n],
    ['1e21', 1e21],
    ['1E+2', 100],
    ['1.5e-7', 1.5e-7],
    ['0.1', 0.1],
    ['0.30000000000000004', 0.30000000000000004],
    ['1.7976931348623157E308', Number.MAX_VALUE],
    ['5e-324', 5e-324],
    ['4.9E-324', new JsonNumber('4.9E-324')],
    ['0.1000000000000000055', new JsonNumber('0.1000000000000000055')],
    ['12345678901234.56789', new JsonNumber('12345678901234.56789')],
    ['1e400', new JsonNumber('1e400')],
    ['1e-400', new JsonNumber('1e-400')],
    [
      '99999999999999999999999999999999999999.99',
      new JsonNumber('99999999999999999999999999999999999999.99'),
    ],
  ])('%s keeps every digit', (text, value) => {
    expect(parseJson(text)).toEqual(value);
    expect(parseExactly(text)).toEqual(value);
    expect(parseJson(stringifyJson(value))).toEqual(value);
  });

  test('long runs of digits inside strings and keys change nothing', () => {
    const text = '{"1000000000000000000000":"\\"1234567890123456789 [{","a":1}';
    expect(parseJson(text)).toEqual({ '1000000000000000000000': '"1234567890123456789 [{', a: 1 });
  });

  test('every kind of number is told as a double or an exact integer', () => {
    expect(jsonToDouble(12345678901234567890n)).toBe(12345678901234567000);
    expect(jsonToDouble(new JsonNumber('4.9E-324'))).toBe(5e-324);
    expect(jsonToDouble('1')).toBeUndefined();
    expect(jsonToBigInt(12345678901234567890n)).toBe(12345678901234567890n);
    expect(jsonToBigInt(3)).toBe(3n);
    expect(jsonToBigInt(3.5)).toBeUndefined();
    expect(jsonToBigInt(new JsonNumber('1e400'))).toBeUndefined();
  });
});

describe('objects', () => {
  test.each(['', `,"n":${EXACT}`])('__proto__ and integer-like keys are keys like others (%#)', (rest) => {
    const value = parseJson(`{"__proto__":{"x":1},"2":"two","1":"one"${rest}}`);
    if (!isJsonObject(value)) throw new Error('no object');
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(ownMember(value, '__proto__')).toEqual({ x: 1 });
    expect(ownMember(value, 'constructor')).toBeUndefined();
    expect(ownMember(value, '2')).toBe('two');
    expect(parseJson(stringifyJson(value))).toEqual(value);
    expect(stringifyJson(value)).toContain('"__proto__":{"x":1}');
  });

  test.each(['', `,"n":${EXACT}`])('of a key given twice the last value stays (%#)', (rest) => {
    const value = parseJson(`{"a":1,"a":2${rest}}`);
    expect(isJsonObject(value) && value['a']).toBe(2);
  });
});

describe('what is no JSON', () => {
  test.each([
    ['', 0],
    ['{', 1],
    ['[1,]', 3],
    ['{"a":1,}', 7],
    ['{a:1}', 1],
    ['[1 2]', 3],
    ['01', 1],
    ['1.', 1],
    ['.5', 0],
    ['-', 0],
    ['+1', 0],
    ['NaN', 0],
    ['nul', 0],
    ['"a', 2],
    ['"a\nb"', 2],
    ['"\\x"', 1],
    ['"\\u12g4"', 1],
    ['1 x', 2],
    ['[1]]', 3],
    [`[${EXACT}`, 21],
    [`{"a":${EXACT}}}`, 26],
  ])('%j is refused at position %i', (text, position) => {
    expect(() => parseJson(text)).toThrow(expect.objectContaining({ name: 'JsonSyntaxError', position }));
  });

  test('the message quotes nothing of the text', () => {
    expect(() => parseJson('{"name": secret}')).toThrow(/^(?!.*secret)/);
  });

  test('nesting is bounded, so that no text overflows the stack', () => {
    for (const [open, close] of [
      ['[', ']'],
      ['{"a":', '}'],
    ] as const) {
      const nested = (depth: number) => `${open.repeat(depth)}1${close.repeat(depth)}`;
      expect(stringifyJson(parseJson(nested(JSON_DEPTH_MAX)))).toBe(nested(JSON_DEPTH_MAX));
      expect(() => parseJson(nested(JSON_DEPTH_MAX + 1))).toThrow(JsonSyntaxError);
      expect(() => parseJson(nested(1_000_000))).toThrow(JsonSyntaxError);
      expect(() => parseJson(open.repeat(1_000_000))).toThrow(JsonSyntaxError);
    }
  });
});

describe('laws', () => {
  test('what JSON.parse reads, both ways of parsing read the same, but for digits', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(inDoubles(parseExactly(text))).toEqual(JSON.parse(text));
        expect(inDoubles(parseJson(text))).toEqual(JSON.parse(text));
      }),
    );
  });

  test('broken text is refused by both or by none', () => {
    const piece = fc.constantFrom('', '"', '{', ']', ',', '\\', '0', '-', 'e', '\n');
    fc.assert(
      fc.property(fc.json(), fc.nat(), piece, (json, at, piece) => {
        const position = at % (json.length + 1);
        const text = json.slice(0, position) + piece + json.slice(position + 1);
        expect(outcome(() => inDoubles(parseExactly(text)))).toEqual(
          outcome(() => JSON.parse(`[${text},1]`)[0]),
        );
      }),
      { numRuns: 1000 },
    );
  });

  test('every value comes back from its text', () => {
    fc.assert(
      fc.property(jsonValue(), (value) => {
        expect(parseJson(stringifyJson(value))).toEqual(value);
      }),
    );
  });
});

/** The value as JSON.parse would give it. */
function inDoubles(value: JsonValue | undefined): unknown {
  return JSON.parse(stringifyJson(value ?? null));
}

function outcome(parse: () => unknown): unknown {
  try {
    return { value: parse() };
  } catch {
    return 'refused';
  }
}

function jsonValue(): fc.Arbitrary<JsonValue> {
  const { value } = fc.letrec<{ value: JsonValue }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.constant(null),
      fc.boolean(),
      fc.string({ unit: 'binary' }),
      fc.maxSafeInteger(),
      fc.double({ noNaN: true, noDefaultInfinity: true }).filter((n) => !Number.isInteger(n)),
      fc.bigInt({ min: 2n ** 53n, max: 2n ** 130n }),
      fc.constantFrom(-0, new JsonNumber('1e400'), new JsonNumber('0.1000000000000000055')),
      fc.array(tie('value')),
      fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('__proto__', '1', 'constructor')), tie('value'), {
        noNullPrototype: true,
      }),
    ),
  }));
  return value;
}
