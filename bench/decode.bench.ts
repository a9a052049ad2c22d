import { bench, describe } from 'vitest';
import { debezium } from '../src/cdc/debezium.js';
import type { RawRecord } from '../src/cdc/record.js';
import type { Changes } from '../src/cdc/changes.js';
import { TableBuilder } from '../src/columnar/table-builder.js';
import { field, struct } from '../src/schema/build.js';
import { parseColumnsText } from '../src/schema/type-text.js';

/**
 * How fast records become rows: the look at the envelope, the keys, and reading rows of eight columns into a table builder.
 * One operation is a batch of `COUNT` events; run it with `npx vitest bench --run bench/decode.bench.ts`.
 */
const COUNT = 20_000;

const COLUMNS = parseColumnsText(
  'id BIGINT, name STRING, city STRING, age INT, balance DECIMAL(12,2), active BOOLEAN, score DOUBLE, seen TIMESTAMP_NTZ MICROS',
);

function connectType(name: string): object {
  switch (name) {
    case 'id':
      return { type: 'int64', optional: false, field: name };
    case 'age':
      return { type: 'int32', optional: true, field: name };
    case 'balance':
      return {
        type: 'bytes',
        optional: true,
        name: 'org.apache.kafka.connect.data.Decimal',
        version: 1,
        parameters: { scale: '2', 'connect.decimal.precision': '12' },
        field: name,
      };
    case 'active':
      return { type: 'boolean', optional: true, field: name };
    case 'score':
      return { type: 'double', optional: true, field: name };
    case 'seen':
      return {
        type: 'int64',
        optional: true,
        name: 'io.debezium.time.MicroTimestamp',
        version: 1,
        field: name,
      };
    default:
      return { type: 'string', optional: true, field: name };
  }
}

const SOURCE_FIELDS = [
  'version',
  'connector',
  'name',
  'ts_ms',
  'snapshot',
  'db',
  'sequence',
  'ts_us',
  'ts_ns',
  'schema',
  'table',
  'txId',
  'lsn',
  'xmin',
];

const ROW_FIELDS = COLUMNS.map(({ field: { name } }) => connectType(name));
const VALUE_SCHEMA = {
  type: 'struct',
  fields: [
    {
      type: 'struct',
      fields: ROW_FIELDS,
      optional: true,
      name: 'shop.inventory.customers.Value',
      field: 'before',
    },
    {
      type: 'struct',
      fields: ROW_FIELDS,
      optional: true,
      name: 'shop.inventory.customers.Value',
      field: 'after',
    },
    {
      type: 'struct',
      fields: SOURCE_FIELDS.map((name) => ({
        type: name.startsWith('ts') ? 'int64' : 'string',
        optional: true,
        field: name,
      })),
      optional: false,
      name: 'io.debezium.connector.postgresql.Source',
      field: 'source',
    },
    { type: 'string', optional: false, field: 'op' },
  ],
  optional: false,
  name: 'shop.inventory.customers.Envelope',
  version: 2,
};
const KEY_SCHEMA = {
  type: 'struct',
  fields: [connectType('id')],
  optional: false,
  name: 'shop.inventory.customers.Key',
};

function record(i: number, withSchema: boolean): RawRecord {
  const payload = {
    before: null,
    after: {
      id: 1_000_000 + i,
      name: `Customer number ${i}`,
      city: i % 3 === 0 ? 'Köln' : 'Hamburg',
      age: 18 + (i % 60),
      balance: withSchema
        ? Buffer.from([(i >> 16) & 127, (i >> 8) & 255, i & 255]).toString('base64')
        : `${i}.25`,
      active: i % 2 === 0,
      score: i / 8,
      seen: 1_795_457_412_420_265 + i,
    },
    source: {
      version: '3.7.0.Final',
      connector: 'postgresql',
      name: 'shop',
      ts_ms: 1_795_457_412_420 + i,
      snapshot: 'false',
      db: 'shop',
      sequence: '["36806456","36806512"]',
      ts_us: 1_795_457_412_420_265,
      ts_ns: 0,
      schema: 'inventory',
      table: 'customers',
      txId: 960 + i,
      lsn: 36_806_456 + i * 64,
      xmin: null,
    },
    transaction: null,
    op: 'c',
    ts_ms: 1_795_457_413_143,
  };
  const key = { id: 1_000_000 + i };
  return {
    key: Buffer.from(JSON.stringify(withSchema ? { schema: KEY_SCHEMA, payload: key } : key)),
    value: Buffer.from(JSON.stringify(withSchema ? { schema: VALUE_SCHEMA, payload } : payload)),
    headers: {},
    offset: String(i),
    timestamp: '1795457413143',
  };
}

for (const withSchema of [false, true]) {
  const records = Array.from({ length: COUNT }, (_, i) => record(i, withSchema));
  const decoder = debezium({ schema: () => COLUMNS });
  const changes: Changes = decoder.peek('bench', 0, records);
  const bytes = Math.round(changes.bytes / COUNT);
  const rows = Uint32Array.from({ length: COUNT }, (_, i) => i);
  const found = changes.columns(rows, 'after', undefined);
  if (found.kind !== 'found') throw new Error(found.problem.reason);
  const target = struct(found.columns.map(({ name, type, metadata }) => field(name, type, true, metadata)));
  const key = target.fields.filter(({ name }) => name === 'id');

  describe(`${COUNT} events of ${bytes} bytes, ${withSchema ? 'with' : 'without'} schema half`, () => {
    bench('peek', () => {
      decoder.peek('bench', 0, records);
    });
    bench('keys', () => {
      for (let i = 0; i < COUNT; i++) if (changes.key(i, key) === undefined) throw new Error('no key');
    });
    bench('columns', () => {
      changes.columns(rows, 'after', target);
    });
    bench('append', () => {
      const builder = new TableBuilder(target);
      const appender = changes.appender(target);
      for (let i = 0; i < COUNT; i++) {
        const problem = appender.append(i, 'after', builder);
        if (problem !== undefined) throw new Error(problem.reason);
      }
    });
  });
}
