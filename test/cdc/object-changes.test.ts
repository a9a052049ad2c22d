import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Flag, Op } from '../../src/cdc/changes.js';
import { debezium } from '../../src/cdc/debezium.js';
import { changeObjects, fromObjects, unavailable, type Change } from '../../src/cdc/object-changes.js';
import { field, LONG, STRING, struct } from '../../src/schema/build.js';
import { parseColumnsText, parseTypeText } from '../../src/schema/type-text.js';
import type { StructType } from '../../src/schema/types.js';
import { columnsOf, envelope, foundSchema, record, rowsIn, schemaHalf } from './events.js';

const PLACEHOLDER = '__debezium_unavailable_value';
const SCHEMA = schemaHalf(
  '{"type":"int64","field":"id"}',
  '{"type":"string","optional":true,"field":"name"}',
  '{"type":"bytes","optional":true,"name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2","connect.decimal.precision":"12"},"field":"price"}',
  '{"type":"int32","optional":true,"name":"io.debezium.time.Date","field":"born"}',
  '{"type":"int64","optional":true,"name":"io.debezium.time.MicroTimestamp","field":"seen"}',
  '{"type":"bytes","optional":true,"field":"photo"}',
  '{"type":"double","optional":true,"field":"score"}',
  '{"type":"array","optional":true,"items":{"type":"int64","optional":true},"field":"tags"}',
);
const FULL =
  '{"id":9007199254740993,"name":"a","price":"BNI=","born":-1,"seen":1,"photo":"AP8=","score":"NaN","tags":[1,null]}';
const NULLS =
  '{"id":2,"name":null,"price":null,"born":null,"seen":null,"photo":null,"score":null,"tags":null}';

const recorded = [
  record(0, { key: '{"id":9007199254740993}', value: envelope({ op: 'r', after: FULL, schema: SCHEMA }) }),
  record(1, { key: '{"id":2}', value: envelope({ op: 'u', before: NULLS, after: NULLS, schema: SCHEMA }) }),
  record(2, {
    key: '{"id":2}',
    value: envelope({ op: 'd', before: NULLS, schema: SCHEMA }),
    headers: { '__debezium.newkey': Buffer.from('{"id":3}') },
  }),
  record(3, { key: '{"id":2}' }),
  record(4, { value: '{"ts_ms":1}' }),
  record(5, {
    key: '{"id":3}',
    value: envelope({
      op: 'c',
      after: NULLS.replace('"name":null', `"name":"${PLACEHOLDER}"`).replace('2', '3'),
      schema: SCHEMA,
    }),
    headers: { '__debezium.oldkey': Buffer.from('{"id":2}') },
  }),
  record(6, { value: envelope({ op: 't', schema: SCHEMA }) }),
];
const original = debezium().peek('t', 1, recorded);

describe('changes as objects', () => {
  const objects = [...changeObjects(original)];

  test('are those of the records that change rows, in order', () => {
    expect(objects.map(({ op, offset }) => [op, offset])).toEqual([
      ['read', 0],
      ['update', 1],
      ['delete', 2],
      ['tombstone', 3],
      ['create', 5],
      ['truncate', 6],
    ]);
  });

  test('hold values as rows of a table do', () => {
    expect(objects[0]).toEqual({
      op: 'read',
      key: { id: 9007199254740993n },
      before: null,
      after: {
        id: 9007199254740993n,
        name: 'a',
        price: '12.34',
        born: '1969-12-31',
        seen: '1970-01-01T00:00:00.000001',
        photo: Uint8Array.of(0, 255),
        score: Number.NaN,
        tags: [1n, null],
      },
      source: { connector: 'postgresql', name: 'shop', db: 'shop', schema: 'inventory', table: 'customers' },
      topic: 't',
      partition: 1,
      offset: 0,
      timestamp: 1795457413143,
      position: original.position[0],
    });
  });

  test('say which values the source did not give', () => {
    expect(objects[4]?.after?.['name']).toBe(unavailable);
  });

  test('are only those that were asked for', () => {
    expect([...changeObjects(original, [1, 4, 6])].map(({ offset }) => offset)).toEqual([1, 6]);
  });

  test.each([
    ['{"id":7}', { id: 7n }],
    ['{"id":"x"}', { id: 'x' }],
    ['{"a":true,"b":1}', { a: true, b: 1n }],
  ])('have the key %s even if nothing says its type', (key, expected) => {
    const changes = debezium().peek('t', 0, [record(0, { key })]);
    expect([...changeObjects(changes)].map((change) => change.key)).toEqual([expected]);
  });

  test('that cannot be read fail with the place of the record', () => {
    const changes = debezium().peek('t', 1, [
      record(9, { key: '{"id":1}', value: envelope({ after: '{"id":1e999}' }) }),
    ]);
    expect(() => [...changeObjects(changes)]).toThrow(
      expect.objectContaining({
        code: 'RECORD_INVALID',
        context: expect.objectContaining({ topic: 't', partition: 1, offset: 9 }),
      }),
    );
  });
});

