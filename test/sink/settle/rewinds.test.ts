import { beforeEach, describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../src/protocol/actions.js';
import { commitKey } from '../../../src/protocol/log-files.js';
import { formatAppId } from '../../../src/sink/app-id.js';
import { partitionDomainName } from '../../../src/sink/settle/partition-domain.js';
import type { Settled, Slice } from '../../../src/sink/settler.js';
import { withFaults } from '../../../src/storage/faults.js';
import { memoryStore } from '../../../src/storage/memory.js';
import type { ObjectStore } from '../../../src/storage/object-store.js';
import { writeCheckpoint } from '../../../src/table/checkpoint.js';
import { openSnapshot } from '../../../src/table/snapshot.js';
import { sliceOf } from '../../support/change-events.js';
import { foreignCommit, restoreTo } from '../../support/foreign-commits.js';
import { never, settlerOf, tableRows } from '../../support/postgres-replay.js';

const TOPIC = 'test.public.items';
const P0 = { topic: TOPIC, partition: 0 };

const row = (id: number) => ({ op: 'c', key: { id }, after: { id }, lsn: 100 + id }) as const;

/** One row an offset. */
const rows = (from: number, upTo: number, partition = 0): Slice =>
  sliceOf(
    from,
    Array.from({ length: upTo - from }, (_, at) => row(10_000 * partition + from + at)),
    { partition },
  );

const settleIn = (store: ObjectStore, ...slices: Slice[]): Promise<Settled> =>
  settlerOf(store).settler.settle(slices, never);

const ids = async (store: ObjectStore): Promise<readonly number[]> =>
  (await tableRows(store)).map(({ id }) => Number(id)).toSorted((a, b) => a - b);

let store: ObjectStore;

/** Versions 0, 1 and 2 hold the offsets up to 2, 4 and 6. */
beforeEach(async () => {
  store = memoryStore();
  for (const from of [0, 2, 4]) await settleIn(store, rows(from, from + 2));
});

const REPLACEMENTS: readonly (readonly [string, JsonObject])[] = [
  ['RESTORE', { version: 1, timestamp: null }],
  ['RESTORE', { version: '1' }],
  ['RESTORE', { version: null, timestamp: '2026-01-31 00:00:00.0' }],
  ['CLONE', { source: 'delta.`/x`', sourceVersion: 3 }],
  ['REPLACE TABLE', {}],
  ['REPLACE TABLE AS SELECT', { partitionBy: '[]' }],
  ['CREATE OR REPLACE TABLE', {}],
  ['CREATE OR REPLACE TABLE AS SELECT', {}],
  ['WRITE', { mode: 'Overwrite', partitionBy: '[]' }],
  ['STREAMING UPDATE', { outputMode: 'Complete', queryId: 'q', epochId: '0' }],
];

const CHANGES: readonly (readonly [string, JsonObject])[] = [
  ['WRITE', { mode: 'Overwrite', partitionBy: '[]', predicate: '(id = 2L)' }],
  ['WRITE', { mode: 'Overwrite', partitionBy: '[]', isDynamicPartitionOverwrite: true }],
  ['WRITE', { mode: 'Append', partitionBy: '[]' }],
  ['STREAMING UPDATE', { outputMode: 'Append', queryId: 'q', epochId: '0' }],
  ['DELETE', { predicate: '["(id = 1)"]' }],
  ['TRUNCATE', {}],
  ['UPDATE', { predicate: '["(id = 1)"]' }],
  ['MERGE', { predicate: '["(t.id = s.id)"]' }],
  ['OPTIMIZE', { predicate: '[]' }],
  ['SET TBLPROPERTIES', { properties: '{}' }],
];

describe('R7: a table that somebody replaced', () => {
  test.each(REPLACEMENTS)('is not opened after %s %j', async (operation, parameters) => {
    await foreignCommit(store, operation, parameters);
    await expect(settlerOf(store).settler.recover([P0], never)).rejects.toMatchObject({
      code: 'TABLE_REWOUND',
      retry: 'never',
      context: { version: 3, operation },
    });
  });

  test.each(CHANGES)('is none after %s %j', async (operation, parameters) => {
    await foreignCommit(store, operation, parameters);
    expect(await settlerOf(store).settler.recover([P0], never)).toEqual(new Map([[`${TOPIC}:0`, 6]]));
  });

  test('W11: RESTORE leaves the offsets as they are, and no row is written over the hole; the message says what to type', async () => {
    const { settler } = settlerOf(store);
    await settler.recover([P0], never);
    await restoreTo(store, 1);
    const error = await settler.settle([rows(6, 8)], never).catch((cause: unknown) => cause);
    expect(error).toMatchObject({
      code: 'TABLE_REWOUND',
      context: { version: 3, operation: 'RESTORE', restoredTo: 1, offsets: `${TOPIC}:0=4` },
    });
    const hint = error instanceof Error && 'hint' in error ? String(error.hint) : '';
    expect(hint).toContain(`sluice offsets accept ${store.url} --rewind`);
    expect(hint).toContain(`sluice offsets set ${store.url} --topic ${TOPIC} --partition 0 --to 4`);
    expect(await ids(store)).toEqual([0, 1, 2, 3]);
  });

  test('is found by a commit of offsets alone', async () => {
    const { settler } = settlerOf(store);
    await settler.recover([P0], never);
    await restoreTo(store, 1);
    const saved = settler.progress([{ ...P0, base: 6, next: 9 }], { signal: never });
    await expect(saved).rejects.toMatchObject({ code: 'TABLE_REWOUND' });
  });

  test('is found among the winners of a commit that was on its way', async () => {
    let restored = false;
    const racing = withFaults(store, [
      {
        operation: 'putIfAbsent',
        key: /_delta_log\/\d{20}\.json$/,
        fault: {
          kind: 'delay',
          when: 'before',
          until: async () => {
            if (!restored) await restoreTo(store, 1);
            restored = true;
          },
        },
      },
    ]);
    // The rows are new, so that nothing but the winner's own words speaks against them.
    await expect(settleIn(racing, rows(6, 8))).rejects.toMatchObject({ code: 'TABLE_REWOUND' });
    expect(restored).toBe(true);
    expect(await ids(store)).toEqual([0, 1, 2, 3]);
  });

  test('is found behind foreign commits that replaced nothing, and behind a checkpoint', async () => {
    await restoreTo(store, 1);
    for (let i = 0; i < 3; i++) await foreignCommit(store, 'OPTIMIZE');
    await writeCheckpoint(await openSnapshot(store, { signal: never }), { nowMs: 0, signal: never });
    const recovered = settlerOf(store).settler.recover([P0], never);
    await expect(recovered).rejects.toMatchObject({ code: 'TABLE_REWOUND', context: { version: 3 } });
  });

  test('cannot be ruled out where the log no longer tells', async () => {
    await foreignCommit(store, 'OPTIMIZE');
    await foreignCommit(store, 'OPTIMIZE');
    await writeCheckpoint(await openSnapshot(store, { signal: never }), { nowMs: 0, signal: never });
    await store.delete(commitKey(3), { signal: never });
    const recovered = settlerOf(store).settler.recover([P0], never);
    await expect(recovered).rejects.toMatchObject({ code: 'TABLE_REWOUND', context: { version: 3 } });
  });

  test('a log that was cleaned up before our own newest version is nothing to worry about', async () => {
    await writeCheckpoint(await openSnapshot(store, { signal: never }), { nowMs: 0, signal: never });
    for (const version of [0, 1, 2]) await store.delete(commitKey(version), { signal: never });
    await foreignCommit(store, 'OPTIMIZE');
    expect(await settlerOf(store).settler.recover([P0], never)).toEqual(new Map([[`${TOPIC}:0`, 6]]));
  });

  test('a table that stands below the version of its own offsets is a copy or was put back', async () => {
    const copy = memoryStore();
    await settleIn(copy, rows(0, 2));
    const domain = partitionDomainName(TOPIC, 0);
    const configuration = JSON.stringify({ version: 17, epochs: [], keys: ['id'], files: [] });
    await foreignCommit(copy, 'CLONE IN WORDS NOBODY KNOWS', {}, [
      { kind: 'domainMetadata', domainMetadata: { domain, configuration, removed: false } },
    ]);
    const recovered = settlerOf(copy).settler.recover([P0], never);
    await expect(recovered).rejects.toMatchObject({ code: 'TABLE_REWOUND', context: { version: 1 } });
  });

  test('offsets without their domain, and a domain without its offset, do not belong together', async () => {
    const appId = formatAppId({ identity: 'test', topic: TOPIC, incarnation: 0, partition: 1 });
    await foreignCommit(store, 'X', {}, [{ kind: 'txn', txn: { appId, version: 5n } }]);
    const torn = settlerOf(store).settler.recover([P0], never);
    await expect(torn).rejects.toMatchObject({ code: 'TABLE_REWOUND' });

    const other = memoryStore();
    await settleIn(other, rows(0, 2));
    const domain = partitionDomainName(TOPIC, 1);
    const configuration = JSON.stringify({ version: 0, epochs: [], keys: ['id'], files: [] });
    await foreignCommit(other, 'X', {}, [
      { kind: 'domainMetadata', domainMetadata: { domain, configuration, removed: false } },
    ]);
    const lost = settlerOf(other).settler.recover([P0], never);
    await expect(lost).rejects.toMatchObject({ code: 'TABLE_REWOUND' });
  });

  test('a worker reads each commit of the others once', async () => {
    let reads = 0;
    const counted = { kind: 'delay', when: 'before', until: () => Promise.resolve(void reads++) } as const;
    const counting = withFaults(store, [
      { operation: 'get', key: new RegExp(commitKey(4)), times: Infinity, fault: counted },
    ]);
    const { settler } = settlerOf(counting);
    await settler.recover([P0], never);
    for (let i = 0; i < 3; i++) await foreignCommit(store, 'OPTIMIZE');
    reads = 0;
    expect(await settler.settle([rows(6, 8)], never)).toMatchObject({ kind: 'committed', version: 6 });
    expect(reads).toBe(1);
  });
});
