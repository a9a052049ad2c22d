import { describe, expect, test } from 'vitest';
import { never } from '../../src/base/signals.js';
import { writeParquet } from '../../src/columnar/parquet.js';
import { TableBuilder } from '../../src/columnar/table-builder.js';
import { formatActions } from '../../src/protocol/action-json.js';
import type { Action } from '../../src/protocol/actions.js';
import { CHECKPOINT_SCHEMA, checkpointRows } from '../../src/protocol/checkpoint-rows.js';
import { checkpointKey, commitKey, paddedVersion } from '../../src/protocol/log-files.js';
import { LONG, STRING, field, struct } from '../../src/schema/build.js';
import { memoryStore } from '../../src/storage/memory.js';
import type { ObjectStore } from '../../src/storage/object-store.js';
import { writeCheckpoint } from '../../src/table/checkpoint.js';
import { openSnapshot, type Snapshot } from '../../src/table/snapshot.js';
import { createTable, mustCommit } from './tables.js';

const signal = never;
const nowMs = 1_700_000_000_000;
const GARBAGE = new TextEncoder().encode('PAR1 no parquet PAR1');
const HINT = '_delta_log/_last_checkpoint';

/** Versions 0 to `last`: version n adds file n and sets the txn `n` to n. No checkpoint is written by itself. */
async function grown(store: ObjectStore, last: number, configuration = {}): Promise<Snapshot> {
  let snapshot = await createTable(store, {
    configuration: { 'delta.checkpointInterval': '1000', ...configuration },
  });
  while (snapshot.version < last) {
    snapshot = await mustCommit(store, snapshot, { actions: ({ version }) => [txn(version), add(version)] });
  }
  return snapshot;
}

function add(n: number): Action {
  return {
    kind: 'add',
    add: {
      path: `${n}.parquet`,
      partitionValues: new Map(),
      size: n,
      modificationTime: n,
      dataChange: true,
      stats: `{"numRecords":${n}}`,
    },
  };
}

function txn(version: number): Action {
  return { kind: 'txn', txn: { appId: 'n', version: BigInt(version) } };
}

async function checkpoint(store: ObjectStore, version: number): Promise<void> {
  await writeCheckpoint(await openSnapshot(store, { signal, version }), { signal, nowMs });
}

async function forget(store: ObjectStore, through: number): Promise<void> {
  for (let version = 0; version <= through; version++) await store.delete(commitKey(version), { signal });
}

async function keysOf(store: ObjectStore, prefix = '_delta_log/'): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix, { signal })) keys.push(key);
  return keys;
}

/** A checkpoint of a version in parts, by its own rows dealt out one by one. */
async function inParts(store: ObjectStore, version: number, parts: number): Promise<string[]> {
  const { state } = await openSnapshot(store, { signal, version });
  const rows = [...checkpointRows(state, nowMs).rows];
  const keys: string[] = [];
  for (let part = 1; part <= parts; part++) {
    const table = new TableBuilder(CHECKPOINT_SCHEMA);
    for (const [i, row] of rows.entries()) {
      if (i % parts !== part - 1) continue;
      CHECKPOINT_SCHEMA.fields.forEach((_, column) => {
        const value = row[column] ?? null;
        if (value === null) table.column(column).appendNull();
        else table.column(column).append(value);
      });
    }
    const ten = (n: number): string => String(n).padStart(10, '0');
    const key = `_delta_log/${paddedVersion(version)}.checkpoint.${ten(part)}.${ten(parts)}.parquet`;
    await store.put(key, writeParquet(table.finish()), { signal });
    keys.push(key);
  }
  return keys;
}

function contents({ version, files }: Snapshot): unknown {
  return { version, files: [...files].map(({ path, stats }) => [path, stats]).sort() };
}

