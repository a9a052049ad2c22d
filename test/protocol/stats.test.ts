import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseJson, stringifyJson } from '../../src/base/json.js';
import { compareUtf8 } from '../../src/base/utf8-order.js';
import {
  formatStats,
  parseStats,
  recordCount,
  statsAfterDeletion,
  statsColumns,
  statsOptions,
  statsPath,
  truncateMax,
  truncateMin,
  type FileStats,
} from '../../src/protocol/stats.js';
import {
  array,
  BINARY,
  BOOLEAN,
  DATE,
  decimal,
  DOUBLE,
  field,
  FLOAT,
  INTEGER,
  LONG,
  STRING,
  struct,
  TIMESTAMP,
  TIMESTAMP_NTZ,
} from '../../src/schema/build.js';
import type { DataType, Value } from '../../src/schema/types.js';

const NONE = new Map<string, never>();

function stats(numRecords: number, bounds: readonly (readonly [string, Value, Value])[] = []): FileStats {
  return {
    numRecords,
    minValues: new Map(bounds.map(([path, min]) => [path, min])),
    maxValues: new Map(bounds.map(([path, , max]) => [path, max])),
    nullCount: NONE,
    tightBounds: true,
  };
}

/** Both bounds of one column after a way through the log. */
function throughLog(type: DataType, min: Value, max: Value): readonly [Value | undefined, Value | undefined] {
  const schema = struct([field('c', type)]);
  const read = parseStats(formatStats(stats(2, [['c', min, max]]), schema), schema);
  return [read?.minValues.get('c'), read?.maxValues.get('c')];
}

describe('the layout of stats', () => {
  test('it is that of Spark: nested structs nest, empty parts stay, columns in the order of the schema', () => {
    const schema = struct([
      field('id', LONG),
      field('s', struct([field('x', INTEGER), field('y', struct([field('z', STRING)]))])),
      field('b', BOOLEAN),
      field('a.b', STRING),
    ]);
    const value: FileStats = {
      numRecords: 3,
      minValues: new Map<string, Value>([
        ['s.y.z', 'a'],
        ['id', -(2n ** 63n)],
        ['s.x', 1],
        ['`a.b`', 'q'],
      ]),
      maxValues: new Map<string, Value>([['id', 2n ** 63n - 1n]]),
      nullCount: new Map([
        ['id', 0],
        ['b', 3],
        ['s.x', 1],
      ]),
      tightBounds: true,
    };
    const text =
      '{"numRecords":3,"minValues":{"id":-9223372036854775808,"s":{"x":1,"y":{"z":"a"}},"a.b":"q"},' +
      '"maxValues":{"id":9223372036854775807},"nullCount":{"id":0,"s":{"x":1},"b":3},"tightBounds":true}';
    expect(formatStats(value, schema)).toBe(text);
    expect(parseStats(text, schema)).toEqual(value);
    expect(formatStats(stats(0), schema)).toBe(
      '{"numRecords":0,"minValues":{},"maxValues":{},"nullCount":{},"tightBounds":true}',
    );
  });

  test('only the columns asked for are read', () => {
    const schema = struct([field('a', LONG), field('b', LONG)]);
    const text = '{"numRecords":1,"minValues":{"a":1,"b":2},"nullCount":{"a":0,"b":0}}';
    const read = parseStats(text, schema, new Set(['b']));
    expect([...(read?.minValues ?? [])]).toEqual([['b', 2n]]);
    expect([...(read?.nullCount ?? [])]).toEqual([['b', 0]]);
  });

  test.each(['', '{', '[]', '{}', '{"numRecords":"1"}', '{"numRecords":-1}', '{"numRecords":null}'])(
    'nothing is known from "%s"',
    (text) => {
      expect(parseStats(text, struct([field('a', LONG)]))).toBeUndefined();
      expect(recordCount(text)).toBeUndefined();
    },
  );

  test('a value of another type than its column is unknown', () => {
    const schema = struct([field('a', LONG), field('s', STRING), field('d', DATE), field('n', struct([]))]);
    const text = '{"numRecords":1,"minValues":{"a":"1","s":5,"d":"soon","n":3},"nullCount":{"a":{}}}';
    expect(parseStats(text, schema)).toMatchObject({ minValues: new Map(), nullCount: new Map() });
  });
});

