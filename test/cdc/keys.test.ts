import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Flag } from '../../src/cdc/changes.js';
import { debezium } from '../../src/cdc/debezium.js';
import {
  BOOLEAN,
  DATE,
  decimal,
  DOUBLE,
  field,
  INTEGER,
  LONG,
  STRING,
  TIMESTAMP,
} from '../../src/schema/build.js';
import { joinKey, keyPart } from '../../src/schema/key-text.js';
import type { DataType } from '../../src/schema/types.js';
import { envelope, record, type Text } from './events.js';

const keySchema = (...fields: readonly Text[]): Text =>
  `{"type":"struct","fields":[${fields.join(',')}],"optional":false,"name":"Key"}`;

function keyOf(key: Text, columns: Readonly<Record<string, DataType>>, headers?: Record<string, Buffer>) {
  const bits = {
    key,
    value: envelope({ op: 'd', before: '{}' }),
    ...(headers === undefined ? {} : { headers }),
  };
  const changes = debezium().peek('t', 0, [record(0, bits)]);
  const fields = Object.entries(columns).map(([name, type]) => field(name, type));
  return {
    text: changes.key(0, fields),
    values: changes.keyValues(0, fields),
    problem: changes.problem(0),
    fields: changes.keyFields(0),
    oldKey: changes.oldKey(0, fields),
    newKey: changes.newKey(0, fields),
    flags: changes.flags[0],
  };
}

describe('the text of a record key', () => {
  test.each([
    ['{"id":42}', { id: LONG }, [42n]],
    ['{"id":-0}', { id: LONG }, [0n]],
    ['{"id":-9223372036854775808}', { id: LONG }, [-9223372036854775808n]],
    ['{"id":9007199254740993}', { id: LONG }, [9007199254740993n]],
    ['{"id":42}', { id: INTEGER }, [42]],
    ['{"id":"a\\"b"}', { id: STRING }, ['a"b']],
    ['{"id":"größe"}', { id: STRING }, ['größe']],
    ['{"id":""}', { id: STRING }, ['']],
    ['{"id":true}', { id: BOOLEAN }, [true]],
    ['{"id":"12.50"}', { id: decimal(10, 2) }, [1250n]],
    ['{"id":1.50}', { id: DOUBLE }, [1.5]],
    ['{"id":"1957-06-30Z"}', { id: DATE }, [-4568]],
    ['{"id":"2024-03-10T07:30:00.000000Z"}', { id: TIMESTAMP }, [1710055800000000n]],
    ['{"region":"ap","order_no":2}', { region: STRING, order_no: LONG }, ['ap', 2n]],
    ['{"order_no":2,"x":null,"region":"ap"}', { region: STRING, order_no: LONG }, ['ap', 2n]],
    [`{"schema":${keySchema('{"type":"int64","field":"id"}')},"payload":{"id":1}}`, { id: LONG }, [1n]],
    [
      `{"schema":${keySchema('{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2"},"field":"id"}')},"payload":{"id":"BNI="}}`,
      { id: decimal(12, 2) },
      [1234n],
    ],
    [
      `{"schema":${keySchema('{"type":"int32","name":"io.debezium.time.Date","field":"id"}')},"payload":{"id":-1}}`,
      { id: DATE },
      [-1],
    ],
    ['{"schema":"public","payload":5}', { schema: STRING, payload: LONG }, ['public', 5n]],
  ])('of %s is the one that the table’s own values give', (key, columns, values) => {
    const found = keyOf(key, columns);
    expect(found.values).toEqual(values);
    expect(found.text).toBe(
      joinKey(Object.values(columns).map((type, i) => keyPart(type, values[i] ?? null))),
    );
    expect(found.problem).toBeUndefined();
  });

  test('is equal for equal keys however they are written, and for no others', () => {
    const part = fc.oneof(
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.integer({ min: -20, max: 20 }).map(BigInt),
    );
    const text = fc.oneof(fc.constantFrom('', 'a', 'a1:', '1:a', '"', '\t'), fc.string());
    fc.assert(
      fc.property(part, text, part, text, (a, s, b, t) => {
        const columns = { n: LONG, s: STRING };
        const first = keyOf(`{"n":${a},"s":${JSON.stringify(s)}}`, columns).text;
        const second = keyOf(`{ "s" : ${JSON.stringify(t)} , "n" : ${b} }`, columns).text;
        expect(first === second).toBe(a === b && s === t);
      }),
    );
  });

  test.each([
    ['{"id":null}', { id: LONG }, 'id'],
    ['{"other":1}', { id: LONG }, 'id'],
    ['{}', { id: LONG }, 'id'],
    ['{"id":"x"}', { id: LONG }, 'id'],
    ['{"id":1.5}', { id: LONG }, 'id'],
    ['{"id":2147483648}', { id: INTEGER }, 'id'],
    ['{"id":01}', { id: LONG }, undefined],
    ['{"id":"\\ud800"}', { id: STRING }, 'id'],
    ['{"id":"infinity"}', { id: TIMESTAMP }, 'id'],
    ['{"a":1,"b":null}', { a: LONG, b: LONG }, 'b'],
  ])('of %s is missing, with a reason', (key, columns, name) => {
    const found = keyOf(key, columns);
    expect(found.text).toBeUndefined();
    expect(found.values).toEqual([]);
    expect(found.problem).toMatchObject(name === undefined ? { kind: 'key' } : { kind: 'key', field: name });
  });

  test('of a null key is missing without a reason', () => {
    const changes = debezium().peek('t', 0, [record(0, { value: envelope({ after: '{"a":1}' }) })]);
    expect(changes.key(0, [field('id', LONG)])).toBeUndefined();
    expect(changes.keyFields(0)).toBeUndefined();
    expect(changes.problem(0)).toBeUndefined();
  });
});

