import { describe, expect, test } from 'vitest';
import { isSluiceError } from '../../src/base/errors.js';
import { never } from '../../src/base/signals.js';
import type { Action } from '../../src/protocol/actions.js';
import { checkpointKey, commitKey } from '../../src/protocol/log-files.js';
import { memoryStore } from '../../src/storage/memory.js';
import type { ObjectStore } from '../../src/storage/object-store.js';
import { writeCheckpoint } from '../../src/table/checkpoint.js';
import { loadSnapshot, openSnapshot, type Snapshot } from '../../src/table/snapshot.js';
import { commitTimes } from '../../src/table/time-travel.js';
import { createTable, firstActions, mustCommit } from './tables.js';

const signal = never;

/** A table of versions 0 to `last`; each sets the txn `n` to its own version. */
async function counting(store: ObjectStore, last: number): Promise<Snapshot> {
  let snapshot = await createTable(store, { configuration: { 'delta.checkpointInterval': '1000' } });
  while (snapshot.version < last) {
    snapshot = await mustCommit(store, snapshot, {
      actions: ({ version }) => [{ kind: 'txn', txn: { appId: 'n', version: BigInt(version) } }],
    });
  }
  return snapshot;
}

async function checkpointAt(store: ObjectStore, version: number): Promise<void> {
  const snapshot = await openSnapshot(store, { signal, version });
  await writeCheckpoint(snapshot, { signal, nowMs: 1_700_000_000_000 });
}

/** The store, with the keys that were asked for written down. */
function observed(store: ObjectStore): { readonly store: ObjectStore; readonly reads: string[] } {
  const reads: string[] = [];
  const seen: ObjectStore = {
    url: store.url,
    at: (prefix) => store.at(prefix),
    get: (key, options) => {
      reads.push(key);
      return store.get(key, options);
    },
    getRange: (key, start, end, options) => store.getRange(key, start, end, options),
    put: (key, body, options) => store.put(key, body, options),
    putIfAbsent: (key, body, options) => store.putIfAbsent(key, body, options),
    head: (key, options) => store.head(key, options),
    list: (prefix, options) => {
      reads.push(`list from ${options.from ?? ''}`);
      return store.list(prefix, options);
    },
    delete: (key, options) => store.delete(key, options),
  };
  return { store: seen, reads };
}

async function refusal(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (cause: unknown) => cause,
  );
}

describe('a snapshot', () => {
  test('is undefined where there is no table, and told as such to who needs one', async () => {
    const store = memoryStore();
    expect(await loadSnapshot(store, { signal })).toBeUndefined();
    await expect(openSnapshot(store, { signal })).rejects.toMatchObject({ code: 'TABLE_NOT_FOUND' });
  });

  test('of any version that the log holds is that version', async () => {
    const store = memoryStore();
    await counting(store, 5);
    await checkpointAt(store, 3);
    for (let version = 1; version <= 5; version++) {
      const snapshot = await openSnapshot(store, { signal, version });
      expect(snapshot.version).toBe(version);
      expect(snapshot.txn('n')).toBe(BigInt(version));
    }
  });

  test('starts from the checkpoint that the hint names and reads nothing before it', async () => {
    const inner = memoryStore();
    await counting(inner, 12);
    await checkpointAt(inner, 10);
    const { store, reads } = observed(inner);
    expect((await openSnapshot(store, { signal })).txn('n')).toBe(12n);
    expect(reads).toEqual([
      '_delta_log/_last_checkpoint',
      'list from _delta_log/00000000000000000010',
      checkpointKey(10),
      commitKey(11),
      commitKey(12),
    ]);
  });

  test('is right whatever the hint says', async () => {
    const store = memoryStore();
    await counting(store, 8);
    await checkpointAt(store, 4);
    const hints = [
      '',
      '{',
      '{"version":4,"size":1,"checksum":"0"}',
      '{"version":7,"size":1}',
      '{"version":900,"size":1}',
    ];
    for (const hint of hints) {
      await store.put('_delta_log/_last_checkpoint', new TextEncoder().encode(hint), { signal });
      expect((await openSnapshot(store, { signal })).txn('n')).toBe(8n);
    }
  });

  test('advances by reading the new commits alone', async () => {
    const inner = memoryStore();
    const old = await counting(inner, 3);
    const { store, reads } = observed(inner);
    const base = await openSnapshot(store, { signal });
    expect(await loadSnapshot(store, { signal, after: base })).toBe(base);
    const newest = await mustCommit(inner, await mustCommit(inner, old, txn(10n)), txn(11n));
    reads.length = 0;
    const advanced = await loadSnapshot(store, { signal, after: base });
    expect(advanced?.version).toBe(newest.version);
    expect(advanced?.txn('n')).toBe(11n);
    expect(reads).toEqual([commitKey(4), commitKey(5), commitKey(6)]);
    expect(base.txn('n')).toBe(3n);
  });

  test('advances over a log whose old commits were cleaned away meanwhile', async () => {
    const store = memoryStore();
    await counting(store, 9);
    const base = await openSnapshot(store, { signal, version: 2 });
    await checkpointAt(store, 7);
    for (let version = 0; version <= 6; version++) await store.delete(commitKey(version), { signal });
    expect((await loadSnapshot(store, { signal, after: base }))?.txn('n')).toBe(9n);
  });

  test('needs no commit file where a checkpoint is of its version', async () => {
    const store = memoryStore();
    await counting(store, 2);
    await checkpointAt(store, 2);
    for (let version = 0; version <= 2; version++) await store.delete(commitKey(version), { signal });
    expect((await openSnapshot(store, { signal })).txn('n')).toBe(2n);
  });
});