describe('changes from objects', () => {
  test('are the changes that the objects came from', () => {
    const again = fromObjects(original, [...changeObjects(original)]);
    const kept = [0, 1, 2, 3, 5, 6];
    expect([...again.op]).toEqual(kept.map((i) => original.op[i]));
    expect([...again.flags]).toEqual(kept.map((i) => original.flags[i]));
    expect(again.position).toEqual(kept.map((i) => original.position[i]));
    const id = [field('id', LONG)];
    kept.forEach((i, at) => {
      expect(again.key(at, id)).toBe(original.key(i, id));
      expect(again.oldKey(at, id)).toBe(original.oldKey(i, id));
      expect(again.newKey(at, id)).toBe(original.newKey(i, id));
      expect(again.origin(at)).toBe(original.origin(i));
      expect(again.raw(at)).toBe(original.raw(i));
      expect(again.keyFields(at)).toEqual(original.keyFields(i));
    });
  });

  test('have the same rows, in the types that the source says', () => {
    const rows = [original.raw(0), original.raw(1), original.raw(5)];
    const changes = debezium().peek('t', 1, rows);
    const again = fromObjects(changes, [...changeObjects(changes)]);
    expect(columnsOf(again)).toBe(columnsOf(changes));
    expect(rowsIn(again)).toEqual(rowsIn(changes));
    expect(again.columns([0], 'after', undefined)).toMatchObject({
      columns: [
        { name: 'id', declared: true, nullable: false },
        { name: 'name', nullable: true },
        {},
        {},
        {},
        {},
        {},
        {},
      ],
    });
  });

  test('take the types of the table where the source says none', () => {
    const rows = ['{"id":1,"price":"1.50","seen":"2020-02-29T00:00:00Z","photo":"AP8=","at":5,"ok":1}'];
    const changes = debezium({ schema: () => parseColumnsText('at TIMESTAMP MILLIS') }).peek(
      't',
      0,
      rows.map((after, i) => record(i, { key: '{"id":1}', value: envelope({ after }) })),
    );
    const known: StructType = struct([
      ...['id bigint', 'price decimal(12,2)', 'seen date', 'photo binary', 'ok boolean'].map((text) => {
        const [name = '', type = ''] = text.split(' ');
        return field(name, parseTypeText(type));
      }),
      field('at', parseTypeText('timestamp'), true, { 'sluice.unit': 'MILLIS' }),
    ]);
    const again = fromObjects(changes, [...changeObjects(changes)]);
    expect(columnsOf(again, known)).toBe(
      'id bigint, price decimal(12,2), seen date, photo binary, at timestamp, ok boolean',
    );
    const target = struct(known.fields.filter(({ name }) => name !== 'seen'));
    expect(rowsIn(again, target)).toEqual(rowsIn(changes, target));
  });

  test('hold what operators made of them: renamed, computed, multiplied, dropped', () => {
    const changes = debezium().peek(
      't',
      0,
      [1, 2].map((id, i) =>
        record(i, { key: `{"id":${id}}`, value: envelope({ after: `{"id":${id},"name":"x"}` }) }),
      ),
    );
    const [one] = changeObjects(changes);
    const made: Change[] =
      one === undefined
        ? []
        : [
            {
              ...one,
              key: { id: 10n },
              after: {
                id: 10n,
                label: 'x',
                half: 0.5,
                at: new Date(5),
                raw: Uint8Array.of(1),
                list: [1, null],
                deep: { a: true },
              },
            },
            { ...one, op: 'delete', key: { id: 11n }, before: { id: 11n }, after: null },
          ];
    const again = fromObjects(changes, made);
    expect(again.length).toBe(2);
    expect([...again.op]).toEqual([Op.create, Op.delete]);
    expect(again.key(0, [field('id', LONG)])).toBe('10');
    const found = again.columns([0], 'after', undefined);
    expect(found.kind === 'found' && found.columns.map(({ name }) => name)).toEqual([
      'id',
      'label',
      'half',
      'at',
      'raw',
      'list',
      'deep',
    ]);
    const target = foundSchema(fromObjects(changes, made.slice(0, 1)));
    expect(rowsIn(fromObjects(changes, made.slice(0, 1)), target)).toEqual([
      {
        id: 10n,
        label: 'x',
        half: 0.5,
        at: 5000n,
        raw: Uint8Array.of(1),
        list: [1n, null],
        deep: { a: true },
      },
    ]);
  });

  test('refuse what a column cannot hold, and keys that are missing', () => {
    const changes = debezium().peek('t', 0, [
      record(0, { key: '{"id":1}', value: envelope({ after: '{"id":1,"name":"x"}' }) }),
    ]);
    const [one] = changeObjects(changes);
    const target = struct([field('id', LONG), field('name', STRING)]);
    const after = (row: Change['after']): unknown =>
      rowsIn(fromObjects(changes, one === undefined ? [] : [{ ...one, after: row }]), target)[0];
    expect(after({ id: 1.5, name: 'x' })).toMatchObject({ kind: 'schema', field: 'id' });
    expect(after({ id: null, name: 'x' })).toMatchObject({ kind: 'key', field: 'id' });
    expect(after({ id: 1, name: 7 })).toMatchObject({ kind: 'schema', field: 'name' });
    expect(after({ id: 1, name: '\ud800' })).toMatchObject({ kind: 'value', field: 'name' });
    expect(after(null)).toMatchObject({ field: 'after' });
    const keyless = fromObjects(changes, one === undefined ? [] : [{ ...one, key: {} }]);
    expect(keyless.key(0, target.fields.slice(0, 1))).toBeUndefined();
    expect(keyless.problem(0)).toMatchObject({ kind: 'key', field: 'id' });
  });

  test('flag what is unavailable, wherever an operator left it', () => {
    const [one] = changeObjects(original, [5]);
    const made = one === undefined ? [] : [one, { ...one, after: { ...one.after, name: 'known' } }];
    expect([...fromObjects(original, made).flags].map((flags) => (flags & Flag.placeholder) !== 0)).toEqual([
      true,
      false,
    ]);
  });

  test('are exact for every int64 and double, there and back', () => {
    const row = fc.record({
      id: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      x: fc.double({ noNaN: true, noDefaultInfinity: true }),
    });
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 3 }), (rows) => {
        const schema = schemaHalf('{"type":"int64","field":"id"}', '{"type":"double","field":"x"}');
        const texts = rows.map(({ id, x }) => `{"id":${id},"x":${JSON.stringify(x)}}`);
        const changes = debezium().peek(
          't',
          0,
          texts.map((after, i) => record(i, { value: envelope({ after, schema }) })),
        );
        const again = fromObjects(changes, [...changeObjects(changes)]);
        expect(rowsIn(again)).toEqual(rows.map(({ id, x }) => ({ id, x: JSON.parse(JSON.stringify(x)) })));
      }),
    );
  });
});
