import { describe, expect, test } from 'vitest';
import { rowsOf } from '../../src/columnar/cells.js';
import { TableBuilder } from '../../src/columnar/table-builder.js';
import { parseColumnsText, parseTypeText } from '../../src/schema/type-text.js';
import { field, struct } from '../../src/schema/build.js';
import { formatTimestampMicros } from '../../src/schema/text-values.js';
import type { StructType } from '../../src/schema/types.js';
import { debezium, type DebeziumOptions } from '../../src/cdc/debezium.js';
import { columnsOf, created, envelope, record, rowsIn, schemaHalf } from './events.js';

const connect = (type: string, name?: string, more = '') =>
  `{"type":"${type}","optional":true${name === undefined ? '' : `,"name":"${name}","version":1`}${more},"field":"a"}`;
const decimalField = (precision: number | undefined, scale: number) =>
  connect(
    'bytes',
    'org.apache.kafka.connect.data.Decimal',
    `,"parameters":{"scale":"${scale}"${precision === undefined ? '' : `,"connect.decimal.precision":"${precision}"`}}`,
  );
const base64 = (...bytes: readonly number[]) => `"${Buffer.from(bytes).toString('base64')}"`;
const us = (text: string) => BigInt(Date.parse(text)) * 1000n;
const TIME = 'io.debezium.time';

/** The column and its one value; a problem in its place. */
function decode(fieldText: string, value: string, options?: DebeziumOptions, target?: StructType) {
  const changes = created([`{"a":${value}}`], schemaHalf(fieldText), options);
  const [row] = rowsIn(changes, target);
  return { column: columnsOf(changes, target), value: row !== undefined && 'a' in row ? row['a'] : row };
}