describe('a damaged checkpoint', () => {
  const damages = {
    'is no Parquet': GARBAGE,
    'is cut off': new Uint8Array([0x50, 0x41, 0x52, 0x31]),
    'is empty': new Uint8Array(0),
  };

  test.each(Object.entries(damages))('that %s is passed over for the commits', async (_, body) => {
    const store = memoryStore();
    const newest = await grown(store, 6);
    await checkpoint(store, 4);
    await store.put(checkpointKey(4), body, { signal });
    expect(contents(await openSnapshot(store, { signal }))).toEqual(contents(newest));
  });

  test('is passed over for an older one where the first commits are gone', async () => {
    const store = memoryStore();
    const newest = await grown(store, 9);
    await checkpoint(store, 3);
    await checkpoint(store, 6);
    await forget(store, 3);
    await store.put(checkpointKey(6), GARBAGE, { signal });
    const found = await openSnapshot(store, { signal });
    expect(contents(found)).toEqual(contents(newest));
    expect(found.txn('n')).toBe(9n);
  });

  test('that nothing else covers is an error with its name, and other versions can be read', async () => {
    const store = memoryStore();
    await grown(store, 9);
    await checkpoint(store, 3);
    await checkpoint(store, 6);
    await forget(store, 5);
    await store.put(checkpointKey(6), GARBAGE, { signal });
    await expect(openSnapshot(store, { signal })).rejects.toMatchObject({
      code: 'CORRUPT_LOG',
      context: { file: checkpointKey(6) },
    });
    expect((await openSnapshot(store, { signal, version: 3 })).files.size).toBe(3);
  });

  test('that lacks the protocol is damaged', async () => {
    const store = memoryStore();
    await grown(store, 4);
    const [first = ''] = await inParts(store, 4, 2);
    await forget(store, 4);
    await store.put(checkpointKey(4), (await store.get(first, { signal })) ?? GARBAGE, { signal });
    for (const key of await keysOf(store))
      if (key.includes('0000000002.parquet')) await store.delete(key, { signal });
    await expect(openSnapshot(store, { signal })).rejects.toMatchObject({
      code: 'CORRUPT_LOG',
      context: { file: checkpointKey(4) },
    });
  });
});

describe('a checkpoint in parts', () => {
  test('is the one file that it stands for', async () => {
    const store = memoryStore();
    const newest = await grown(store, 7);
    await inParts(store, 5, 3);
    await forget(store, 5);
    expect(contents(await openSnapshot(store, { signal }))).toEqual(contents(newest));
  });

  test.each(['missing', 'damaged'])('of which one is %s is passed over', async (what) => {
    const store = memoryStore();
    const newest = await grown(store, 7);
    const [, second = ''] = await inParts(store, 5, 3);
    if (what === 'missing') await store.delete(second, { signal });
    else await store.put(second, GARBAGE, { signal });
    expect(contents(await openSnapshot(store, { signal }))).toEqual(contents(newest));
    await forget(store, 5);
    await expect(openSnapshot(store, { signal })).rejects.toMatchObject({ code: 'CORRUPT_LOG' });
  });
});

