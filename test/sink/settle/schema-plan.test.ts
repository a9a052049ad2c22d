import { describe, expect, test } from 'vitest';
import { debezium } from '../../../src/cdc/debezium.js';
import type { RawRecord } from '../../../src/cdc/record.js';
import { planSchema } from '../../../src/sink/settle/schema-plan.js';
import { tableDefaults } from '../../../src/sink/sink-options.js';

function recordOf(offset: number, row: Readonly<Record<string, unknown>>): RawRecord {
  const source = { connector: 'postgresql', name: 'db', db: 'db', schema: 's', table: 't', lsn: offset + 1 };
  return {
    key: Buffer.from(JSON.stringify({ id: offset })),
    value: Buffer.from(
      JSON.stringify({ before: null, after: { id: offset, ...row }, source, op: 'c', ts_ms: 0 }),
    ),
    headers: {},
    offset: String(offset),
    timestamp: '0',
  };
}

function planOf(rows: readonly Readonly<Record<string, unknown>>[]): ReturnType<typeof planSchema> {
  const changes = debezium().peek(
    't',
    0,
    rows.map((row, offset) => recordOf(offset, row)),
  );
  const records = Uint32Array.from(rows, (_, at) => at);
  const slice = { topic: 't', partition: 0, base: 0, next: rows.length, changes, rows: records };
  return planSchema(undefined, [{ slice, records, half: 'after' }], tableDefaults, []);
}

describe('the schema of a batch whose columns are inferred', () => {
  test('a value of another kind than those before it makes its own record bad, and no other', () => {
    const plan = planOf([{ qty: 1 }, { qty: 'five' }, { qty: 1.5 }, { qty: 2 }, { qty: true }]);
    expect(plan).toMatchObject({
      kind: 'bad-records',
      records: [
        { offset: 1, index: 1, problem: { field: 'qty' } },
        { offset: 4, index: 4, problem: { field: 'qty' } },
      ],
    });
  });

  test('what is left without the bad records can be planned', () => {
    expect(planOf([{ qty: 1 }, { qty: 1.5 }, { qty: 2 }])).toMatchObject({ kind: 'planned' });
  });
});
