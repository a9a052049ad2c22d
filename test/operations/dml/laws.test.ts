import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DeltaTable } from '../../../src/operations/delta-table.js';
import { createTable } from '../../../src/operations/create-table.js';
import { plainRows } from '../../../src/operations/plain-rows.js';
import { tableOfBatch } from './batches.js';
import { LONG, STRING, field, struct } from '../../../src/schema/build.js';
import { memoryStore } from '../../../src/storage/memory.js';
import { never } from '../../../src/base/signals.js';

type Row = { readonly id: bigint; readonly v: string | null; readonly p: string | null };

const SCHEMA = struct([field('id', LONG), field('v', STRING), field('p', STRING)]);

/** A condition in SQL, and whether it is true of a row: unknown is not true. */
const CONDITIONS: readonly { readonly sql: string | undefined; readonly holds: (row: Row) => boolean }[] = [
  { sql: undefined, holds: () => true },
  { sql: 'id % 3 = 1', holds: ({ id }) => id % 3n === 1n },
  { sql: 'id >= 5', holds: ({ id }) => id >= 5n },
  { sql: "p = 'x'", holds: ({ p }) => p === 'x' },
  { sql: "p = 'x' AND id < 4", holds: ({ p, id }) => p === 'x' && id < 4n },
  { sql: "NOT (v = 'b')", holds: ({ v }) => v !== null && v !== 'b' },
  { sql: 'v IS NULL', holds: ({ v }) => v === null },
  { sql: 'id < 0', holds: () => false },
];

const SETS: readonly { readonly set: Record<string, string>; readonly apply: (row: Row) => Row }[] = [
  { set: { v: "'b'" }, apply: (row) => ({ ...row, v: 'b' }) },
  { set: { v: 'p', p: 'v' }, apply: (row) => ({ ...row, v: row.p, p: row.v }) },
  { set: { id: 'id + 10' }, apply: (row) => ({ ...row, id: row.id + 10n }) },
  { set: { p: 'NULL', v: 'id' }, apply: (row) => ({ ...row, p: null, v: String(row.id) }) },
];

const rowArbitrary = fc.record({
  id: fc.bigInt(0n, 12n),
  v: fc.constantFrom('a', 'b', null),
  p: fc.constantFrom('x', 'y', null),
});

type Step =
  | { readonly verb: 'append'; readonly rows: readonly Row[] }
  | { readonly verb: 'delete'; readonly at: number }
  | { readonly verb: 'update'; readonly at: number; readonly set: number };

const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    verb: fc.constant('append' as const),
    rows: fc.array(rowArbitrary, { minLength: 1, maxLength: 6 }),
  }),
  fc.record({ verb: fc.constant('delete' as const), at: fc.nat(CONDITIONS.length - 1) }),
  fc.record({
    verb: fc.constant('update' as const),
    at: fc.nat(CONDITIONS.length - 1),
    set: fc.nat(SETS.length - 1),
  }),
);

const shapeArbitrary = fc.record({
  partitionBy: fc.constantFrom<readonly string[]>([], ['p']),
  vectors: fc.boolean(),
  feed: fc.boolean(),
  steps: fc.array(stepArbitrary, { minLength: 1, maxLength: 6 }),
});

function textOf({ id, v, p }: Row): string {
  return `${id}|${v}|${p}`;
}

async function rowsOf(table: DeltaTable): Promise<string[]> {
  return (await table.toRows()).map((row) => textOf(row as Row)).sort();
}

/** The feed of one version, as texts that begin with what happened. */
async function feedOf(table: DeltaTable, version: number): Promise<string[]> {
  const texts: string[] = [];
  for await (const batch of table.changes({ from: { version }, to: { version } })) {
    const { rows, struct: columns } = tableOfBatch(batch);
    for (const row of plainRows(rows, columns))
      texts.push(`${String(row['_change_type'])} ${textOf(row as never)}`);
  }
  return texts.sort();
}

describe('DELETE and UPDATE', () => {
  test('leave the rows, and tell the feed the changes, that a plain list of rows would', async () => {
    await fc.assert(
      fc.asyncProperty(shapeArbitrary, async ({ partitionBy, vectors, feed, steps }) => {
        const store = memoryStore();
        await createTable(store, {
          schema: SCHEMA,
          partitionBy,
          properties: {
            'delta.enableDeletionVectors': String(vectors),
            'delta.enableChangeDataFeed': String(feed),
          },
          signal: never,
        });
        let table = await DeltaTable.open(store);
        let model: readonly Row[] = [];
        for (const step of steps) {
          const { version } = table;
          const told: string[] = [];
          if (step.verb === 'append') {
            ({ table } = await table.append(step.rows));
            model = [...model, ...step.rows];
            told.push(...step.rows.map((row) => `insert ${textOf(row)}`));
          } else {
            const condition = CONDITIONS[step.at];
            if (condition === undefined) continue;
            const where = condition.sql === undefined ? {} : { where: condition.sql };
            const hit = model.filter((row) => condition.holds(row));
            const rest = model.filter((row) => !condition.holds(row));
            const set = step.verb === 'update' ? SETS[step.set] : undefined;
            const next = set === undefined ? [] : hit.map((row) => set.apply(row));
            const result =
              set === undefined ? await table.delete(where) : await table.update({ ...where, set: set.set });
            const counted = result.metrics[set === undefined ? 'numDeletedRows' : 'numUpdatedRows'];
            expect(counted).toBe(String(hit.length));
            expect(result.table.version).toBe(hit.length === 0 ? version : version + 1);
            ({ table } = result);
            model = [...rest, ...next];
            told.push(
              ...hit.map((row) => `${set === undefined ? 'delete' : 'update_preimage'} ${textOf(row)}`),
            );
            told.push(...next.map((row) => `update_postimage ${textOf(row)}`));
          }
          expect(await rowsOf(table)).toEqual(model.map(textOf).sort());
          expect(await rowsOf(await DeltaTable.open(store))).toEqual(model.map(textOf).sort());
          if (feed && table.version > version)
            expect(await feedOf(table, table.version)).toEqual(told.sort());
        }
      }),
      { numRuns: 80 },
    );
  });
});
