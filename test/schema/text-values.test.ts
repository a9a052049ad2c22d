import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  fitsDecimal,
  fitsTimestamp,
  formatDate,
  formatDecimal,
  formatTimestampMicros,
  normaliseDecimal,
  parseDate,
  parseDecimal,
  parseTimestampMicros,
  rescaleDecimal,
} from '../../src/schema/text-values.js';

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

describe('dates', () => {
  test.each([
    ['1970-01-01', 0],
    ['1969-12-31', -1],
    ['2000-02-29', 11016],
    ['1900-03-01', -25508],
    ['0000-01-01', -719528],
    ['0001-01-01', -719162],
    ['9999-12-31', 2932896],
    ['+010000-01-01', 2932897],
    ['-000001-12-31', -719529],
    ['+5881580-07-11', 2 ** 31 - 1],
    ['-5877641-06-23', -(2 ** 31)],
  ])('%s is day %i', (text, days) => {
    expect(parseDate(text)).toBe(days);
    expect(formatDate(days)).toBe(text);
  });

  test.each(['10000-01-01', '+10000-01-01'])(
    'a long year may stand as Java or PostgreSQL write it: %s',
    (text) => {
      expect(parseDate(text)).toBe(2932897);
    },
  );

  test.each([
    '',
    '2024',
    '2024-1-1',
    '2024-13-01',
    '2024-00-01',
    '2023-02-29',
    '1900-02-29',
    '2024-04-31',
    '2024-01-00',
    '2024-01-01 ',
    '2024-01-01T00:00:00',
    '+5881580-07-12',
    '-5877641-06-22',
    '999999999-01-01',
    '9999999999-01-01',
    '202a-01-01',
    'infinity',
  ])('%j is no date', (text) => {
    expect(parseDate(text)).toBeUndefined();
  });

  test('every day comes back from its text, one after the other', () => {
    fc.assert(
      fc.property(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), (days) => {
        expect(parseDate(formatDate(days))).toBe(days);
      }),
    );
  });

  test('the calendar is the one of ECMAScript, wherever that reaches', () => {
    fc.assert(
      fc.property(fc.integer({ min: -1e8, max: 1e8 }), (days) => {
        expect(formatDate(days)).toBe(new Date(days * 86_400_000).toISOString().slice(0, -14));
      }),
    );
  });
});

describe('timestamps', () => {
  test.each([
    ['1970-01-01T00:00:00.000000Z', 0n],
    ['1969-12-31T23:59:59.999999Z', -1n],
    ['2021-09-08T11:11:11.000000Z', 1631099471000000n],
    ['-290308-12-21T19:59:05.224192Z', INT64_MIN],
    ['+294247-01-10T04:00:54.775807Z', INT64_MAX],
    ['0000-01-01T00:00:00.000000Z', -62167219200000000n],
    ['9999-12-31T23:59:59.999999Z', 253402300799999999n],
  ])('%s is %i', (text, micros) => {
    expect(formatTimestampMicros(micros, true)).toBe(text);
    expect(formatTimestampMicros(micros, false)).toBe(text.slice(0, -1));
    expect(parseTimestampMicros(text)).toBe(micros);
    expect(parseTimestampMicros(text.slice(0, -1))).toBe(micros);
  });

  const noon = 1704110400000000n;
  test.each([
    ['2024-01-01T12:00Z', noon],
    ['2024-01-01 12:00:00', noon],
    ['2024-01-01T12:00:00.5', noon + 500_000n],
    ['2024-01-01T12:00:00.000001Z', noon + 1n],
    ['2024-01-01T12:00:00.123456789Z', noon + 123_456n],
    ['2024-01-01T12:00:00.0000009Z', noon],
    ['2024-01-01T14:00:00+02:00', noon],
    ['2024-01-01T14:00:00+02', noon],
    ['2024-01-01T14:00:00+0200', noon],
    ['2024-01-01T06:30:00.5-05:30', noon + 500_000n],
    ['1900-01-01T00:00:00+00:19:32', -2208988800000000n - 1_172_000_000n],
    ['2024-01-01', noon - 43_200_000_000n],
    ['2024-01-01T00:00:00+18:00', noon - 43_200_000_000n - 64_800_000_000n],
  ])('%s is read', (text, micros) => {
    expect(parseTimestampMicros(text)).toBe(micros);
  });

  test.each([
    '',
    'T12:00:00',
    '2024-01-01T',
    '2024-01-01T12',
    '2024-01-01T24:00:00',
    '2024-01-01T12:60:00',
    '2024-01-01T12:00:60',
    '2024-01-01T12:00:00.',
    '2024-01-01T12:00:00.1234567890',
    '2024-01-01T12:00:00z',
    '2024-01-01T12:00:00+19:00',
    '2024-01-01T12:00:00+1:00',
    '2024-01-01T12:00:00 UTC',
    '2024-02-30T12:00:00Z',
    '2024-01-01x12:00:00Z',
    '+294247-01-10T04:00:54.775808Z',
    '-290308-12-21T19:59:05.224191Z',
  ])('%j is no timestamp', (text) => {
    expect(parseTimestampMicros(text)).toBeUndefined();
  });

  test('every instant comes back from its text', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: INT64_MIN, max: INT64_MAX }), fc.boolean(), (micros, zoned) => {
        expect(parseTimestampMicros(formatTimestampMicros(micros, zoned))).toBe(micros);
        expect(fitsTimestamp(micros)).toBe(true);
      }),
    );
    expect(fitsTimestamp(INT64_MAX + 1n)).toBe(false);
    expect(fitsTimestamp(INT64_MIN - 1n)).toBe(false);
  });
});

