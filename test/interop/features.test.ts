import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { never } from '../../src/base/signals.js';
import { rowsOf } from '../../src/columnar/cells.js';
import { alterTableActions, type AlterOptions } from '../../src/operations/alter.js';
import type { Action } from '../../src/protocol/actions.js';
import { commitInfo } from '../../src/protocol/commit-info.js';
import { addFeatures } from '../../src/protocol/features.js';
import { checksumKey, commitKey } from '../../src/protocol/log-files.js';
import { LONG, STRING, field, struct } from '../../src/schema/build.js';
import { canonicalRow } from '../../src/schema/canonical.js';
import { localStore } from '../../src/storage/local.js';
import { writeCheckpoint } from '../../src/table/checkpoint.js';
import { commit, type CommitRequest } from '../../src/table/commit.js';
import { scan } from '../../src/table/scan.js';
import { openSnapshot, type Snapshot } from '../../src/table/snapshot.js';
import { appended, mergeIds } from '../operations/merging.js';
import { idV, newTable } from '../operations/tables.js';
import { Oracle, oraclePython } from '../support/oracle/oracle.js';

const signal = never;
const available = oraclePython() !== undefined;
if (!available && process.env['CI'] !== 'true') {
  console.warn(
    'skipped: other engines reading features of our tables (`npm run prepare:oracle` installs Spark and delta-rs)',
  );
}

type Case = {
  readonly properties: Readonly<Record<string, string>>;
  readonly partitionBy?: readonly string[];
  /** What happens after two appends and a merge. */
  readonly more?: (snapshot: Snapshot) => Promise<Snapshot>;
  /** Only what Spark alone reads. */
  readonly sparkOnly?: true;
};

const V2 = { 'delta.checkpointPolicy': 'v2', 'delta.checkpointInterval': '100' };

const CASES: Readonly<Record<string, Case>> = {
  plain: { properties: {} },
  'append-only': { properties: { 'delta.appendOnly': 'false', 'delta.feature.appendOnly': 'supported' } },
  'column-mapping': { properties: { 'delta.columnMapping.mode': 'name' } },
  'column-mapping-by-id': { properties: { 'delta.columnMapping.mode': 'id' } },
  'in-commit-timestamps': { properties: { 'delta.enableInCommitTimestamps': 'true' } },
  'in-commit-timestamps-later': {
    properties: {},
    more: (snapshot) => altered(snapshot, { set: { 'delta.enableInCommitTimestamps': 'true' } }),
  },
  'row-tracking': { properties: { 'delta.enableRowTracking': 'true' } },
  'row-tracking-later': {
    properties: {},
    more: async (snapshot) =>
      mergeIds(await altered(snapshot, { set: { 'delta.enableRowTracking': 'true' } }), {
        put: [[1, 'tracked']],
      }),
  },
  'type-widening': { properties: { 'delta.enableTypeWidening': 'true' }, sparkOnly: true },
  'vacuum-protocol-check': {
    properties: { 'delta.feature.vacuumProtocolCheck': 'supported' },
    sparkOnly: true,
  },
  'v2-checkpoint': { properties: V2, more: checkpointAlone },
  'v2-checkpoint-with-sidecars': {
    properties: V2,
    more: async (snapshot) => checkpointAlone(await large(snapshot)),
  },
  'classic-checkpoint': {
    properties: { 'delta.checkpointInterval': '100' },
    more: checkpointAlone,
  },
  clustering: { properties: {}, more: clustered },
  'partition-columns-in-files': {
    properties: {},
    partitionBy: ['v'],
    more: (snapshot) => altered(snapshot, { features: ['materializePartitionColumns'] }),
  },
};

async function made(path: string, { properties, partitionBy, more }: Case): Promise<Snapshot> {
  const empty = await newTable(localStore(path), {
    properties,
    ...(partitionBy === undefined ? {} : { partitionBy }),
  });
  const filled = await appended(empty, idV([1, 'a'], [2, 'b'], [3, 'c']), idV([4, 'd'], [5, 'e']));
  const merged = await mergeIds(filled, {
    put: [
      [2, 'B'],
      [6, 'f'],
    ],
    drop: [4],
  });
  const last = more === undefined ? merged : await more(merged);
  return mergeIds(
    last,
    {
      put: [
        [3, 'C'],
        [7, 'g'],
      ],
    },
    'copy-on-write',
  );
}

