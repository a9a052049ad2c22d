import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from 'vitest';
import { SluiceError } from '../../src/base/errors.js';
import { never } from '../../src/base/signals.js';
import { isJsonObject, type JsonValue } from '../../src/base/json.js';
import { openSnapshot, type Snapshot } from '../../src/table/snapshot.js';
import {
  canonicalText,
  differenceAt,
  expectedJson,
  placed,
  tableRecords,
  type TableRecord,
} from './table-rows.js';

const RECORDS = tableRecords();
if (RECORDS.length === 0) {
  console.log('The conformance tables are not here: set SLUICE_CORPUS to their folder to test against them.');
}

const of = (...kinds: readonly string[]) => RECORDS.filter(({ kind }) => kinds.includes(kind));

/** Every version whose rows are on record, and how what we read differs. */
async function differences(records: readonly TableRecord[]): Promise<{ read: number; wrong: string[] }> {
  const wrong: string[] = [];
  let read = 0;
  for (const record of records) {
    using place = placed(record);
    for (const version of record.versions) {
      read++;
      try {
        const snapshot = await openSnapshot(place.url, { signal: never, version });
        const difference = differenceAt(record, version, await canonicalText(snapshot));
        if (difference !== undefined) wrong.push(`${record.name} at version ${version}: ${difference}`);
      } catch (cause) {
        wrong.push(`${record.name} at version ${version}: ${String(cause)}`);
      }
    }
  }
  return { read, wrong };
}

/** What a reader must say of a snapshot, in the words of the corpus. */
function described({ state, schema }: Snapshot): { [key: string]: JsonValue } {
  const files = [...state.files];
  return {
    partitionColumns: [...state.partitionColumns],
    columns: schema.fields.map(({ name }) => name),
    numFiles: files.length,
    sizeInBytes: files.reduce((sum, { size }) => sum + size, 0),
    deletedRows: files.reduce((sum, { deletionVector }) => sum + (deletionVector?.cardinality ?? 0), 0),
    txns: Object.fromEntries([...state.txns].map(([appId, { version }]) => [appId, Number(version)])),
    configuration: { ...state.configuration },
  };
}

describe.skipIf(RECORDS.length === 0)('tables that others wrote', () => {
  test('give the rows that their writers gave, at every version on record', async () => {
    const { read, wrong } = await differences(of('read'));
    console.log(`${read - wrong.length} of ${read} versions of ${of('read').length} tables read right`);
    expect(wrong).toEqual([]);
  });

  test('load to the snapshots on record', async () => {
    const wrong: string[] = [];
    let loaded = 0;
    for (const record of of('read', 'log')) {
      const snapshots = expectedJson(record, 'snapshots.json') ?? {};
      using place = placed(record);
      for (const [version, expected] of Object.entries(snapshots)) {
        loaded++;
        try {
          const found = described(await openSnapshot(place.url, { signal: never, version: Number(version) }));
          for (const [key, value] of Object.entries(found)) {
            if (!isJsonObject(expected) || !(key in expected)) continue;
            if (!isDeepStrictEqual(value, expected[key]))
              throw new Error(`${key} is ${JSON.stringify(value)}`);
          }
        } catch (cause) {
          wrong.push(`${record.name} at version ${version}: ${String(cause)}`);
        }
      }
    }
    console.log(`${loaded - wrong.length} of ${loaded} snapshots loaded right`);
    expect(wrong).toEqual([]);
  });

  test('are refused with a reason where they must be', async () => {
    const accepted: string[] = [];
    for (const record of of('refuse')) {
      using place = placed(record);
      const failure = await openSnapshot(place.url, { signal: never }).catch((cause: unknown) => cause);
      if (!(failure instanceof SluiceError)) accepted.push(`${record.name}: ${String(failure)}`);
    }
    expect(accepted).toEqual([]);
  });

  test('are refused or loaded where both are right, and never in another way', async () => {
    const surprising: string[] = [];
    for (const record of of('either')) {
      using place = placed(record);
      const outcome = await openSnapshot(place.url, { signal: never }).catch((cause: unknown) => cause);
      const told = !(outcome instanceof Error) || outcome instanceof SluiceError;
      if (!told) surprising.push(`${record.name}: ${String(outcome)}`);
    }
    expect(surprising).toEqual([]);
  });

  test('lack the versions on record as lacking, or fail to give their rows', async () => {
    const given: string[] = [];
    for (const record of of('read', 'log')) {
      for (const version of Object.keys(Object(expectedJson(record, 'version-errors.json')))) {
        using place = placed(record);
        const rows = openSnapshot(place.url, { signal: never, version: Number(version) }).then(canonicalText);
        const failure = await rows.catch((cause: unknown) => cause);
        if (!(failure instanceof SluiceError))
          given.push(`${record.name} at version ${version}: ${String(failure)}`);
      }
    }
    expect(given).toEqual([]);
  });
});
