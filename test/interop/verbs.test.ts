import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { never } from '../../src/base/signals.js';
import { createTable } from '../../src/operations/create-table.js';
import { DeltaTable } from '../../src/operations/delta-table.js';
import { LONG, STRING, field, struct } from '../../src/schema/build.js';
import { localStore } from '../../src/storage/local.js';
import { Oracle, oraclePython } from '../support/oracle/oracle.js';

const available = oraclePython() !== undefined;
if (!available && process.env['CI'] !== 'true') {
  console.warn('skipped: verbs as Spark and delta-rs read them (`npm run prepare:oracle` installs them)');
}

const SCHEMA = struct([field('id', LONG), field('v', STRING), field('p', STRING)]);

/** What each version of the table holds, as `id v p`. */
const STATES: readonly (readonly string[])[] = [
  [],
  ['1 a x', '2 b x', '3 c y', '4 null null', '5 e y', '6 f y'],
  ['1 a x', '2 b x', '4 null null', '5 e y', '6 f y'],
  ['1 a x', '2 B! z', '4 null null', '5 e y', '6 f y'],
  ['1 a x', '2 B! z', '4 null null'],
  ['1 a x', '2 b x', '4 null null', '5 e y', '6 f y'],
  ['11 a x', '12 b x', '14 null null', '15 e y', '16 f y'],
];

/** What the feed says of each version, as `type id`. */
const FEED: readonly (readonly string[])[] = [
  [],
  ['insert 1', 'insert 2', 'insert 3', 'insert 4', 'insert 5', 'insert 6'],
  ['delete 3'],
  ['update_postimage 2', 'update_preimage 2'],
  ['delete 5', 'delete 6'],
  ['delete 2', 'insert 2', 'insert 5', 'insert 6'],
  [1, 2, 4, 5, 6].flatMap((id) => [`update_postimage ${id + 10}`, `update_preimage ${id}`]).sort(),
];

async function write(path: string, partitionBy: readonly string[], vectors: boolean): Promise<void> {
  const store = localStore(path);
  await createTable(store, {
    schema: SCHEMA,
    partitionBy,
    properties: {
      'delta.enableChangeDataFeed': 'true',
      'delta.enableDeletionVectors': String(vectors),
    },
    signal: never,
  });
  const rows = ['a x', 'b x', 'c y', 'null null', 'e y', 'f y'].map((text, i) => {
    const [v, p] = text.split(' ').map((word) => (word === 'null' ? null : word));
    return { id: BigInt(i + 1), v: v ?? null, p: p ?? null };
  });
  let { table } = await (await DeltaTable.open(store)).append(rows);
  ({ table } = await table.delete({ where: 'id = 3' }));
  ({ table } = await table.update({ where: "v = 'b'", set: { v: "upper(v) || '!'", p: "'z'" } }));
  ({ table } = await table.delete({ where: "p = 'y'" }));
  ({ table } = await table.restore({ version: 2 }));
  await table.update({ set: { id: 'id + 10' } });
}

const textsOf = (lines: readonly string[]): string[] =>
  lines
    .map((line) => JSON.parse(line) as { id: number; v: string | null; p: string | null })
    .map(({ id, v, p }) => `${id} ${v} ${p}`)
    .sort((a, b) => parseInt(a) - parseInt(b));

/** Inserts and deletes without those that cancel each other; an id that differs in its rows stays on both sides. */
function netOf(told: readonly string[]): string[] {
  const ids = (type: string) =>
    told.filter((one) => one.startsWith(`${type} `)).map((one) => one.slice(type.length + 1));
  const [put, gone] = [ids('insert'), ids('delete')];
  const moved = put.filter((id) => gone.includes(id) && id !== '2');
  return [
    ...put.filter((id) => !moved.includes(id)).map((id) => `insert ${id}`),
    ...gone.filter((id) => !moved.includes(id)).map((id) => `delete ${id}`),
  ];
}

describe.skipIf(!available && process.env['CI'] !== 'true')('DELETE, UPDATE and RESTORE', () => {
  let folder = '';
  let oracle: Oracle;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-verbs-'));
    oracle = Oracle.start();
  });

  afterAll(async () => {
    await oracle[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  test.each([
    ['vectors', [], true],
    ['copies', [], false],
    ['vectors in partitions', ['p'], true],
    ['copies in partitions', ['p'], false],
  ] as const)('leave versions and a feed that others read: %s', async (name, partitionBy, vectors) => {
    const path = join(folder, name.replaceAll(' ', '-'));
    await write(path, partitionBy, vectors);
    for (const [version, rows] of STATES.entries()) {
      for (const engine of ['spark', 'deltars'] as const)
        expect([engine, version, textsOf((await oracle.read(path, { version, engine })).lines)]).toEqual([
          engine,
          version,
          rows,
        ]);
    }
    for (const [version, changes] of FEED.entries()) {
      const { lines } = await oracle.feed(path, { from: version, to: version, engine: 'spark' });
      const told = lines
        .map((line) => JSON.parse(line) as { id: number; _change_type: string })
        .map(({ id, _change_type }) => `${_change_type} ${id}`);
      // Files that were written anew bring back, and take, rows that stand before and after.
      const said = version === 5 && !vectors ? netOf(told) : told;
      expect([version, said.sort()]).toEqual([version, changes]);
    }
    const [history = []] = await oracle.sql(`DESCRIBE HISTORY delta.\`${path}\``);
    const told = history
      .map((line) => JSON.parse(line) as { version: number; operation: string })
      .sort((one, other) => one.version - other.version);
    expect(told.map(({ operation }) => operation)).toEqual([
      'CREATE TABLE',
      'WRITE',
      'DELETE',
      'UPDATE',
      'DELETE',
      'RESTORE',
      'UPDATE',
    ]);
  });
});