async function committed(snapshot: Snapshot, actions: readonly Action[]): Promise<Snapshot> {
  const txnId = '00000000-0000-4000-8000-000000000000';
  const info = {
    operation: { operation: 'SET TBLPROPERTIES', operationParameters: {} },
    isBlindAppend: false,
  };
  const request: CommitRequest = {
    readVersion: snapshot.version,
    txnId,
    signal,
    actions: ({ nowMs }) => [
      {
        kind: 'commitInfo',
        commitInfo: commitInfo({ ...info, timestamp: nowMs, readVersion: snapshot.version, txnId }),
      },
      ...actions,
    ],
    reconcile: () => Promise.resolve({ conflict: 'nobody else is here' }),
  };
  const outcome = await commit(snapshot, snapshot.store, request);
  if (outcome.kind !== 'committed') throw new Error(outcome.why);
  await outcome.background;
  return outcome.snapshot;
}

function altered(snapshot: Snapshot, options: AlterOptions): Promise<Snapshot> {
  return committed(snapshot, alterTableActions(snapshot, options).actions);
}

function clustered(snapshot: Snapshot): Promise<Snapshot> {
  const protocol = addFeatures(snapshot.state.protocol, ['clustering']);
  const configuration = '{"clusteringColumns":[["id"]],"domainName":"delta.clustering"}';
  return committed(snapshot, [
    { kind: 'protocol', protocol },
    { kind: 'domainMetadata', domainMetadata: { domain: 'delta.clustering', configuration, removed: false } },
  ]);
}

/** More files than a V2 checkpoint holds itself; they are one file of no rows, added under many names. */
async function large(snapshot: Snapshot): Promise<Snapshot> {
  const removes: Action[] = Array.from({ length: 10_001 }, (_, n) => ({
    kind: 'remove',
    remove: {
      path: `gone-${n}.parquet`,
      dataChange: true,
      deletionTimestamp: Date.now(),
      extendedFileMetadata: true,
      partitionValues: new Map(),
      size: 1,
    },
  }));
  return committed(snapshot, removes);
}

/** A checkpoint that nobody can do without: the commits and checksums up to it are gone. */
async function checkpointAlone(snapshot: Snapshot): Promise<Snapshot> {
  await writeCheckpoint(snapshot, { signal, nowMs: Date.now() });
  for (let version = 0; version < snapshot.version; version++) {
    await snapshot.store.delete(commitKey(version), { signal });
    await snapshot.store.delete(checksumKey(version), { signal });
  }
  await snapshot.store.delete(checksumKey(snapshot.version), { signal });
  return openSnapshot(snapshot.store, { signal });
}

/** Cells of a canonical row by name, as JSON. */
function cells(line: string, names: readonly string[]): string {
  const row = JSON.parse(line) as Record<string, unknown>;
  return JSON.stringify(names.map((name) => row[name]));
}