describe('a V2 checkpoint', () => {
  const V2 = { 'delta.checkpointPolicy': 'v2' };

  /** Version 1 has more files than stand in a checkpoint itself. */
  async function large(store: ObjectStore): Promise<Snapshot> {
    const base = await grown(store, 0, V2);
    const many = Array.from({ length: 10_001 }, (_, n) => add(n + 1));
    return mustCommit(store, base, { actions: () => [...many, txn(1)] });
  }

  test('of a small table is one Parquet file with a name of its own', async () => {
    const store = memoryStore();
    const newest = await grown(store, 3, V2);
    await checkpoint(store, 3);
    await forget(store, 3);
    const named = (await keysOf(store)).filter((key) => !key.endsWith('.crc'));
    const names = named.map((key) => key.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/, 'UUID'));
    expect(names).toEqual([`_delta_log/${paddedVersion(3)}.checkpoint.UUID.parquet`, HINT]);
    expect(contents(await openSnapshot(store, { signal }))).toEqual(contents(newest));
  });

  test('of a large table is a JSON file that names its sidecars', async () => {
    const store = memoryStore();
    const newest = await large(store);
    await checkpoint(store, 1);
    await forget(store, 1);
    const keys = await keysOf(store);
    expect(keys.filter((key) => key.endsWith('.json'))).toHaveLength(1);
    expect(keys.filter((key) => key.startsWith('_delta_log/_sidecars/'))).toHaveLength(1);
    const found = await openSnapshot(store, { signal });
    expect(contents(found)).toEqual(contents(newest));
    expect(found.txn('n')).toBe(1n);
  });

  test.each(['missing', 'damaged'])('whose sidecar is %s is passed over', async (what) => {
    const store = memoryStore();
    const newest = await large(store);
    await checkpoint(store, 1);
    const [sidecar = ''] = await keysOf(store, '_delta_log/_sidecars/');
    if (what === 'missing') await store.delete(sidecar, { signal });
    else await store.put(sidecar, GARBAGE, { signal });
    expect((await openSnapshot(store, { signal })).files.size).toBe(newest.files.size);
    await forget(store, 1);
    await expect(openSnapshot(store, { signal })).rejects.toMatchObject({
      code: 'CORRUPT_LOG',
      context: { file: sidecar },
    });
  });

  test('trap 20: under a classic name has its sidecars followed', async () => {
    const store = memoryStore();
    const newest = await large(store);
    await checkpoint(store, 1);
    const [sidecar = ''] = await keysOf(store, '_delta_log/_sidecars/');
    const size = (await store.head(sidecar, { signal }))?.size ?? 0;
    const { state } = newest;
    const schema = struct([
      ...CHECKPOINT_SCHEMA.fields.filter(({ name }) => name === 'protocol' || name === 'metaData'),
      field(
        'sidecar',
        struct([field('path', STRING), field('sizeInBytes', LONG), field('modificationTime', LONG)]),
      ),
    ]);
    const table = new TableBuilder(schema);
    const place = (name: string) => CHECKPOINT_SCHEMA.fields.findIndex((field) => field.name === name);
    for (const row of [...checkpointRows(state, nowMs).rows].slice(0, 2)) {
      for (const [i, name] of ['metaData', 'protocol'].entries()) {
        const value = row[place(name)] ?? null;
        if (value === null) table.column(i).appendNull();
        else table.column(i).append(value);
      }
      table.column(2).appendNull();
    }
    table.column(0).appendNull();
    table.column(1).appendNull();
    const path = sidecar.slice('_delta_log/_sidecars/'.length);
    table.column(2).append({ path, sizeInBytes: BigInt(size), modificationTime: 1n });
    for (const key of await keysOf(store)) {
      if (!key.includes('_sidecars')) await store.delete(key, { signal });
    }
    await store.put(checkpointKey(1), writeParquet(table.finish()), { signal });
    expect((await openSnapshot(store, { signal })).files.size).toBe(newest.files.size);
  });

  test('that is damaged gives way to a classic one of its version', async () => {
    const store = memoryStore();
    const newest = await grown(store, 3, V2);
    await checkpoint(store, 3);
    const [uuid = ''] = (await keysOf(store)).filter((key) => /checkpoint\.[0-9a-f]{8}-/.test(key));
    await store.put(checkpointKey(3), (await store.get(uuid, { signal })) ?? GARBAGE, { signal });
    await store.put(uuid, GARBAGE, { signal });
    await forget(store, 3);
    expect(contents(await openSnapshot(store, { signal }))).toEqual(contents(newest));
  });
});

describe('compacted commits', () => {
  /** The union of commits `from` to `through`, as a compacted file has it. */
  async function compact(store: ObjectStore, from: number, through: number, body?: string): Promise<void> {
    const union = [];
    for (let version = from; version <= through; version++) union.push(add(version));
    const text = body ?? formatActions([...union, txn(through)]);
    const key = `_delta_log/${paddedVersion(from)}.${paddedVersion(through)}.compacted.json`;
    await store.put(key, new TextEncoder().encode(text), { signal });
  }

  test('are read in place of the commits, as far as they reach', async () => {
    const store = memoryStore();
    const newest = await grown(store, 8);
    await compact(store, 1, 3);
    await compact(store, 1, 5);
    await compact(store, 4, 7);
    // The commits that the longest file stands for are there and not looked into.
    for (let version = 1; version <= 5; version++) await store.put(commitKey(version), GARBAGE, { signal });
    const found = await openSnapshot(store, { signal });
    expect(contents(found)).toEqual(contents(newest));
    expect(found.txn('n')).toBe(8n);
  });

  test('are left alone where they reach past the version, and where they are damaged', async () => {
    const store = memoryStore();
    const older = await grown(store, 4);
    await compact(store, 1, 3, '{"add":');
    await compact(store, 2, 6);
    expect(contents(await openSnapshot(store, { signal, version: 4 }))).toEqual(contents(older));
  });

  test('do not stand for commits that someone wants to hear of', async () => {
    const store = memoryStore();
    await grown(store, 4);
    await compact(store, 1, 3);
    const heard: number[] = [];
    await openSnapshot(store, { signal, heard: ({ version }) => heard.push(version) });
    expect(heard).toEqual([0, 1, 2, 3, 4]);
  });
});
