import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Flag, Op, type Changes } from '../../src/cdc/changes.js';
import { debezium } from '../../src/cdc/debezium.js';
import { isForeignTopic } from '../../src/cdc/topics.js';
import { TableBuilder } from '../../src/columnar/table-builder.js';
import { field, LONG, STRING, struct } from '../../src/schema/build.js';
import { parseTypeText } from '../../src/schema/type-text.js';
import { columnsOf, envelope, indexes, record, rowsIn, schemaHalf, SOURCE } from './events.js';

const KEY = '{"id":1}';
const ROW = '{"id":1,"name":"x"}';
const peek = (...records: Parameters<typeof record>[1][]): Changes =>
  debezium().peek(
    't',
    3,
    records.map((one, i) => record(i, one)),
  );

describe('a look at a record', () => {
  test.each([
    ['r', Op.read],
    ['c', Op.create],
    ['u', Op.update],
    ['d', Op.delete],
    ['t', Op.truncate],
    ['m', Op.foreign],
  ])('of op %s tells what it does', (op, expected) => {
    const halves = op === 'd' ? { before: ROW } : op === 't' || op === 'm' ? {} : { after: ROW };
    expect(peek({ key: op === 't' ? null : KEY, value: envelope({ op, ...halves }) }).op[0]).toBe(expected);
  });

  test('finds position, origin, offset, time and halves', () => {
    const value = envelope({ op: 'u', before: ROW, after: ROW });
    const changes = debezium().peek('t', 3, [record(7, { key: KEY, value }), record(8, { key: KEY, value })]);
    expect(changes.position).toEqual(Array(2).fill('100000000000000000231c1c8;-;01a20999ed44'));
    expect(changes.origin(0)).toEqual({
      connector: 'postgresql',
      name: 'shop',
      db: 'shop',
      schema: 'inventory',
      table: 'customers',
    });
    expect(changes.origin(1)).toBe(changes.origin(0));
    expect([changes.topic, changes.partition, changes.offset(1), changes.timestamp(0)]).toEqual([
      't',
      3,
      8,
      1795457413143,
    ]);
    expect(changes.flags[0]).toBe(Flag.before | Flag.after);
    expect(changes.bytes).toBe(2 * (KEY.length + value.length));
    expect(changes.keyFields(0)).toEqual(['id']);
    expect(changes.keyFields(1)).toBe(changes.keyFields(0));
  });

  test.each([
    [
      'MySQL',
      '"connector":"mysql","ts_ms":1,"file":"binlog.000010","pos":999,"row":3',
      '2000000000000000a00000000000003e700000003;-;000000000001',
    ],
    [
      'MariaDB',
      '"connector":"mariadb","file":"mysql-bin.4294967295","pos":null',
      '200000000ffffffff000000000000000000000000;-;000000000000',
    ],
    [
      'PostgreSQL beyond 2^53',
      '"connector":"postgresql","lsn":9223372036854775807',
      '1000000007fffffffffffffff;-;000000000000',
    ],
    [
      'another connector',
      '"connector":"sqlserver","ts_ms":-5,"commit_lsn":"x"',
      '9000000000000000000000005;-;000000000000',
    ],
  ])('of %s finds its position', (_title, members, position) => {
    const value = envelope({ after: ROW, source: `{${members}}` });
    expect(debezium().peek('t', 0, [record(5, { key: KEY, value })]).position).toEqual([position]);
  });

  test.each(['"connector":"postgresql","lsn":null', '"connector":"mysql","file":null,"pos":0'])(
    'R22: a change without its place in the history is bad, for it could not be told from a repeat: %s',
    (members) => {
      const value = envelope({ after: ROW, source: `{${members}}` });
      const changes = debezium().peek('t', 0, [record(5, { key: KEY, value })]);
      expect([...changes.op]).toEqual([Op.bad]);
      expect(changes.problem(0)).toMatchObject({ kind: 'envelope', field: 'source' });
    },
  );

  test.each([
    '"true"',
    '"first"',
    '"first_in_data_collection"',
    '"last_in_data_collection"',
    '"last"',
    '"incremental"',
    'true',
  ])('with snapshot %s says so', (snapshot) => {
    const source = SOURCE.replace('"snapshot":"false"', `"snapshot":${snapshot}`);
    const changes = peek({ key: KEY, value: envelope({ op: 'r', after: ROW, source }) });
    expect(changes.flags[0]).toBe(Flag.after | Flag.snapshot);
    expect(changes.position[0]).toContain(';s;');
  });

  test.each(['"false"', 'false', 'null'])('with snapshot %s is streamed', (snapshot) => {
    const source = SOURCE.replace('"snapshot":"false"', `"snapshot":${snapshot}`);
    expect(peek({ key: KEY, value: envelope({ after: ROW, source }) }).flags[0]).toBe(Flag.after);
  });

  test('is not confused by sources that change from record to record', () => {
    const sources = [
      SOURCE,
      SOURCE.replace('customers', 'orders'),
      SOURCE.replace('"lsn":36815304', '"lsn":1').replace('"false"', '"true"'),
      '{"connector":"postgresql","lsn":12}',
      SOURCE,
    ];
    const changes = peek(...sources.map((source) => ({ key: KEY, value: envelope({ after: ROW, source }) })));
    expect(sources.map((_, i) => changes.origin(i).table)).toEqual([
      'customers',
      'orders',
      'customers',
      '',
      'customers',
    ]);
    expect(changes.position.map((text) => Number.parseInt(text.slice(9, 25), 16))).toEqual([
      36815304, 36815304, 1, 12, 36815304,
    ]);
    expect(sources.map((_, i) => ((changes.flags[i] ?? 0) & Flag.snapshot) !== 0)).toEqual([
      false,
      false,
      true,
      false,
      false,
    ]);
    expect(changes.origin(4)).toBe(changes.origin(0));
  });

  test('knows a tombstone, with and without schema halves', () => {
    const schema = '{"type":"struct","fields":[{"type":"int64","field":"id"}],"optional":false}';
    const changes = peek(
      { key: KEY },
      { key: `{"schema":${schema},"payload":{"id":1}}` },
      { key: KEY, value: `{"schema":${schemaHalf()},"payload":null}` },
      { key: KEY, value: 'null' },
    );
    expect([...changes.op]).toEqual(Array(4).fill(Op.tombstone));
    expect([...changes.position]).toEqual(Array(4).fill(''));
    const id = [field('id', LONG)];
    expect([0, 1, 2].map((i) => changes.key(i, id))).toEqual(['1', '1', '1']);
  });

  test('passes over a tombstone without a key: it follows a delete from a table that has none', () => {
    expect([...peek({}, { key: '{"schema":null,"payload":null}' }).op]).toEqual([Op.foreign, Op.foreign]);
  });

  test.each([
    ['a heartbeat', '{"ts_ms":1}'],
    [
      'a transaction that begins',
      '{"status":"BEGIN","id":"1:2","event_count":null,"data_collections":null,"ts_ms":1}',
    ],
    [
      'a schema change',
      '{"source":{},"ts_ms":1,"databaseName":"","schemaName":null,"ddl":"SET x","tableChanges":[]}',
    ],
    ['a heartbeat with schema half', `{"schema":{"type":"struct","fields":[]},"payload":{"ts_ms":1}}`],
  ])('passes over %s', (_title, value) => {
    expect([...peek({ key: '{"id":1}', value }, { key: null, value }).op]).toEqual([Op.foreign, Op.foreign]);
  });

  test('makes no difference by the order of the halves, spaces, or what else is there', () => {
    const payload = `{ "op" : "u" ,\n "after" : ${ROW} , "extra":{"op":"d"}, "source":${SOURCE}, "before":null }`;
    const schema = schemaHalf('{"type":"int64","field":"id"}', '{"type":"string","field":"name"}');
    const changes = peek(
      { key: ` { "id" : 1 } `, value: ` ${payload} ` },
      { key: KEY, value: `{"payload":${payload},"schema":${schema}}` },
      { key: KEY, value: `{ "schema" : ${schema} , "payload" : ${payload} } ` },
      { key: KEY, value: `{"schema":null,"payload":${payload}}` },
    );
    expect([...changes.op]).toEqual(Array(4).fill(Op.update));
    expect(rowsIn(changes)).toEqual([1, 2, 3, 4].map(() => ({ id: 1n, name: 'x' })));
    expect([0, 1, 2, 3].map((i) => changes.key(i, [field('id', LONG)]))).toEqual(Array(4).fill('1'));
  });
});