describe('decimals', () => {
  test.each([
    ['0', 0n, 0],
    ['-1.50', -150n, 2],
    ['+.5', 5n, 1],
    ['7.', 7n, 0],
    ['1E+3', 1000n, 0],
    ['1.25e1', 125n, 1],
    ['1.25e-3', 125n, 5],
    ['12e-1', 12n, 1],
    ['99999999999999999999999999999999999999', 99999999999999999999999999999999999999n, 0],
  ])('%s is read to the last digit', (text, unscaled, scale) => {
    expect(parseDecimal(text)).toEqual({ unscaled, scale });
  });

  test.each(['', '.', '-', '1e', 'NaN', 'Infinity', '1,5', '0x10', ' 1', '1e999999999', '1e200000'])(
    '%j is no finite decimal of any use',
    (text) => {
      expect(parseDecimal(text)).toBeUndefined();
    },
  );

  test('a decimal keeps its scale in its text', () => {
    expect(formatDecimal(5n, 3)).toBe('0.005');
    expect(formatDecimal(-5n, 3)).toBe('-0.005');
    expect(formatDecimal(-12345n, 2)).toBe('-123.45');
    expect(formatDecimal(0n, 2)).toBe('0.00');
    expect(formatDecimal(-7n, 0)).toBe('-7');
  });

  test('a decimal fits by its digits, never by its sign', () => {
    expect(fitsDecimal(999n, 3)).toBe(true);
    expect(fitsDecimal(-999n, 3)).toBe(true);
    expect(fitsDecimal(1000n, 3)).toBe(false);
    expect(fitsDecimal(-1000n, 3)).toBe(false);
    expect(fitsDecimal(10n ** 38n - 1n, 38)).toBe(true);
    expect(fitsDecimal(10n ** 38n, 38)).toBe(false);
  });

  const digits = fc.bigInt({ min: -(10n ** 38n) + 1n, max: 10n ** 38n - 1n });
  const scales = fc.nat(38);

  test('every decimal comes back from its text', () => {
    fc.assert(
      fc.property(digits, scales, (unscaled, scale) => {
        expect(parseDecimal(formatDecimal(unscaled, scale))).toEqual({ unscaled, scale });
      }),
    );
  });

  test('rescaling changes no value, or is refused', () => {
    fc.assert(
      fc.property(digits, scales, scales, (unscaled, from, to) => {
        const rescaled = rescaleDecimal(unscaled, from, to);
        const lossy = to < from && unscaled % 10n ** BigInt(from - to) !== 0n;
        expect(rescaled === undefined).toBe(lossy);
        expect(rescaled === undefined || isEqual(rescaled, to, unscaled, from)).toBe(true);
      }),
    );
  });
});

function isEqual(a: bigint, scaleA: number, b: bigint, scaleB: number): boolean {
  const [one, other] = [normaliseDecimal(a, scaleA), normaliseDecimal(b, scaleB)];
  return one.unscaled === other.unscaled && one.scale === other.scale;
}
