import { describe, expect, test } from 'vitest';
import { checkTable, type Check } from './checks.js';
import { corpusFolder, ownRecords, tableRecords, type TableRecord } from './table-rows.js';

const RECORDS = tableRecords();
if (RECORDS.length === 0) {
  console.log(`The conformance tables are not at ${corpusFolder()}: set SLUICE_CORPUS to their folder.`);
}

async function checksOf(records: readonly TableRecord[]): Promise<readonly Check[]> {
  const checks: Check[] = [];
  for (const record of records) checks.push(...(await checkTable(record)));
  const right = checks.filter(({ wrong }) => wrong === undefined).length;
  console.log(`${right} of ${checks.length} answers about ${records.length} tables right`);
  return checks;
}

function wrongIn(checks: readonly Check[]): string[] {
  return checks.flatMap(({ of, kind, wrong }) => (wrong === undefined ? [] : [`${kind} of ${of}: ${wrong}`]));
}

describe('tables that others wrote', () => {
  test('the small part: rows, snapshots and feeds are those on record, and what must be refused is', async () => {
    const checks = await checksOf(ownRecords());
    expect(wrongIn(checks)).toEqual([]);
    expect(checks.length).toBeGreaterThan(50);
  });

  test.skipIf(RECORDS.length === 0).each([
    ['by Spark', 'spark/', 100],
    ['by other projects', 'golden/', 300],
  ])('the corpus %s: all that is on record is answered right', async (_, prefix, atLeast) => {
    const checks = await checksOf(RECORDS.filter(({ name }) => name.startsWith(prefix)));
    expect(wrongIn(checks)).toEqual([]);
    expect(checks.length).toBeGreaterThan(atLeast);
  });
});