test('rows without a fixed form are read in batch after batch, without end', () => {
  const decoder = debezium();
  const batches = [0, 6000, 12_000].map((from) => {
    const rows = Array.from({ length: 6000 }, (_, i) => `{"id":${from + i},"c${from + i}":1}`);
    const records = rows.map((after, i) =>
      record(i, { key: `{"id":${from + i}}`, value: envelope({ after }) }),
    );
    return decoder.peek('t', 0, records);
  });
  const target = struct([field('id', LONG)]);
  expect(batches.map((changes) => rowsIn(changes, target).at(-1))).toEqual([
    { id: 5999n },
    { id: 11_999n },
    { id: 17_999n },
  ]);
  expect(batches.map((changes) => changes.key(5999, target.fields))).toEqual(['5999', '11999', '17999']);
});

describe('a record that cannot be read', () => {
  test.each([
    [
      'bytes that are not UTF-8',
      Buffer.concat([Buffer.from('{"op":"c","after":{"a":"'), Buffer.of(0xff), Buffer.from('"}}')]),
      'json',
    ],
    [
      'a UTF-8 encoded surrogate',
      Buffer.concat([Buffer.from('{"op":"'), Buffer.of(0xed, 0xa0, 0x80), Buffer.from('"}')]),
      'json',
    ],
    ['nothing', '', 'json'],
    ['text', 'hello', 'json'],
    ['half a record', envelope({ after: ROW }).slice(0, -30), 'json'],
    ['two records', envelope({ after: ROW }) + envelope({ after: ROW }), 'json'],
    ['a record and more', `${envelope({ after: ROW })}x`, 'json'],
    [
      'an envelope with schema half that does not end',
      `{"schema":${schemaHalf()},"payload":${envelope({ after: ROW })}`,
      'json',
    ],
    ['a number', '17', 'envelope'],
    ['an array', '[]', 'envelope'],
    ['an empty object', '{}', 'envelope'],
    ['a plain row', '{"id":1,"name":"x"}', 'envelope'],
    ['an envelope without op', `{"after":${ROW},"source":${SOURCE}}`, 'envelope'],
    ['an unknown op', envelope({ op: 'x', after: ROW }), 'envelope'],
    ['an op that is no text', envelope({ after: ROW }).replace('"op":"c"', '"op":3'), 'envelope'],
    ['a change without source', envelope({ after: ROW, source: 'null' }), 'envelope'],
    ['a source that is text', envelope({ after: ROW, source: '"x"' }), 'envelope'],
    ['a create without a row', envelope({ op: 'c' }), 'envelope'],
    ['an update without a row after it', envelope({ op: 'u', before: ROW }), 'envelope'],
    ['a row that is text', envelope({ after: '"x"' }), 'envelope'],
    ['a row that is an array', envelope({ after: '[1]' }), 'envelope'],
    ['a row that names a column twice', envelope({ after: '{"a":1,"a":2}' }), 'envelope'],
    ['a schema half that is none', envelope({ after: ROW, schema: '{"type":"unheard"}' }), 'envelope'],
    ['a schema half that is not JSON', envelope({ after: ROW, schema: '{"type":x}' }), 'envelope'],
  ])('%s is bad, and the next one is not', (_title, value, kind) => {
    const changes = peek({ key: KEY, value }, { key: KEY, value: envelope({ after: ROW }) });
    expect([...changes.op]).toEqual([Op.bad, Op.create]);
    expect(changes.problem(0)).toMatchObject({ kind });
    expect(changes.problem(1)).toBeUndefined();
  });

  test.each([
    'x',
    '17',
    '"text"',
    '[1]',
    '{"id":1',
    '{"id":1}x',
    '{"id":1,"id":2}',
    '{"schema":{"type":"x"},"payload":{"id":1}}',
  ])('with the key %s is bad, and it is known whose it is', (key) => {
    const changes = peek({ key, value: envelope({ after: ROW }) }, { key, value: null });
    expect([...changes.op]).toEqual([Op.bad, Op.bad]);
    expect(changes.problem(0)).toMatchObject({ kind: 'key' });
    expect(changes.origin(0).table).toBe('customers');
  });

  test('hostile nesting is a problem or a value, never a crash', () => {
    const deep = '['.repeat(100_000) + ']'.repeat(100_000);
    const objects = '{"a":'.repeat(50_000) + '1' + '}'.repeat(50_000);
    const changes = peek(
      { key: KEY, value: envelope({ after: `{"id":1,"name":${deep}}` }) },
      { key: KEY, value: envelope({ after: ROW, before: objects }) },
      { key: KEY, value: envelope({ after: ROW, source: `{"connector":"postgresql","lsn":7,"x":${deep}}` }) },
      { key: KEY, value: deep },
      { key: deep, value: envelope({ after: ROW }) },
      { key: KEY, value: `{"schema":${objects},"payload":${envelope({ after: ROW })}}` },
      { key: `{"id":${deep}}`, value: envelope({ after: ROW }) },
    );
    expect([...changes.op]).toEqual([Op.create, Op.create, Op.create, Op.bad, Op.bad, Op.bad, Op.create]);
    const target = struct([field('id', LONG), field('name', STRING)]);
    expect(rowsIn(changes, target)[0]).toMatchObject({ kind: expect.any(String), field: 'name' });
    expect(changes.key(6, [field('id', LONG)])).toBeUndefined();
    expect(changes.problem(6)).toMatchObject({ kind: 'key', field: 'id' });
  });

  test('any bytes at all are a problem or a value', () => {
    const whole = Buffer.from(envelope({ after: ROW }));
    const damaged = fc
      .tuple(fc.nat(whole.length - 1), fc.nat(255), fc.nat(4))
      .map(([at, byte, cut]) =>
        Buffer.concat([whole.subarray(0, at), Buffer.of(byte), whole.subarray(at + cut)]),
      );
    const target = struct([field('id', LONG), field('name', STRING)]);
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            damaged,
            fc.uint8Array().map((bytes) => Buffer.from(bytes)),
          ),
        ),
        (values) => {
          const changes = debezium().peek(
            't',
            0,
            values.map((value, i) => ({ ...record(i, {}), key: value, value })),
          );
          const all = [...indexes(changes)];
          expect(all.map((i) => changes.problem(i) !== undefined)).toEqual(
            all.map((i) => changes.op[i] === Op.bad),
          );
          const readable = all.filter((i) => changes.op[i] === Op.create);
          const lengths = readable.map((i) => {
            const builder = new TableBuilder(target);
            const problem = changes.appender(target).append(i, 'after', builder);
            return [builder.length, problem === undefined ? 1 : 0];
          });
          expect(lengths.filter(([length, expected]) => length !== expected)).toEqual([]);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('reading a row', () => {
  const target = struct([
    field('own', STRING),
    field('id', LONG),
    field('name', STRING),
    field('more', LONG),
  ]);

  test('fills the columns it has, leaves others null, and lets our own alone', () => {
    const changes = peek({ key: KEY, value: envelope({ after: '{"name":"x","unknown":{"a":[1]},"id":1}' }) });
    const builder = new TableBuilder(target);
    expect(changes.appender(target, ['own']).append(0, 'after', builder)).toBeUndefined();
    expect([0, 1, 2, 3].map((column) => builder.column(column).length)).toEqual([0, 1, 1, 1]);
  });

  test.each([
    ['{"id":1,"name":7}', { kind: 'schema', field: 'name' }],
    ['{"id":null,"name":"x"}', { kind: 'key', field: 'id' }],
    ['{"name":"x"}', { kind: 'key', field: 'id' }],
    ['{"id":1,"more":1,"name":"\\q"}', { kind: 'json', field: 'name' }],
  ])('of %s leaves the builder as it was if there is a problem', (after, problem) => {
    const changes = peek(
      { key: KEY, value: envelope({ after: ROW }) },
      { key: KEY, value: envelope({ after }) },
    );
    const builder = new TableBuilder(target);
    const appender = changes.appender(target, ['own']);
    expect(appender.append(0, 'after', builder)).toBeUndefined();
    expect(appender.append(1, 'after', builder)).toMatchObject(problem);
    expect([0, 1, 2, 3].map((column) => builder.column(column).length)).toEqual([0, 1, 1, 1]);
  });

  test('passes over what no column wants, whatever it is', () => {
    const changes = peek({ key: KEY, value: envelope({ after: '{"id":1,"name":"x","unknown":[1 2]}' }) });
    expect(changes.appender(target).append(0, 'after', new TableBuilder(target))).toBeUndefined();
  });

  test('reads rows of changing shape, one after another', () => {
    const rows = [
      '{"id":1,"name":"a"}',
      '{"name":"b","id":2}',
      '{"id":3}',
      '{"id":4,"name":null,"more":5}',
      '{"id":6,"name":"a"}',
    ];
    const changes = peek(...rows.map((after) => ({ key: KEY, value: envelope({ after }) })));
    expect(rowsIn(changes)).toEqual([
      { id: 1n, name: 'a', more: null },
      { id: 2n, name: 'b', more: null },
      { id: 3n, name: null, more: null },
      { id: 4n, name: null, more: 5n },
      { id: 6n, name: 'a', more: null },
    ]);
  });

  test('says that a half is not there', () => {
    const changes = peek({ key: KEY, value: envelope({ after: ROW }) });
    expect(changes.appender(target).append(0, 'before', new TableBuilder(target))).toMatchObject({
      field: 'before',
    });
    expect(columnsOf(changes, undefined, 'before')).toMatchObject({ field: 'before' });
  });
});

describe('an unavailable value', () => {
  const PLACEHOLDER = '__debezium_unavailable_value';
  const base64 = Buffer.from(PLACEHOLDER).toString('base64');
  const target = struct([
    field('id', STRING),
    field('a', STRING),
    field('b', parseTypeText('array<string>')),
    field('c', parseTypeText('binary')),
  ]);

  function append(after: string, half: 'before' | 'after' = 'after', types = target) {
    const changes = peek({ key: '{"id":"x"}', value: envelope({ op: 'u', before: after, after }) });
    const builder = new TableBuilder(types);
    const appender = changes.appender(types);
    const problem = appender.append(0, half, builder);
    return {
      flagged: ((changes.flags[0] ?? 0) & Flag.placeholder) !== 0,
      placeholders: [...appender.placeholders],
      problem,
    };
  }

  test.each([
    ['as text', `{"id":"x","a":"${PLACEHOLDER}"}`, [1]],
    ['in base64', `{"id":"x","c":"${base64}"}`, [3]],
    ['in base64, in a column that is text for want of a schema half', `{"id":"x","a":"${base64}"}`, [1]],
    ['as the only element of an array', `{"id":"x","b":["${PLACEHOLDER}"]}`, [2]],
    ['as integers', `{"id":"x","b":[${[...Buffer.from(PLACEHOLDER)].join(',')}]}`, [2]],
    ['as a map of itself', `{"id":"x","b":{"${PLACEHOLDER}":"${PLACEHOLDER}"}}`, [2]],
    ['in several columns', `{"id":"x","a":"${PLACEHOLDER}","b":["${PLACEHOLDER}"],"c":"AA=="}`, [1, 2]],
  ])('is recognised %s', (_title, after, placeholders) => {
    expect(append(after)).toEqual({ flagged: true, placeholders, problem: undefined });
    expect(append(after, 'before').placeholders).toEqual(placeholders);
  });

  test('is a real value in a key', () => {
    expect(append(`{"id":"${PLACEHOLDER}","a":"y"}`)).toEqual({
      flagged: true,
      placeholders: [],
      problem: undefined,
    });
  });

  test.each([`"x ${PLACEHOLDER}"`, `"${PLACEHOLDER.slice(1)}"`, '"y"'])('is not %s', (value) => {
    expect(append(`{"id":"x","a":${value}}`)).toEqual({
      flagged: false,
      placeholders: [],
      problem: undefined,
    });
  });

  test('in base64 is a real text where the schema half says text', () => {
    const schema = schemaHalf(
      '{"type":"string","field":"id"}',
      '{"type":"string","optional":true,"field":"a"}',
    );
    const changes = peek({
      key: '{"id":"x"}',
      value: envelope({ after: `{"id":"x","a":"${base64}"}`, schema }),
    });
    expect(rowsIn(changes)).toEqual([{ id: 'x', a: base64 }]);
  });

  test('is what the connector was told to write', () => {
    const hex = `hex:${Buffer.from('gone').toString('hex')}`;
    for (const unavailableValue of ['gone', hex]) {
      const value = envelope({ op: 'u', after: '{"id":"x","a":"gone"}' });
      const changes = debezium({ unavailableValue }).peek('t', 0, [record(0, { key: '{"id":"x"}', value })]);
      expect(changes.flags[0]).toBe(Flag.after | Flag.placeholder);
    }
  });

  test('says nothing about a column’s type', () => {
    const rows = [`{"id":"x","b":["${PLACEHOLDER}"]}`, '{"id":"y","b":[1,2]}'];
    const changes = peek(...rows.map((after) => ({ key: '{"id":"x"}', value: envelope({ after }) })));
    expect(columnsOf(changes)).toBe('id string, b array<bigint>');
  });
});

test('heartbeat topics are foreign by name, others are not', () => {
  expect(isForeignTopic('__debezium-heartbeat.full')).toBe(true);
  expect(['full.inventory.customers', 'shop.transaction', 'full'].map(isForeignTopic)).toEqual([
    false,
    false,
    false,
  ]);
});