describe('bounds', () => {
  test('trap 1: longs and decimals keep every digit', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        expect(throughLog(LONG, value, value)).toEqual([value, value]);
      }),
    );
    const unscaled = fc.bigInt({ min: 1n - 10n ** 38n, max: 10n ** 38n - 1n });
    fc.assert(
      fc.property(unscaled, fc.nat(38), (value, scale) => {
        expect(throughLog(decimal(38, scale), value, value)).toEqual([value, value]);
      }),
    );
  });

  test('a decimal is read whatever its spelling, and unknown if it does not fit its scale', () => {
    const schema = struct([field('d', decimal(10, 2))]);
    const min = (text: string) =>
      parseStats(`{"numRecords":1,"minValues":{"d":${text}}}`, schema)?.minValues.get('d');
    expect(['1', '1.0', '1.10', '1e1', '-0.5', '1.5e-1', '1.234', '"2.5"'].map(min)).toEqual([
      100n,
      100n,
      110n,
      1000n,
      -50n,
      15n,
      undefined,
      250n,
    ]);
  });

  test('bounds written before a column was widened are read as its new type', () => {
    const text = '{"numRecords":1,"maxValues":{"i":7,"d":7,"n":"2020-01-02","f":0.1}}';
    const schema = struct([
      field('i', LONG),
      field('d', decimal(12, 2)),
      field('n', TIMESTAMP_NTZ),
      field('f', DOUBLE),
    ]);
    expect(parseStats(text, schema)?.maxValues).toEqual(
      new Map<string, Value>([
        ['i', 7n],
        ['d', 700n],
        ['n', 1577923200000999n],
        ['f', 0.1],
      ]),
    );
  });

  test('a float is bounded by itself, not by the double of its shortest digits', () => {
    const schema = struct([field('f', FLOAT)]);
    const read = parseStats('{"numRecords":1,"maxValues":{"f":0.1}}', schema);
    expect(read?.maxValues.get('f')).toBe(Math.fround(0.1));
  });

  test('a column that was float encloses the floats that old files hold, not only the doubles of their digits', () => {
    const typeChanges = [{ fromType: 'float', toType: 'double' }];
    const schema = struct([field('f', DOUBLE, true, { 'delta.typeChanges': typeChanges })]);
    // As floats, 0.1 lies above the double of these digits and 0.7 below.
    for (const digits of [0.1, 0.7]) {
      const text = `{"numRecords":1,"minValues":{"f":${digits}},"maxValues":{"f":${digits}}}`;
      const stats = parseStats(text, schema);
      const [low, high] = [digits, Math.fround(digits)].toSorted((a, b) => a - b);
      expect([stats?.minValues.get('f'), stats?.maxValues.get('f')]).toEqual([low, high]);
    }
  });

  test('a column where a bound is NaN has none, infinities are left out', () => {
    expect(throughLog(DOUBLE, 1, NaN)).toEqual([undefined, undefined]);
    expect(throughLog(DOUBLE, -Infinity, 5)).toEqual([undefined, 5]);
    expect(throughLog(DOUBLE, -0, 0)).toEqual([-0, 0]);
    const schema = struct([field('d', DOUBLE)]);
    const spark = '{"numRecords":2,"minValues":{"d":"-Infinity"},"maxValues":{"d":"NaN"}}';
    expect(parseStats(spark, schema)).toMatchObject({
      minValues: new Map([['d', -Infinity]]),
      maxValues: new Map(),
    });
  });

  test('trap 14: timestamps are cut to the millisecond and still enclose every value', () => {
    const micros = fc.bigInt({ min: -62_135_510_400_000_000n, max: 253_402_300_799_999_999n });
    fc.assert(
      fc.property(micros, fc.constantFrom(TIMESTAMP, TIMESTAMP_NTZ), (value, type) => {
        const [min, max] = throughLog(type, value, value);
        expect(typeof min === 'bigint' && min <= value && value - min < 1000n).toBe(true);
        expect(typeof max === 'bigint' && max >= value && max - value < 1000n).toBe(true);
      }),
    );
    const schema = struct([field('t', TIMESTAMP), field('n', TIMESTAMP_NTZ)]);
    const text = formatStats(
      stats(1, [
        ['t', 1_999n, 1_999n],
        ['n', -1n, -1n],
      ]),
      schema,
    );
    expect(text).toContain('"maxValues":{"t":"1970-01-01T00:00:00.001Z","n":"1969-12-31T23:59:59.999"}');
  });

  test('trap 14: a maximum with a zone offset is read in UTC and raised by what the cut may have taken', () => {
    const schema = struct([field('t', TIMESTAMP)]);
    const text = '{"numRecords":1,"maxValues":{"t":"1970-01-01T00:00:00.001-08:00"}}';
    expect(parseStats(text, schema)?.maxValues.get('t')).toBe(8n * 3_600_000_000n + 1_999n);
  });

  test('days and instants outside the years 1 to 9999 have no bound', () => {
    expect(throughLog(DATE, -719_163, 2_932_897)).toEqual([undefined, undefined]);
    expect(throughLog(DATE, -719_162, 2_932_896)).toEqual([-719_162, 2_932_896]);
    expect(throughLog(TIMESTAMP, -(2n ** 63n), 2n ** 63n - 1n)).toEqual([undefined, undefined]);
  });
});