async function ownRows(path: string, version: number): Promise<readonly string[]> {
  const snapshot = await openSnapshot(localStore(path), { signal, version });
  const lines: string[] = [];
  for await (const batch of scan(snapshot, { signal })) {
    for (const values of rowsOf(batch, snapshot.schema)) lines.push(canonicalRow(snapshot.schema, values));
  }
  return lines.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

/** One table for each feature that Sluice writes, read by other engines at every version that is left. */
describe.skipIf(!available && process.env['CI'] !== 'true')('a table with a feature', () => {
  let folder = '';
  let oracle: Oracle;
  const newest = new Map<string, Snapshot>();

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-features-'));
    oracle = Oracle.start();
    await oracle.sql('SELECT 1');
    for (const [name, one] of Object.entries(CASES)) newest.set(name, await made(join(folder, name), one));
  });

  afterAll(async () => {
    await oracle[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  async function versionsOf(name: string): Promise<readonly number[]> {
    const versions: number[] = [];
    for await (const { key } of localStore(join(folder, name)).list('_delta_log/', { signal })) {
      const version = /(\d{20})\.json$/.exec(key)?.[1];
      if (version !== undefined) versions.push(Number(version));
    }
    return versions;
  }

  test.each(Object.keys(CASES))('%s: Spark reads the same rows at every version', async (name) => {
    const versions = await versionsOf(name);
    expect(versions.at(-1)).toBe(newest.get(name)?.version);
    // One query: starting one costs Spark more than answering it.
    const [lines = []] = await oracle.sql(
      versions
        .map((version) => {
          const table = `delta.\`${join(folder, name)}\` VERSION AS OF ${version}`;
          return `SELECT ${version} AS version, id, v FROM ${table}`;
        })
        .join(' UNION ALL '),
    );
    const told = lines.map((line) => cells(line, ['version', 'id', 'v']));
    const own: string[] = [];
    for (const version of versions) {
      for (const line of await ownRows(join(folder, name), version)) {
        own.push(JSON.stringify([version, ...(JSON.parse(cells(line, ['id', 'v'])) as unknown[])]));
      }
    }
    expect(told.toSorted()).toEqual(own.toSorted());
  });

  test('delta-rs reads the same rows of those whose features it knows', async () => {
    for (const [name, { sparkOnly }] of Object.entries(CASES)) {
      if (sparkOnly === true) continue;
      const path = join(folder, name);
      const own = await ownRows(path, newest.get(name)?.version ?? -1);
      expect((await oracle.read(path, { engine: 'deltars' })).lines, name).toEqual(own);
    }
  });

  test('row tracking: Spark finds the ids that rows had from the beginning', async () => {
    const path = join(folder, 'row-tracking');
    const ids = async (version: number): Promise<Record<string, unknown>> => {
      const query = `SELECT id, _metadata.row_id AS r, _metadata.row_commit_version AS c FROM delta.\`${path}\` VERSION AS OF ${version}`;
      const [rows = []] = await oracle.sql(query);
      return Object.fromEntries(
        rows.map((line) => {
          const { id, r, c } = JSON.parse(line) as { id: number; r: number; c: number };
          return [String(id), [r, c]];
        }),
      );
    };
    expect(await ids(2)).toEqual({ 1: [0, 1], 2: [1, 1], 3: [2, 1], 4: [3, 2], 5: [4, 2] });
    expect(await ids(4)).toMatchObject({ 1: [0, 1], 2: [1, 3], 3: [2, 4], 5: [4, 2] });
  });

  test('Spark goes on from our checksums, and we from what it writes', async () => {
    for (const name of ['row-tracking', 'v2-checkpoint']) {
      const path = join(folder, name);
      await oracle.sql(
        `INSERT INTO delta.\`${path}\` VALUES (100, 'spark')`,
        `UPDATE delta.\`${path}\` SET v = 'changed' WHERE id = 5`,
      );
      const snapshot = await openSnapshot(localStore(path), { signal });
      const body = await snapshot.store.get(checksumKey(snapshot.version), { signal });
      const checksum: unknown = JSON.parse(new TextDecoder().decode(body));
      expect(checksum, name).toMatchObject({
        numFiles: snapshot.files.size,
        tableSizeBytes: snapshot.files.sizeInBytes,
      });
      expect((await oracle.read(path)).lines, name).toEqual(await ownRows(path, snapshot.version));
      const ours = await mergeIds(snapshot, { put: [[100, 'ours']] });
      expect((await oracle.read(path)).lines, name).toEqual(await ownRows(path, ours.version));
    }
  });

  test('Spark clears a table that we made of files with escaped names', async () => {
    const path = join(folder, 'odd');
    const schema = struct([field('p', STRING), field('id', LONG)]);
    const empty = await newTable(localStore(path), { schema, partitionBy: ['p'] });
    await oracle.sql(`INSERT INTO delta.\`${path}\` VALUES ('a b', 1), ('100%', 2), ('x/y', 3), ('ü:?', 4)`);
    expect(await ownRows(path, 1)).toEqual((await oracle.read(path)).lines);
    await checkpointAlone(await openSnapshot(empty.store, { signal }));
    await oracle.sql(`DELETE FROM delta.\`${path}\` WHERE id IN (1, 2)`);
    const left = await openSnapshot(empty.store, { signal });
    expect(left.files.size).toBe(2);
    expect(await ownRows(path, left.version)).toEqual((await oracle.read(path)).lines);
  });
});
