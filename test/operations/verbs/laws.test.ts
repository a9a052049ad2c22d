import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { never } from '../../../src/base/signals.js';
import { createTable } from '../../../src/operations/create-table.js';
import { DeltaTable } from '../../../src/operations/delta-table.js';
import { plainRows } from '../../../src/operations/plain-rows.js';
import { memoryStore } from '../../../src/storage/memory.js';
import { tableOfBatch } from '../dml/batches.js';
import { aDeed, rowsNow, SCHEMA, textOf, type Deed, type Past, type Row } from './deeds.js';

/** The properties that decide how verbs write. */
const shape = fc.record({
  partitionBy: fc.constantFrom<readonly string[]>([], ['p']),
  vectors: fc.boolean(),
  feed: fc.boolean(),
  mapping: fc.constantFrom('none', 'name'),
  rowTracking: fc.boolean(),
  deeds: fc.array(aDeed, { minLength: 1, maxLength: 8 }),
});

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

/** The rows that are left when the changes are applied to these. */
function sumOf(rows: readonly string[], changes: readonly string[]): string[] {
  const left = [...rows];
  const [gone, come] = [/^(delete|update_preimage) /, /^(insert|update_postimage) /];
  left.push(...changes.filter((text) => come.test(text)).map((text) => text.replace(come, '')));
  for (const text of changes
    .filter((change) => gone.test(change))
    .map((change) => change.replace(gone, ''))) {
    const at = left.indexOf(text);
    if (at < 0) throw new Error(`the feed takes ${text}, which is not there`);
    left.splice(at, 1);
  }
  return left.sort();
}

/** Carries a deed out, and holds what it leaves against what it should. */
async function carryOut(past: Past, deed: Deed): Promise<Past> {
  const { version } = past.table;
  const { table, rows, operation, told } = await deed.perform(past);
  expect(table.version).toBe(operation === undefined ? version : version + 1);
  expect(await rowsOf(table)).toEqual(rows.map(textOf).sort());
  if (operation === undefined) return { ...past, table };
  if (past.feed) {
    const feed = await feedOf(table, table.version);
    if (told !== undefined) expect(feed).toEqual(told.toSorted());
    expect(sumOf(rowsNow(past).map(textOf), feed)).toEqual(rows.map(textOf).sort());
  }
  const [latest] = await table.history({ limit: 1 });
  expect(latest?.operation).toBe(operation);
  return { ...past, table, versions: [...past.versions, rows] };
}

describe('verbs of a table, one after another', () => {
  test('leave at every version the rows, and in the feed the changes, that a plain list of rows would', async () => {
    await fc.assert(
      fc.asyncProperty(shape, async ({ partitionBy, vectors, feed, mapping, rowTracking, deeds }) => {
        const store = memoryStore();
        await createTable(store, {
          schema: SCHEMA,
          partitionBy,
          properties: {
            'delta.enableDeletionVectors': String(vectors),
            'delta.enableChangeDataFeed': String(feed),
            'delta.columnMapping.mode': mapping,
            'delta.enableRowTracking': String(rowTracking),
          },
          signal: never,
        });
        let past: Past = { table: await DeltaTable.open(store), feed, versions: [[]] };
        for (const deed of deeds) past = await carryOut(past, deed);
        for (const [version, rows] of past.versions.entries())
          expect(await rowsOf(await DeltaTable.open(store, { version }))).toEqual(rows.map(textOf).sort());
      }),
      { numRuns: Number(process.env['FC_RUNS'] ?? 60) },
    );
  });
});