describe('the headers of a key change', () => {
  const oldKey = (text: string | Buffer) => ({ '__debezium.oldkey': Buffer.from(text) });

  test('give the other key, as the table has it', () => {
    const headers = {
      '__debezium.oldkey': Buffer.from('{"region":"ap","order_no":2}'),
      '__debezium.newkey': Buffer.from('{"order_no":9007199254740993,"region":"jp"}'),
    };
    const found = keyOf('{"region":"ap","order_no":1}', { region: STRING, order_no: LONG }, headers);
    expect(found.oldKey).toBe(joinKey(['ap', '2']));
    expect(found.newKey).toBe(joinKey(['jp', '9007199254740993']));
    expect(found.flags).toBe(Flag.before | Flag.oldKey | Flag.newKey);
  });

  test.each([
    ['{"id":"a\tb\nc\u0001"}', 'a\tb\nc\u0001'],
    ['{"id":"say \\"hi\\"\t\\\\"}', 'say "hi"\t\\'],
    ['{"id":"größe 😀"}', 'größe 😀'],
  ])('are read from %j though control characters stand raw in it', (header, text) => {
    expect(keyOf('{"id":"x"}', { id: STRING }, oldKey(header)).oldKey).toBe(text);
  });

  test('with any text in it, written as Kafka Connect does, give that text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const header = `{"id":"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"}`;
        expect(keyOf('{"id":"x"}', { id: STRING }, oldKey(header)).oldKey).toBe(text);
      }),
    );
  });

  test('take the encoding from the record key: decimals as base64, or as numbers', () => {
    const schema = keySchema(
      '{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2"},"field":"id"}',
    );
    const key = `{"schema":${schema},"payload":{"id":"AQ=="}}`;
    for (const header of ['{"id":"BNI="}', '{"id":12.34}']) {
      expect(keyOf(key, { id: decimal(12, 2) }, oldKey(header)).oldKey).toBe(keyPart(decimal(12, 2), 1234n));
    }
  });

  test.each(['', 'x', '{', '[1]', '{"other":1}'])('that read %j give none, with a reason', (header) => {
    const found = keyOf('{"id":1}', { id: LONG }, oldKey(header));
    expect(found.oldKey).toBeUndefined();
    expect(found.text).toBe('1');
  });
});