describe('a column with a schema half', () => {
  test.each([
    ['int8', connect('int8'), '-128', 'tinyint', -128],
    ['int16', connect('int16'), '32767', 'smallint', 32767],
    ['int32', connect('int32'), '-2147483648', 'int', -2147483648],
    ['int64', connect('int64'), '9223372036854775807', 'bigint', 9223372036854775807n],
    ['int64 beyond a double', connect('int64'), '9007199254740993', 'bigint', 9007199254740993n],
    ['the least int64', connect('int64'), '-9223372036854775808', 'bigint', -9223372036854775808n],
    ['float', connect('float'), '0.1', 'float', Math.fround(0.1)],
    ['float NaN', connect('float'), '"NaN"', 'float', Number.NaN],
    ['double', connect('double'), '4.9E-324', 'double', 5e-324],
    ['double -0', connect('double'), '-0.0', 'double', -0],
    ['double infinity', connect('double'), '"-Infinity"', 'double', -Infinity],
    ['double from many digits', connect('double'), '1.2345678901234568e+37', 'double', 1.2345678901234568e37],
    ['boolean', connect('boolean'), 'true', 'boolean', true],
    ['string', connect('string'), '"tab\\t\\u0000 \\ud83d\\ude00"', 'string', 'tab\t\0 😀'],
    ['bytes', connect('bytes'), base64(0, 255), 'binary', Uint8Array.of(0, 255)],
    ['no bytes', connect('bytes'), '""', 'binary', new Uint8Array(0)],
    ['decimal', decimalField(12, 2), base64(0x04, 0xd2), 'decimal(12,2)', 1234n],
    ['negative decimal', decimalField(12, 2), base64(0xff), 'decimal(12,2)', -1n],
    [
      'decimal of six bytes',
      decimalField(15, 0),
      base64(0x80, 0, 0x18, 0, 0, 0),
      'decimal(15,0)',
      -140737085702144n,
    ],
    [
      'decimal of seven bytes',
      decimalField(20, 3),
      base64(0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
      'decimal(20,3)',
      36028797018963967n,
    ],
    [
      'decimal of 38 digits',
      decimalField(38, 10),
      `"${tc(-(10n ** 38n) + 1n)}"`,
      'decimal(38,10)',
      -(10n ** 38n) + 1n,
    ],
    ['decimal as a JSON number', decimalField(12, 2), '12.3', 'decimal(12,2)', 1230n],
    [
      'decimal beyond 38 digits',
      decimalField(40, 2),
      `"${tc(10n ** 39n)}"`,
      'string',
      `1${'0'.repeat(37)}.00`,
    ],
    ['decimal of negative scale', decimalField(5, -2), base64(5), 'string', '500'],
    ['decimal without precision', decimalField(undefined, 4), base64(1), 'decimal(38,4)', 1n],
    [
      'variable decimal',
      variable(),
      `{"scale":30,"value":${base64(0xff)}}`,
      'string',
      '-0.000000000000000000000000000001',
    ],
    ['variable decimal -2', variable(), `{"scale":-2,"value":${base64(7)}}`, 'string', '700'],
    ['Date', connect('int32', `${TIME}.Date`), '-719162', 'date', -719162],
    ['Connect Date', connect('int32', 'org.apache.kafka.connect.data.Date'), '18321', 'date', 18321],
    ['infinite Date', connect('int32', `${TIME}.Date`), '2146033979', 'date', null],
    ['IsoDate', connect('string', `${TIME}.IsoDate`), '"1957-06-30Z"', 'date', -4568],
    ['IsoDate BC', connect('string', `${TIME}.IsoDate`), '"-0043-03-15Z"', 'date', -735160],
    ['infinite IsoDate', connect('string', `${TIME}.IsoDate`), '"+5877611-06-21Z"', 'date', null],
    [
      'Timestamp',
      connect('int64', `${TIME}.Timestamp`),
      '1583020799999',
      'timestamp_ntz',
      us('2020-02-29T23:59:59.999Z'),
    ],
    [
      'Timestamp of year 294276',
      connect('int64', `${TIME}.Timestamp`),
      '9224318015999999',
      'timestamp_ntz',
      null,
    ],
    [
      'infinite Timestamp',
      connect('int64', `${TIME}.Timestamp`),
      '9223372036825200000',
      'timestamp_ntz',
      null,
    ],
    [
      'MicroTimestamp',
      connect('int64', `${TIME}.MicroTimestamp`),
      '981180306123456',
      'timestamp_ntz',
      981180306123456n,
    ],
    [
      'MicroTimestamp before 1970',
      connect('int64', `${TIME}.MicroTimestamp`),
      '-62135596800000001',
      'timestamp_ntz',
      -62135596800000001n,
    ],
    [
      'infinite MicroTimestamp',
      connect('int64', `${TIME}.MicroTimestamp`),
      '-9223372036832400000',
      'timestamp_ntz',
      null,
    ],
    [
      'NanoTimestamp',
      connect('int64', `${TIME}.NanoTimestamp`),
      '1583020799999123456',
      'timestamp_ntz',
      1583020799999123n,
    ],
    ['NanoTimestamp before 1970', connect('int64', `${TIME}.NanoTimestamp`), '-1', 'timestamp_ntz', -1n],
    [
      'infinite NanoTimestamp',
      connect('int64', `${TIME}.NanoTimestamp`),
      '9223372036854775807',
      'timestamp_ntz',
      null,
    ],
    [
      'Connect Timestamp',
      connect('int64', 'org.apache.kafka.connect.data.Timestamp'),
      '-1',
      'timestamp_ntz',
      -1000n,
    ],
    [
      'IsoTimestamp',
      connect('string', `${TIME}.IsoTimestamp`),
      '"2001-02-03T21:08:13.123457Z"',
      'timestamp_ntz',
      981234493123457n,
    ],
    [
      'ZonedTimestamp',
      connect('string', `${TIME}.ZonedTimestamp`),
      '"2024-03-10T09:30:00.5+02:00"',
      'timestamp',
      us('2024-03-10T07:30:00.500Z'),
    ],
    ['infinite ZonedTimestamp', connect('string', `${TIME}.ZonedTimestamp`), '"infinity"', 'timestamp', null],
    [
      'ZonedTimestamp of year 294276',
      connect('string', `${TIME}.ZonedTimestamp`),
      '"+294276-12-31T23:59:59.000000Z"',
      'timestamp',
      null,
    ],
    ['Time', connect('int32', `${TIME}.Time`), '29350500', 'string', '08:09:10.5'],
    ['MicroTime', connect('int64', `${TIME}.MicroTime`), '29350000000', 'string', '08:09:10'],
    ['NanoTime', connect('int64', `${TIME}.NanoTime`), '1', 'string', '00:00:00.000000001'],
    ['negative time', connect('int64', `${TIME}.MicroTime`), '-3020399000000', 'string', '-838:59:59'],
    ['IsoTime', connect('string', `${TIME}.IsoTime`), '"08:10:10.500Z"', 'string', '08:10:10.5'],
    ['MicroDuration', connect('int64', `${TIME}.MicroDuration`), '93600000000', 'bigint', 93600000000n],
    ['Year', connect('int32', `${TIME}.Year`), '1993', 'int', 1993],
    [
      'Json',
      connect('string', 'io.debezium.data.Json'),
      '"{\\"a\\":1, \\"a\\":2}"',
      'string',
      '{"a":1, "a":2}',
    ],
    [
      'Uuid',
      connect('string', 'io.debezium.data.Uuid'),
      '"00000000-0000-4000-8000-000000001eef"',
      'string',
      '00000000-0000-4000-8000-000000001eef',
    ],
    [
      'Enum',
      connect('string', 'io.debezium.data.Enum', ',"parameters":{"allowed":"a,b"}'),
      '"a"',
      'string',
      'a',
    ],
    [
      'one bit',
      connect('bytes', 'io.debezium.data.Bits', ',"parameters":{"length":"1"}'),
      base64(1),
      'boolean',
      true,
    ],
    [
      'ten bits',
      connect('bytes', 'io.debezium.data.Bits', ',"parameters":{"length":"10"}'),
      base64(3, 0),
      'binary',
      Uint8Array.of(3, 0),
    ],
    [
      'an array',
      connect('array', undefined, ',"items":{"type":"int32","optional":true}'),
      '[1,null,3]',
      'array<int>',
      [1, null, 3],
    ],
    [
      'an array of times',
      connect('array', undefined, `,"items":{"type":"int64","name":"${TIME}.MicroTimestamp"}`),
      '[-1]',
      'array<timestamp_ntz>',
      [-1n],
    ],
    [
      'a map with text keys',
      connect('map', undefined, ',"keys":{"type":"string"},"values":{"type":"int64","optional":true}'),
      '{"x":1,"__proto__":null}',
      'map<string,bigint>',
      [
        ['x', 1n],
        ['__proto__', null],
      ],
    ],
    [
      'a map with other keys',
      connect('map', undefined, ',"keys":{"type":"int32"},"values":{"type":"string"}'),
      '[[1,"x"]]',
      'map<int,string>',
      [[1, 'x']],
    ],
    [
      'a Point',
      point(),
      `{"x":1.5,"y":-0.5,"wkb":${base64(1, 1)},"srid":null}`,
      'struct<x:double,y:double,wkb:binary,srid:int>',
      { x: 1.5, y: -0.5, wkb: Uint8Array.of(1, 1), srid: null },
    ],
    ['null', connect('int64'), 'null', 'bigint', null],
  ])('decodes %s', (_title, fieldText, value, column, expected) => {
    const found = decode(fieldText, value);
    expect(found.column).toBe(`a ${column}`);
    expect(found.value).toEqual(expected);
  });

  test.each([
    ['an int64 beyond 64 bits', connect('int64'), '9223372036854775808', 'value'],
    ['an int32 beyond 32 bits', connect('int32'), '2147483648', 'value'],
    ['an int8 beyond 8 bits', connect('int8'), '-129', 'value'],
    ['a fraction for an integer', connect('int64'), '1.5', 'schema'],
    ['a text for an integer', connect('int64'), '"1"', 'schema'],
    ['a number for a text', connect('string'), '1', 'schema'],
    ['a number beyond a float', connect('float'), '1e39', 'value'],
    ['a number beyond a double', connect('double'), '1e309', 'value'],
    ['a decimal with too many digits', decimalField(3, 2), base64(0x7f, 0xff), 'value'],
    ['a decimal that is not base64', decimalField(3, 2), '"A"', 'schema'],
    ['bytes that are not base64', connect('bytes'), '"?"', 'schema'],
    ['half a surrogate pair', connect('string'), '"\\ud800"', 'value'],
    ['a broken escape', connect('string'), '"\\x"', 'json'],
    ['a raw control character', connect('string'), '"\t"', 'json'],
    ['a date that is none', connect('string', `${TIME}.IsoDate`), '"2021-02-30Z"', 'schema'],
    ['a timestamp that is none', connect('string', `${TIME}.ZonedTimestamp`), '"yesterday"', 'schema'],
    ['a word', connect('boolean'), 'truex', 'envelope'],
    ['an array for a number', connect('int64'), '[1]', 'schema'],
    ['an array of another kind', connect('array', undefined, ',"items":{"type":"int32"}'), '["x"]', 'schema'],
  ])('refuses %s', (_title, fieldText, value, kind) => {
    const changes = created([`{"a":${value}}`], schemaHalf(fieldText));
    const problem = changes.problem(0) ?? rowsIn(changes)[0];
    expect(problem).toMatchObject({ kind });
  });

  test('takes the types that options choose', () => {
    const options = { timestampKind: 'utc', timeAs: 'micros', decimalOverflow: 'fail' } as const;
    expect(decode(connect('int64', `${TIME}.Timestamp`), '1', options)).toEqual({
      column: 'a timestamp',
      value: 1000n,
    });
    expect(decode(connect('int32', `${TIME}.Time`), '29350500', options)).toEqual({
      column: 'a bigint',
      value: 29_350_500_000n,
    });
    const variableChanges = created(['{"a":null}'], schemaHalf(variable()), options);
    expect(columnsOf(variableChanges)).toMatchObject({ kind: 'schema', field: 'a' });
  });

  test('keeps a known type that takes the encoding as it is', () => {
    const known = (type: string) => struct([field('a', parseTypeText(type))]);
    const value = `{"scale":1,"value":${base64(15)}}`;
    expect(decode(variable(), value, {}, known('decimal(10,2)'))).toEqual({
      column: 'a decimal(10,2)',
      value: 150n,
    });
    expect(decode(decimalField(undefined, 2), base64(15), {}, known('decimal(10,4)')).column).toBe(
      'a decimal(10,4)',
    );
    expect(decode(connect('int64', `${TIME}.Timestamp`), '1', {}, known('timestamp')).column).toBe(
      'a timestamp',
    );
  });

  test('is written into a wider column exactly', () => {
    const wide = (type: string) => struct([field('a', parseTypeText(type))]);
    expect(decode(connect('int32'), '-7', {}, wide('bigint')).value).toBe(-7n);
    expect(decode(decimalField(12, 2), base64(0x04, 0xd2), {}, wide('decimal(14,4)')).value).toBe(123_400n);
    expect(decode(connect('float'), '0.1', {}, wide('double')).value).toBe(Math.fround(0.1));
    expect(decode(connect('int32', `${TIME}.Date`), '1', {}, wide('timestamp_ntz')).value).toBe(
      86_400_000_000n,
    );
  });

  test('whose type grows between two records has the wider one, in either order', () => {
    const halves = [schemaHalf(connect('int32')), schemaHalf(connect('int64'))];
    for (const order of [halves, halves.toReversed()]) {
      const records = order.map((schema, i) =>
        record(i, { value: envelope({ after: `{"a":${i}}`, schema }) }),
      );
      const changes = debezium().peek('t', 0, records);
      expect(columnsOf(changes)).toBe('a bigint');
      expect(rowsIn(changes)).toEqual([{ a: 0n }, { a: 1n }]);
    }
  });

  test('whose type changes to one that does not go with it is a problem of the first such record', () => {
    const halves = [
      schemaHalf(connect('int32')),
      schemaHalf(connect('int32')),
      schemaHalf(connect('string')),
    ];
    const records = halves.map((schema, i) =>
      record(i, { value: envelope({ after: '{"a":null}', schema }) }),
    );
    const found = debezium().peek('t', 0, records).columns([0, 1, 2], 'after', undefined);
    expect(found).toMatchObject({ kind: 'problem', row: 2, problem: { kind: 'schema', field: 'a' } });
  });
});

describe('a column without schema half, in a table that knows it', () => {
  test.each([
    ['decimal(12,2)', '"12.30"', 1230n],
    ['decimal(12,2)', '"-0.5"', -50n],
    ['decimal(12,2)', '"7"', 700n],
    ['decimal(12,2)', '12.3', 1230n],
    ['decimal(12,2)', '5', 500n],
    ['decimal(20,0)', '"18446744073709551615"', 18446744073709551615n],
    ['decimal(12,2)', '"NAN"', null],
    ['date', '"1957-06-30Z"', -4568],
    ['date', '-6902', -6902],
    ['timestamp_ntz', '"2020-02-29T23:59:59.999Z"', us('2020-02-29T23:59:59.999Z')],
    ['timestamp_ntz', '"0001-01-01T00:00:00Z"', -62135596800000000n],
    ['timestamp_ntz', '"2020-02-29T00:00:00"', us('2020-02-29T00:00:00Z')],
    ['timestamp', '"2000-12-31T23:59:59.1234567Z"', 978307199123456n],
    ['timestamp', '"+292278994-08-16T23:00:00Z"', null],
    ['binary', '"AP8="', Uint8Array.of(0, 255)],
    ['boolean', '1', true],
    ['boolean', '0', false],
    ['double', '3', 3],
    ['double', '"NaN"', Number.NaN],
    ['float', '0.14285715', Math.fround(0.14285715)],
    ['array<decimal(4,1)>', '["1.5",null]', [15n, null]],
    ['string', '"08:09:10.5Z"', '08:09:10.5Z'],
  ])('is read into %s from %s', (type, value, expected) => {
    const target = struct([field('a', parseTypeText(type))]);
    expect(rowsIn(created([`{"a":${value}}`]), target)).toEqual([{ a: expected }]);
  });

  test.each([
    ['decimal(12,2)', '"12.345"', 'value'],
    ['decimal(4,2)', '"123.00"', 'value'],
    ['decimal(12,2)', '"x"', 'schema'],
    ['decimal(12,2)', '""', 'schema'],
    ['date', '"yesterday"', 'schema'],
    ['binary', '"no base64!"', 'schema'],
    ['boolean', '2', 'schema'],
    ['bigint', '1.5', 'schema'],
    ['bigint', '"1"', 'schema'],
    ['double', '9007199254740993', 'value'],
    ['double', '0.12345678901234567', 'value'],
    ['float', '0.12345678901', 'value'],
    ['string', '1', 'schema'],
    ['timestamp', '1583020799999', 'schema'],
  ])('is refused by %s from %s', (type, value, kind) => {
    const target = struct([field('a', parseTypeText(type))]);
    expect(rowsIn(created([`{"a":${value}}`]), target)).toEqual([
      expect.objectContaining({ kind, field: 'a' }),
    ]);
  });

  test('has its unit from the configuration, and the column remembers it', () => {
    const options = {
      schema: () => parseColumnsText('a TIMESTAMP_NTZ MILLIS, b TIMESTAMP MICROS, c DECIMAL(4,1)'),
    };
    const changes = created(['{"a":-1,"b":1795457412420265,"c":"1.5","d":1}'], undefined, options);
    const found = changes.columns([0], 'after', undefined);
    expect(found).toMatchObject({
      columns: [
        { name: 'a', metadata: { 'sluice.unit': 'MILLIS' } },
        { name: 'b', metadata: { 'sluice.unit': 'MICROS' } },
        { name: 'c', metadata: {} },
        { name: 'd' },
      ],
    });
    expect(rowsIn(changes)).toEqual([{ a: -1000n, b: 1795457412420265n, c: 15n, d: 1n }]);

    const remembered = struct([
      field('a', parseTypeText('timestamp_ntz'), true, { 'sluice.unit': 'SECONDS' }),
    ]);
    const [row] = rowsIn(created(['{"a":1}']), remembered);
    expect(row).toEqual({ a: 1_000_000n });
    expect(formatTimestampMicros(1_000_000n, false)).toBe('1970-01-01T00:00:01.000000');
  });
});

test('what became null for want of a value is counted by column', () => {
  const changes = created(
    ['{"a":9223372036825200000}', '{"a":1}', '{"a":-9223372036832400000}', '{"a":null}'],
    schemaHalf(connect('int64', `${TIME}.MicroTimestamp`)),
  );
  const target = struct([field('a', parseTypeText('timestamp_ntz'))]);
  const builder = new TableBuilder(target);
  const appender = changes.appender(target);
  for (let i = 0; i < changes.length; i++) expect(appender.append(i, 'after', builder)).toBeUndefined();
  expect([...appender.outOfRange]).toEqual([['a', 2]]);
  expect([...rowsOf(builder.finish(), target)]).toEqual([[null], [1n], [null], [null]]);
});

function variable(): string {
  return connect(
    'struct',
    'io.debezium.data.VariableScaleDecimal',
    ',"fields":[{"type":"int32","field":"scale"},{"type":"bytes","field":"value"}]',
  );
}

function point(): string {
  return connect(
    'struct',
    'io.debezium.data.geometry.Point',
    ',"fields":[{"type":"double","field":"x"},{"type":"double","field":"y"},{"type":"bytes","optional":true,"field":"wkb"},{"type":"int32","optional":true,"field":"srid"}]',
  );
}

/** Two's complement of an integer, big-endian, in base64: as Java's BigInteger has it. */
function tc(value: bigint): string {
  let width = 8;
  while (BigInt.asIntN(width, value) !== value) width += 8;
  const hex = BigInt.asUintN(width, value)
    .toString(16)
    .padStart(width / 4, '0');
  return Buffer.from(hex, 'hex').toString('base64');
}
