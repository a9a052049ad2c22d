import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { never } from '../../src/base/signals.js';
import { rowsOf } from '../../src/columnar/cells.js';
import { COMMIT_TIMESTAMP } from '../../src/operations/change-types.js';
import { DeltaTable } from '../../src/operations/delta-table.js';
import { listCursors } from '../../src/operations/feed/cursors.js';
import { LONG, STRING, field, struct } from '../../src/schema/build.js';
import { canonicalRow } from '../../src/schema/canonical.js';
import { changeFeed } from '../../src/source/feed/change-feed.js';
import { createTable } from '../../src/operations/create-table.js';
import { localStore } from '../../src/storage/local.js';
import { Oracle, oraclePython } from '../support/oracle/oracle.js';

const available = oraclePython() !== undefined;
if (!available && process.env['CI'] !== 'true') {
  console.warn('skipped: following tables that Spark writes (`npm run prepare:oracle` installs it)');
}

/** A subscriber of a table that Spark and we change by turns. */
describe.skipIf(!available && process.env['CI'] !== 'true')('a feed with a cursor', () => {
  let folder = '';
  let oracle: Oracle;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-feed-'));
    oracle = Oracle.start();
  });

  afterAll(async () => {
    await oracle[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  /** What the subscriber has not seen yet, by version. */
  async function news(path: string): Promise<ReadonlyMap<number, readonly string[]>> {
    const lines = new Map<number, string[]>();
    const options = { from: { version: 0 }, cursor: 'reader', follow: false };
    for await (const batch of changeFeed(path, options)) {
      const fields = batch.schema.fields.filter(({ name }) => name !== COMMIT_TIMESTAMP.name);
      const schema = struct(fields);
      const found = lines.get(batch.version) ?? [];
      for (const values of rowsOf(batch.rows, schema)) found.push(canonicalRow(schema, values));
      lines.set(batch.version, found);
      await batch.ack();
    }
    return lines;
  }

  /** Every version that came since is what Spark's own feed of it says; versions without rows are passed. */
  async function expectAsSpark(path: string): Promise<void> {
    const [before] = await listCursors(path);
    const from = before?.nextVersion ?? 0;
    const found = await news(path);
    const { version: last } = await DeltaTable.open(path);
    expect((await listCursors(path))[0]?.nextVersion).toBe(last + 1);
    for (let version = from; version <= last; version++) {
      const { lines } = await oracle.feed(path, { from: version, to: version });
      expect([version, [...(found.get(version) ?? [])].sort()]).toEqual([version, [...lines].sort()]);
    }
  }

  test('is given what Spark’s UPDATE, DELETE, MERGE, OPTIMIZE and RESTORE did, as Spark tells it', async () => {
    const path = join(folder, 'turns');
    const schema = struct([field('id', LONG), field('v', STRING)]);
    await createTable(localStore(path), { schema, signal: never });
    let table = await DeltaTable.open(path);
    ({ table } = await table.append([1n, 2n, 3n, 4n].map((id) => ({ id, v: 'ours' }))));
    await expectAsSpark(path);
    const t = `delta.\`${path}\``;
    await oracle.sql(
      `DELETE FROM ${t} WHERE id = 1`,
      `UPDATE ${t} SET v = 'spark' WHERE id = 2`,
      `MERGE INTO ${t} t USING (SELECT 3L AS id, 'm' AS v UNION ALL SELECT 9L, 'm') s ON t.id = s.id
         WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *`,
    );
    await expectAsSpark(path);
    await oracle.sql(`OPTIMIZE ${t}`);
    await expectAsSpark(path);
    await oracle.sql(`RESTORE TABLE ${t} TO VERSION AS OF 1`);
    await expectAsSpark(path);
    table = await DeltaTable.open(path);
    await table.append([{ id: 5n, v: 'ours again' }]);
    await oracle.sql(`DELETE FROM ${t} WHERE id = 5 OR id = 4`, `RESTORE TABLE ${t} TO VERSION AS OF 0`);
    await expectAsSpark(path);
  });

  test('goes on under new columns, and after a REPLACE TABLE of Spark’s', async () => {
    const path = join(folder, 'columns');
    const t = `delta.\`${path}\``;
    const properties = `TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true')`;
    await oracle.sql(
      `CREATE TABLE ${t} (id BIGINT, p STRING) USING delta PARTITIONED BY (p) ${properties}`,
      `INSERT INTO ${t} VALUES (1, 'x'), (2, 'y')`,
    );
    await expectAsSpark(path);
    await oracle.sql(
      `ALTER TABLE ${t} ADD COLUMNS (extra INT)`,
      `INSERT INTO ${t} VALUES (3, 'x', 7)`,
      `DELETE FROM ${t} WHERE p = 'y'`,
      `UPDATE ${t} SET extra = 8 WHERE id = 1`,
    );
    await expectAsSpark(path);
    await oracle.sql(
      `CREATE OR REPLACE TABLE ${t} (id BIGINT, p STRING, extra INT) USING delta PARTITIONED BY (p) ${properties}`,
      `INSERT INTO ${t} VALUES (4, 'z', 9)`,
    );
    await expectAsSpark(path);
  });

  test('reads a time as Spark does, and refuses one after the last commit as Spark does', async () => {
    const path = join(folder, 'turns');
    const history = await (await DeltaTable.open(path)).history();
    for (const { version, timestamp } of history) {
      const at = timestamp.replace('T', ' ').replace('Z', '');
      const counted = `SELECT count(*) AS n FROM delta.\`${path}\` TIMESTAMP AS OF '${at}'`;
      const [rows] = await oracle.sql(`SET TIME ZONE 'UTC'`, counted).then((results) => results.slice(-1));
      const table = await DeltaTable.open(path, { timestamp });
      expect(table.version).toBe(version);
      expect(JSON.parse(rows?.[0] ?? '{}')).toEqual({ n: (await table.toArrow()).numRows });
    }
    const late = '2999-01-01 00:00:00';
    await expect(oracle.sql(`SELECT * FROM delta.\`${path}\` TIMESTAMP AS OF '${late}'`)).rejects.toThrow(
      /TIMESTAMP_GREATER_THAN_COMMIT|after the latest/i,
    );
    await expect(DeltaTable.open(path, { timestamp: late })).rejects.toMatchObject({
      code: 'VERSION_NOT_FOUND',
    });
  });
});
