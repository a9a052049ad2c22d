import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { never } from '../../src/base/signals.js';
import type { Action, AddFile } from '../../src/protocol/actions.js';
import { formatActions } from '../../src/protocol/action-json.js';
import { parseLastCheckpoint } from '../../src/protocol/last-checkpoint.js';
import { checkpointKey, commitKey } from '../../src/protocol/log-files.js';
import { withFaults } from '../../src/storage/faults.js';
import { memoryStore } from '../../src/storage/memory.js';
import type { ObjectStore } from '../../src/storage/object-store.js';
import { writeCheckpoint } from '../../src/table/checkpoint.js';
import { commit } from '../../src/table/commit.js';
import { openSnapshot, type Snapshot } from '../../src/table/snapshot.js';
import { createTable, mustCommit, request } from './tables.js';

const signal = never;
const EVERY = { configuration: { 'delta.checkpointInterval': '1' } };

/** All that a state holds, in an order of its own. */
function described({ state }: Snapshot): unknown {
  const lines = (actions: Action[]) => formatActions(actions).split('\n').sort();
  return {
    protocol: state.protocol,
    metadata: state.metadata,
    files: lines([...state.files].map((add) => ({ kind: 'add', add: { ...add, dataChange: false } }))),
    tombstones: lines(
      [...state.tombstones].map((remove) => ({ kind: 'remove', remove: { ...remove, dataChange: false } })),
    ),
    txns: [...state.txns.values()].sort((a, b) => (a.appId < b.appId ? -1 : 1)),
    domains: [...state.domains].sort(([a], [b]) => (a < b ? -1 : 1)),
  };
}

const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 6 });
const vector = fc.record({
  storageType: fc.constant('u' as const),
  pathOrInlineDv: fc.constantFrom('^-aqEH.-t@S}K{vb[*k^', 'vBn[lx{q8@P<9BNH/isA'),
  offset: fc.constantFrom(1, 45),
  sizeInBytes: fc.nat(1000),
  cardinality: fc.nat(1000),
});

/** Few paths and many collisions: a file comes, is replaced, goes and comes back. */
const add: fc.Arbitrary<AddFile> = fc
  .record({
    path: fc.constantFrom('a.parquet', 'b%20c.parquet', 'p=1/d.parquet', 'é.parquet'),
    partitionValues: fc
      .array(fc.tuple(text, fc.option(text)), { maxLength: 2 })
      .map((pairs) => new Map(pairs)),
    size: fc.nat(),
    modificationTime: fc.nat(),
    stats: fc.option(fc.constant('{"numRecords":9007199254740993}'), { nil: undefined }),
    tags: fc.option(fc.constant({ k: 'v' }), { nil: undefined }),
    deletionVector: fc.option(vector, { nil: undefined }),
    baseRowId: fc.option(fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), { nil: undefined }),
  })
  .map(({ stats, tags, deletionVector, baseRowId, ...rest }) => ({
    ...rest,
    dataChange: true,
    ...(stats === undefined ? {} : { stats }),
    ...(tags === undefined ? {} : { tags }),
    ...(deletionVector === undefined ? {} : { deletionVector }),
    ...(baseRowId === undefined ? {} : { baseRowId }),
  }));

const change: fc.Arbitrary<Action> = fc.oneof(
  add.map((one): Action => ({ kind: 'add', add: one })),
  add.map(({ path, partitionValues, size, deletionVector }): Action => ({
    kind: 'remove',
    remove: {
      path,
      // Removed just now: a checkpoint forgets those whose retention is over.
      deletionTimestamp: Date.now(),
      dataChange: true,
      extendedFileMetadata: true,
      partitionValues,
      size,
      ...(deletionVector === undefined ? {} : { deletionVector }),
    },
  })),
  fc
    .record({
      appId: fc.constantFrom('x', 'y'),
      version: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
      lastUpdated: fc.nat(),
    })
    .map((txn): Action => ({ kind: 'txn', txn })),
  fc
    .record({ domain: fc.constantFrom('d', 'e'), configuration: text, removed: fc.boolean() })
    .map((domainMetadata): Action => ({ kind: 'domainMetadata', domainMetadata })),
);

async function deleteCommits(store: ObjectStore, upTo: number): Promise<void> {
  for (let version = 0; version < upTo; version++) await store.delete(commitKey(version), { signal });
}

