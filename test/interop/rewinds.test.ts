import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { changeOffsets } from '../../src/sink/offsets/change-offsets.js';
import type { OffsetsChange } from '../../src/sink/offsets/planned-change.js';
import { readOffsets } from '../../src/sink/offsets/table-offsets.js';
import type { Settled, Slice } from '../../src/sink/settler.js';
import { localStore } from '../../src/storage/local.js';
import type { ObjectStore } from '../../src/storage/object-store.js';
import { sliceOf } from '../support/change-events.js';
import { Oracle, oraclePython } from '../support/oracle/oracle.js';
import { never, settlerOf } from '../support/postgres-replay.js';

const TOPIC = 'test.public.items';
const P0 = { topic: TOPIC, partition: 0 };

const available = oraclePython() !== undefined;
if (!available && process.env['CI'] !== 'true') {
  console.warn('skipped: tables that Spark restores and replaces (`npm run prepare:oracle` installs Spark)');
}

const rows = (from: number, upTo: number): Slice =>
  sliceOf(
    from,
    Array.from({ length: upTo - from }, (_, at) => {
      const id = from + at;
      return { op: 'c', key: { id }, after: { id, v: `v${id}` }, lsn: 100 + id } as const;
    }),
  );

async function settle(store: ObjectStore, from: number, upTo: number): Promise<Settled> {
  const { settler } = settlerOf(store);
  await settler.recover([P0], never);
  return settler.settle([rows(from, upTo)], never);
}

const change = (store: ObjectStore, what: OffsetsChange) =>
  changeOffsets(store, what, { by: 'test', signal: never });

/** What Spark does to tables that a sink writes, as it really does it. */
describe.skipIf(!available && process.env['CI'] !== 'true')('R7, W11: Spark and a table of the sink', () => {
  let folder = '';
  let oracle: Oracle;
  let made = 0;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-rewinds-'));
    oracle = Oracle.start();
  });

  afterAll(async () => {
    await oracle[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Versions 0, 1 and 2 hold the offsets up to 2, 4 and 6. */
  async function filled(): Promise<{
    readonly store: ObjectStore;
    readonly path: string;
    readonly sql: string;
  }> {
    const path = join(folder, String(made++));
    const store = localStore(path);
    for (const from of [0, 2, 4]) await settle(store, from, from + 2);
    return { store, path, sql: `delta.\`${path}\`` };
  }

  const idsIn = async (path: string): Promise<readonly number[]> => {
    const { lines } = await oracle.read(path);
    return lines.map((line) => Number(/"id":(\d+)/.exec(line)?.[1])).toSorted((a, b) => a - b);
  };

  test('RESTORE leaves offsets and what belongs to them alone; set back and accepted, the rows come again', async () => {
    const { store, path, sql } = await filled();
    const before = (await readOffsets(store, { signal: never })).partitions;
    await oracle.sql(`RESTORE TABLE ${sql} TO VERSION AS OF 1`);
    const after = await readOffsets(store, { signal: never });
    expect(after.partitions).toEqual(before);
    expect(after.rewind).toMatchObject({ version: 3 });
    await expect(settle(store, 6, 7)).rejects.toMatchObject({
      code: 'TABLE_REWOUND',
      context: { operation: 'RESTORE', restoredTo: 1, offsets: `${TOPIC}:0=4` },
    });
    await change(store, { kind: 'set', ...P0, to: 4 });
    await change(store, { kind: 'accept-rewind' });
    expect(await settle(store, 4, 7)).toMatchObject({ kind: 'committed' });
    expect(await idsIn(path)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  test('RESTORE accepted as it is leaves the hole, and goes on behind it', async () => {
    const { store, path, sql } = await filled();
    await oracle.sql(`RESTORE TABLE ${sql} TO VERSION AS OF 0`);
    await change(store, { kind: 'accept-rewind' });
    expect(await settle(store, 6, 7)).toMatchObject({ kind: 'committed' });
    expect(await idsIn(path)).toEqual([0, 1, 6]);
  });

  test.each<[string, (table: string) => readonly string[]]>([
    ['INSERT OVERWRITE', (table) => [`INSERT OVERWRITE ${table} SELECT * FROM ${table} WHERE id < 2`]],
    ['REPLACE TABLE AS SELECT', (table) => [`REPLACE TABLE ${table} USING delta AS SELECT 1 AS id`]],
    [
      'CREATE OR REPLACE TABLE AS SELECT',
      (table) => [`CREATE OR REPLACE TABLE ${table} USING delta AS SELECT 1 AS id`],
    ],
  ])('%s is a rewind', async (_, statements) => {
    const { store, sql } = await filled();
    await oracle.sql(...statements(sql));
    await expect(settle(store, 6, 7)).rejects.toMatchObject({ code: 'TABLE_REWOUND' });
  });

  test('a shallow clone over the table is a rewind, and a clone of it holds no offset of its own', async () => {
    const { store, path, sql } = await filled();
    await oracle.sql(`CREATE TABLE delta.\`${path}-clone\` SHALLOW CLONE ${sql}`);
    const clone = localStore(`${path}-clone`);
    expect((await readOffsets(clone, { signal: never })).partitions).toEqual([]);
    // Spark clones over empty tables only.
    await oracle.sql(
      `DELETE FROM ${sql}`,
      `CREATE OR REPLACE TABLE ${sql} SHALLOW CLONE delta.\`${path}-clone\``,
    );
    await expect(settle(store, 6, 7)).rejects.toMatchObject({
      code: 'TABLE_REWOUND',
      context: { operation: 'CLONE' },
    });
  });

  test('what changes rows only is none: DELETE, UPDATE, MERGE, INSERT, a replaced part, OPTIMIZE, TRUNCATE', async () => {
    const { store, path, sql } = await filled();
    await oracle.sql(
      `DELETE FROM ${sql} WHERE id = 0`,
      `UPDATE ${sql} SET v = 'w' WHERE id = 1`,
      `MERGE INTO ${sql} t USING (SELECT 2L AS id) s ON t.id = s.id WHEN MATCHED THEN DELETE`,
      `INSERT INTO ${sql} SELECT 50L, 'x', null`,
      `INSERT INTO ${sql} REPLACE WHERE id = 3 SELECT 3L, 'y', null`,
      `OPTIMIZE ${sql}`,
    );
    expect(await settle(store, 6, 7)).toMatchObject({ kind: 'committed' });
    expect(await idsIn(path)).toEqual([1, 3, 4, 5, 6, 50]);
    await oracle.sql(`TRUNCATE TABLE ${sql}`);
    expect(await settle(store, 7, 8)).toMatchObject({ kind: 'committed' });
    expect(await idsIn(path)).toEqual([7]);
  });
});