describe('a log that lacks something', () => {
  test('is refused by the name of the commit that is not there', async () => {
    const store = memoryStore();
    await counting(store, 6);
    await checkpointAt(store, 3);
    await store.delete(commitKey(5), { signal });
    const failure = await refusal(openSnapshot(store, { signal }));
    expect(isSluiceError(failure, 'CORRUPT_LOG') && failure.message).toContain(commitKey(5));
    expect((await openSnapshot(store, { signal, version: 4 })).version).toBe(4);
  });

  test('is refused by the name of the file that is damaged', async () => {
    const store = memoryStore();
    await counting(store, 4);
    await checkpointAt(store, 3);
    await store.put(checkpointKey(3), new TextEncoder().encode('no parquet'), { signal });
    await store.put(commitKey(1), new TextEncoder().encode('no json'), { signal });
    const first = await refusal(openSnapshot(store, { signal }));
    expect(isSluiceError(first, 'CORRUPT_LOG') && first.message).toContain(commitKey(1));
    await store.delete(commitKey(1), { signal });
    const checkpoint = await refusal(openSnapshot(store, { signal }));
    expect(isSluiceError(checkpoint, 'CORRUPT_LOG') && checkpoint.message).toContain(checkpointKey(3));
    await store.delete(checkpointKey(3), { signal });
    await store.put(commitKey(1), new TextEncoder().encode(''), { signal });
    await store.put(commitKey(2), new TextEncoder().encode('{"add":'), { signal });
    const commit = await refusal(openSnapshot(store, { signal }));
    expect(isSluiceError(commit, 'CORRUPT_LOG') && commit.message).toContain(commitKey(2));
  });

  test('has no version outside the range that it tells', async () => {
    const store = memoryStore();
    await counting(store, 6);
    await checkpointAt(store, 3);
    for (let version = 0; version <= 2; version++) await store.delete(commitKey(version), { signal });
    for (const version of [1, 7]) {
      const failure = await refusal(openSnapshot(store, { signal, version }));
      expect(isSluiceError(failure, 'VERSION_NOT_FOUND') && failure.context).toMatchObject({
        version,
        earliest: 3,
        latest: 6,
      });
    }
  });

  test('of a table that needs a feature which we do not know is refused by its name', async () => {
    const store = memoryStore();
    const base = await createTable(store);
    await expect(
      mustCommit(store, base, {
        actions: () => [
          {
            kind: 'protocol',
            protocol: {
              minReaderVersion: 3,
              minWriterVersion: 7,
              readerFeatures: ['deletionVectors', 'moonPhases'],
              writerFeatures: ['deletionVectors', 'moonPhases'],
            },
          },
        ],
      }),
    ).resolves.toBeDefined();
    for (const after of [undefined, base]) {
      const failure = await refusal(
        loadSnapshot(store, { signal, ...(after === undefined ? {} : { after }) }),
      );
      expect(isSluiceError(failure, 'PROTOCOL_UNSUPPORTED') && failure.message).toContain('moonPhases');
    }
  });
});

describe('a snapshot as of a moment', () => {
  const ON = { 'delta.enableInCommitTimestamps': 'true' };

  test('is the last version committed until then, by in-commit timestamps where the table has them', async () => {
    const store = memoryStore();
    let snapshot = await mustCommit(
      store,
      undefined,
      { actions: () => firstActions({ configuration: ON }) },
      at(1_000),
    );
    for (const [nowMs, version] of [
      [2_000, 1n],
      [3_000, 2n],
      [5_000, 3n],
    ] as const) {
      snapshot = await mustCommit(store, snapshot, txn(version), at(nowMs));
    }
    const asOf = async (timestampMs: number) => (await openSnapshot(store, { signal, timestampMs })).version;
    expect(await asOf(1_000)).toBe(0);
    expect(await asOf(1_999)).toBe(0);
    expect(await asOf(2_000)).toBe(1);
    expect(await asOf(4_999)).toBe(2);
    expect(await asOf(5_000)).toBe(3);
    const late = await refusal(openSnapshot(store, { signal, timestampMs: 5_001 }));
    expect(late).toMatchObject({ code: 'VERSION_NOT_FOUND', context: { earliest: 0, latest: 3 } });
    const failure = await refusal(openSnapshot(store, { signal, timestampMs: 999 }));
    expect(isSluiceError(failure, 'VERSION_NOT_FOUND') && failure.hint).toContain('1970-01-01T00:00:01.000Z');
  });

  test('goes by file times made to increase where it has none', () => {
    const commit = (version: number, modifiedAtMs: number) => ({
      file: { kind: 'commit' as const, name: commitKey(version), version },
      key: commitKey(version),
      modifiedAtMs,
    });
    expect(commitTimes([commit(0, 50), commit(1, 50), commit(2, 40), commit(3, 99)])).toEqual([
      { version: 0, modifiedAtMs: 50 },
      { version: 1, modifiedAtMs: 51 },
      { version: 2, modifiedAtMs: 52 },
      { version: 3, modifiedAtMs: 99 },
    ]);
  });
});

function txn(version: bigint): { readonly actions: () => readonly Action[] } {
  return { actions: () => [{ kind: 'txn', txn: { appId: 'n', version } }] };
}

function at(nowMs: number) {
  return { nowMs: () => nowMs, sleep: async () => {}, random: () => 0 };
}