describe('a checkpoint', () => {
  test('of every version loads as the log without it does', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 8 }), async (changes) => {
        const store = memoryStore();
        const plain = memoryStore();
        let snapshot = await createTable(store, EVERY);
        let replayed = await createTable(plain);
        for (const one of changes) {
          snapshot = await mustCommit(store, snapshot, { actions: () => [one] });
          replayed = await mustCommit(plain, replayed, { actions: () => [one] });
        }
        // Only the last checkpoint is left to load from.
        await deleteCommits(store, snapshot.version + 1);
        const loaded = await openSnapshot(store, { signal });
        expect(described(loaded)).toEqual(described(snapshot));
        const { protocol: _p, metadata: _m, ...contents } = described(loaded) as Record<string, unknown>;
        expect(described(await openSnapshot(plain, { signal }))).toMatchObject(contents);
      }),
      { numRuns: Number(process.env['FC_RUNS'] ?? 20) },
    );
  });

  test('is written when the interval says, and the hint names it with its size', async () => {
    const store = memoryStore();
    let snapshot = await createTable(store, { configuration: { 'delta.checkpointInterval': '3' } });
    const outcomes: string[] = [];
    while (snapshot.version < 7) {
      const outcome = await commit(snapshot, store, request(snapshot.version, { actions: () => [] }));
      if (outcome.kind === 'conflicted') throw new Error(outcome.why);
      outcomes.push((await outcome.background).kind);
      snapshot = outcome.snapshot;
    }
    expect(outcomes).toEqual(['not-due', 'not-due', 'written', 'not-due', 'not-due', 'written', 'not-due']);
    const hint = await store.get('_delta_log/_last_checkpoint', { signal });
    const size = (await store.head(checkpointKey(6), { signal }))?.size;
    expect(parseLastCheckpoint(new TextDecoder().decode(hint))).toEqual({
      version: 6,
      size: 2,
      sizeInBytes: size,
      numOfAddFiles: 0,
    });
  });

  test('that fails leaves the commit as it is and is told', async () => {
    const inner = memoryStore();
    const base = await createTable(inner, EVERY);
    const store = withFaults(inner, [{ operation: 'put', fault: { kind: 'fails', code: 'STORE_FULL' } }]);
    const outcome = await commit(base, store, request(0, { actions: () => [] }));
    expect(outcome).toMatchObject({ kind: 'committed', version: 1 });
    expect(outcome.kind === 'committed' && (await outcome.background)).toMatchObject({
      kind: 'failed',
      version: 1,
      cause: { code: 'STORE_FULL' },
    });
    expect((await openSnapshot(inner, { signal })).version).toBe(1);
  });

  test('of many files lets others go on meanwhile, and holds none of what they commit', async () => {
    const store = memoryStore();
    const fileOf = (n: number): Action => ({
      kind: 'add',
      add: {
        path: `${n}.parquet`,
        partitionValues: new Map(),
        size: 1,
        modificationTime: 0,
        dataChange: true,
      },
    });
    const many = Array.from({ length: 41_000 }, (_, n) => fileOf(n));
    const base = await mustCommit(store, await createTable(store), { actions: () => many });
    let written = false;
    const writing = writeCheckpoint(base, { signal, nowMs: Date.now() }).then(() => (written = true));
    await mustCommit(store, base, { actions: () => [fileOf(41_000)] });
    expect(written).toBe(false);
    await writing;
    await deleteCommits(store, base.version);
    const loaded = await openSnapshot(store, { signal, version: base.version });
    expect([loaded.version, loaded.files.size]).toEqual([1, 41_000]);
    expect((await openSnapshot(store, { signal })).files.size).toBe(41_001);
  });

  test('that comes late does not turn the hint back', async () => {
    const store = memoryStore();
    let snapshot = await createTable(store, EVERY);
    const old = (snapshot = await mustCommit(store, snapshot, { actions: () => [] }));
    snapshot = await mustCommit(store, snapshot, { actions: () => [] });
    await writeCheckpoint(old, { signal, nowMs: Date.now() });
    const hint = await store.get('_delta_log/_last_checkpoint', { signal });
    expect(parseLastCheckpoint(new TextDecoder().decode(hint))?.version).toBe(2);
  });
});