describe('strings in stats', () => {
  const text = fc.string({
    unit: fc.oneof(
      fc.constantFrom(
        'a',
        'b',
        '~',
        '\u007f',
        '\u00e9',
        '\uffff',
        '\ue000',
        '😀',
        '\u{10ffff}',
        '\u{10fffe}',
      ),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    ),
    maxLength: 90,
  });

  test('trap 13: cut bounds enclose the string in the order of UTF-8 bytes', () => {
    fc.assert(
      fc.property(text, (value) => {
        const min = truncateMin(value);
        const max = truncateMax(value);
        expect(Buffer.compare(Buffer.from(min), Buffer.from(value))).toBeLessThanOrEqual(0);
        expect(min.length).toBeLessThanOrEqual(33);
        if (max === undefined) return;
        expect(Buffer.compare(Buffer.from(max), Buffer.from(value))).toBeGreaterThanOrEqual(0);
        expect(compareUtf8(max, value)).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: 500 },
    );
  });

  test('trap 13: what follows the prefix decides the last character of a maximum', () => {
    const prefix = 'x'.repeat(32);
    expect(truncateMax(prefix)).toBe(prefix);
    expect(truncateMax(prefix + 'y')).toBe(prefix + '\u007f');
    expect(truncateMax(prefix + '\u007f')).toBe(prefix + '\u{10ffff}');
    expect(truncateMax(prefix + '\uffff')).toBe(prefix + '\u{10ffff}');
    expect(truncateMax(prefix + '\u{10ffff}a')).toBe(prefix + '\u{10ffff}\u007f');
    expect(truncateMax(prefix + '\u{10ffff}'.repeat(16) + 'a')).toBeUndefined();
    expect(truncateMax(prefix + '\u{10ffff}')).toBe(prefix + '\u{10ffff}');
  });

  test('no character is split', () => {
    const split = 'x'.repeat(31) + '😀y';
    expect(truncateMin(split)).toBe('x'.repeat(31) + '😀');
    expect(truncateMax(split)).toBe('x'.repeat(31) + '😀\u007f');
  });
});

describe('stats of a file that loses rows to a deletion vector', () => {
  test('trap 5 and 6: the records are the physical ones and the bounds are wide', () => {
    const before =
      '{"numRecords":100,"minValues":{"id":0},"maxValues":{"id":99},"nullCount":{"id":0},"tightBounds":true}';
    expect(statsAfterDeletion(before, 0, 100)).toBe(before.replace('true', 'false'));
    expect(statsAfterDeletion(undefined, 0, 7)).toBe('{"numRecords":7,"tightBounds":false}');
    expect(statsAfterDeletion('{"minValues":{}}', 0, 7)).toBe(
      '{"minValues":{},"numRecords":7,"tightBounds":false}',
    );
  });

  test('trap 7: a count of nulls stays 0, becomes all if every live row was null, and else says nothing', () => {
    const before = '{"numRecords":10,"nullCount":{"none":0,"all":8,"some":3,"in":{"all":8,"none":0}}}';
    expect(parseJson(statsAfterDeletion(before, 2, 10))).toEqual({
      numRecords: 10,
      nullCount: { none: 0, all: 10, some: 3, in: { all: 10, none: 0 } },
      tightBounds: false,
    });
  });

  test('trap 7: counts that are wide already are not rewritten again', () => {
    const wide = '{"numRecords":10,"nullCount":{"all":10,"some":7},"tightBounds":false}';
    // Seven live rows are left: the column with 7 nulls before the first deletion must not become "all null".
    expect(statsAfterDeletion(wide, 3, 10)).toBe(wide);
  });

  test('trap 1: bounds keep their digits on the way', () => {
    const before = '{"numRecords":1,"minValues":{"a":9007199254740993,"d":0.1234567890123456789}}';
    expect(statsAfterDeletion(before, 0, 1)).toContain('{"a":9007199254740993,"d":0.1234567890123456789}');
    expect(stringifyJson(parseJson(statsAfterDeletion(before, 0, 1)))).toBe(statsAfterDeletion(before, 0, 1));
  });
});

describe('the columns that have stats', () => {
  const schema = struct([
    field('p', STRING),
    field('a', LONG),
    field('s', struct([field('x', INTEGER), field('y', BINARY)])),
    field('l', array(LONG)),
    field('c.d', BOOLEAN),
    field('z', STRING),
  ]);
  const paths = (options: Parameters<typeof statsColumns>[1]) =>
    statsColumns(schema, options).map(({ path }) => path);

  test('are the first leaves, depth first, without partition columns', () => {
    expect(paths({ columns: 3, except: ['p'] })).toEqual(['a', 's.x', 's.y']);
    expect(paths({ columns: -1 })).toEqual(['p', 'a', 's.x', 's.y', 'l', '`c.d`', 'z']);
    expect(paths({ columns: 0 })).toEqual([]);
  });

  test('or those that are listed, structs with all their leaves, and in any case the ones to include', () => {
    expect(paths({ columns: 3, listed: ['s', '`c.d`'] })).toEqual(['s.x', 's.y', '`c.d`']);
    expect(paths({ columns: 1, alwaysInclude: ['z', 's.x'] })).toEqual(['p', 's.x', 'z']);
  });

  test('tell whether they have bounds', () => {
    const bounded = statsColumns(schema, { columns: -1 }).filter((column) => column.bounded);
    expect(bounded.map(({ path }) => path)).toEqual(['p', 'a', 's.x', 'z']);
  });

  test('are chosen by table properties', () => {
    expect(statsOptions({})).toEqual({ columns: 32 });
    expect(statsOptions({ 'delta.dataSkippingNumIndexedCols': '-1' })).toEqual({ columns: -1 });
    expect(statsOptions({ 'delta.dataSkippingStatsColumns': 'a, s.x,`c.d`, `q``r`.`x,y`' })).toEqual({
      columns: 32,
      listed: ['a', 's.x', '`c.d`', '`q``r`.x,y'],
    });
  });

  test('have paths that no two share', () => {
    const names = fc.array(fc.string({ unit: fc.constantFrom('a', '.', '`'), minLength: 1, maxLength: 3 }), {
      minLength: 1,
      maxLength: 3,
    });
    fc.assert(
      fc.property(names, names, (a, b) => {
        expect(statsPath(a) === statsPath(b)).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
      { numRuns: 1000 },
    );
  });
});
