import { describe, expect, test } from 'vitest';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { never } from '../../src/base/signals.js';
import { locateRows } from '../../src/operations/merge/locate.js';
import { readRows } from '../../src/operations/merge/read-rows.js';
import { stageRowChanges } from '../../src/operations/merge/stage.js';
import { stageTruncate } from '../../src/operations/merge/truncate.js';
import { append } from '../../src/operations/append.js';
import { LONG, STRING, field, struct } from '../../src/schema/build.js';
import type { Value } from '../../src/schema/types.js';
import { localStore } from '../../src/storage/local.js';
import { memoryStore } from '../../src/storage/memory.js';
import { openSnapshot } from '../../src/table/snapshot.js';
import { readCommit } from '../../src/table/log.js';
import { idV, idVs, liveRows, mustCommit, newTable, rowsTable } from './tables.js';

import { ID, keysOf, locateIds, appended, mergeIds, feedOf } from './merging.js';

describe.each(['merge-on-read', 'copy-on-write'] as const)('stageRowChanges %s', (strategy) => {
  test('updates, deletes and inserts leave the right rows and the right feed', async () => {
    const store = memoryStore();
    let snapshot = await appended(await newTable(store), idV([1, 'a'], [2, 'b'], [3, 'c']), idV([4, 'd']));
    snapshot = await mergeIds(
      snapshot,
      {
        put: [
          [1, 'A'],
          [5, 'e'],
        ],
        drop: [3, 4],
      },
      strategy,
    );
    const reopened = await openSnapshot(store, { signal: never });
    expect(await idVs(reopened)).toEqual(['1=A', '2=b', '5=e']);
    expect(await idVs(snapshot)).toEqual(['1=A', '2=b', '5=e']);
    expect(await feedOf(store, snapshot.version)).toEqual([
      'delete 3=c',
      'delete 4=d',
      'insert 5=e',
      'update_postimage 1=A',
      'update_preimage 1=a',
    ]);
  });

  test('a file with no row left is only removed', async () => {
    const store = memoryStore();
    let snapshot = await appended(await newTable(store), idV([1, 'a'], [2, 'b']));
    snapshot = await mergeIds(snapshot, { drop: [1] }, strategy);
    snapshot = await mergeIds(snapshot, { drop: [2] }, strategy);
    expect(snapshot.files.size).toBe(0);
    const actions = (await readCommit(store, snapshot.version, { signal: never }))?.actions ?? [];
    expect(actions.map(({ kind }) => kind)).toEqual(['commitInfo', 'remove', 'cdc']);
  });

  test('R28: a commit of plain inserts writes no change file; one update puts the inserts there too', async () => {
    const store = memoryStore();
    let snapshot = await mergeIds(
      await newTable(store),
      {
        put: [
          [1, 'a'],
          [2, 'b'],
        ],
      },
      strategy,
    );
    const plain = (await readCommit(store, snapshot.version, { signal: never }))?.actions ?? [];
    expect(plain.map(({ kind }) => kind)).toEqual(['commitInfo', 'add']);
    expect(await feedOf(store, snapshot.version)).toEqual(['insert 1=a', 'insert 2=b']);
    snapshot = await mergeIds(
      snapshot,
      {
        put: [
          [1, 'A'],
          [3, 'c'],
        ],
      },
      strategy,
    );
    expect(await feedOf(store, snapshot.version)).toEqual([
      'insert 3=c',
      'update_postimage 1=A',
      'update_preimage 1=a',
    ]);
  });

  test('a truncate has no change file, and its deletes are derived', async () => {
    const store = memoryStore();
    let snapshot = await appended(await newTable(store), idV([1, 'a'], [2, 'b']), idV([3, 'c']));
    snapshot = await mergeIds(snapshot, { drop: [1] }, strategy);
    snapshot = await mustCommit(snapshot, await stageTruncate({ snapshot, strategy, signal: never }));
    const actions = (await readCommit(store, snapshot.version, { signal: never }))?.actions ?? [];
    expect(actions.map(({ kind }) => kind)).toEqual(['commitInfo', 'remove', 'remove']);
    expect(await idVs(snapshot)).toEqual([]);
    expect(await feedOf(store, snapshot.version)).toEqual(['delete 2=b', 'delete 3=c']);
  });

  test('R15: rows past the floor of a truncate stay', async () => {
    const store = memoryStore();
    let snapshot = await appended(
      await newTable(store),
      idV([1, 'a'], [2, 'b'], [3, 'z']),
      idV([4, 'z']),
      idV([5, 'c']),
    );
    const keep = { column: 'v', stays: (value: Value) => value === 'z' };
    const staged = await stageTruncate({ snapshot, keep, strategy, signal: never });
    snapshot = await mustCommit(snapshot, staged);
    expect(await idVs(snapshot)).toEqual(['3=z', '4=z']);
    const actions = (await readCommit(store, snapshot.version, { signal: never }))?.actions ?? [];
    expect(actions.some(({ kind }) => kind === 'cdc')).toBe(false);
    expect(staged.metrics['numTargetRowsDeleted']).toBe('3');
  });
});

describe('stageRowChanges', () => {
  test('the second deletion vector of a file holds the first, and the remove names the first', async () => {
    const store = memoryStore();
    let snapshot = await appended(await newTable(store), idV([1, 'a'], [2, 'b'], [3, 'c'], [4, 'd']));
    snapshot = await mergeIds(snapshot, { drop: [1] });
    const first = [...snapshot.files][0];
    snapshot = await mergeIds(snapshot, { drop: [3] });
    const second = [...snapshot.files][0];
    expect(second?.deletionVector?.cardinality).toBe(2);
    expect(second?.path).toBe(first?.path);
    const actions = (await readCommit(store, snapshot.version, { signal: never }))?.actions ?? [];
    const remove = actions.find((action) => action.kind === 'remove')?.remove;
    expect(remove?.deletionVector).toEqual(first?.deletionVector);
    expect(remove?.extendedFileMetadata).toBe(true);
    const stats = JSON.parse(second?.stats ?? '{}');
    expect(stats).toMatchObject({ numRecords: 4, tightBounds: false, minValues: { id: 1 } });
  });

  test('all touched files share one deletion-vector file', async () => {
    const store = memoryStore();
    let snapshot = await appended(await newTable(store), idV([1, 'a'], [2, 'b']), idV([3, 'c'], [4, 'd']));
    snapshot = await mergeIds(snapshot, { drop: [1, 3] });
    const vectors = [...snapshot.files].map(({ deletionVector }) => deletionVector);
    expect(new Set(vectors.map((vector) => vector?.pathOrInlineDv)).size).toBe(1);
    expect(new Set(vectors.map((vector) => vector?.offset)).size).toBe(2);
  });

  test('metrics bear the names and numbers of Delta Spark', async () => {
    const store = memoryStore();
    let snapshot = await appended(await newTable(store), idV([1, 'a'], [2, 'b'], [3, 'c']), idV([4, 'd']));
    snapshot = await mergeIds(snapshot, {
      put: [
        [1, 'A'],
        [9, 'i'],
      ],
      drop: [4],
    });
    const info = (await readCommit(store, snapshot.version, { signal: never }))?.commitInfo;
    expect(info?.['operationMetrics']).toMatchObject({
      numSourceRows: '3',
      numTargetRowsInserted: '1',
      numTargetRowsUpdated: '1',
      numTargetRowsMatchedUpdated: '1',
      numTargetRowsDeleted: '1',
      numTargetRowsMatchedDeleted: '1',
      numTargetRowsCopied: '0',
      numOutputRows: '2',
      numTargetFilesAdded: '1',
      numTargetFilesRemoved: '1',
      numTargetChangeFilesAdded: '1',
      numTargetDeletionVectorsAdded: '1',
      numTargetDeletionVectorsRemoved: '0',
      numTargetDeletionVectorsUpdated: '0',
    });
  });

  test('images=inferred writes no change file: readers derive delete, then insert', async () => {
    const store = memoryStore();
    let snapshot = await appended(await newTable(store), idV([1, 'a'], [2, 'b']));
    const staged = await stageRowChanges({
      snapshot,
      removed: await locateIds(snapshot, 1),
      inserted: idV([1, 'A']),
      counts: { source: 1, inserted: 0, updated: 1, deleted: 0 },
      strategy: 'merge-on-read',
      signal: never,
    });
    snapshot = await mustCommit(snapshot, staged);
    expect(await feedOf(store, snapshot.version)).toEqual(['delete 1=a', 'insert 1=A']);
  });

  test('a table without a feed gets no change files', async () => {
    const store = memoryStore();
    const properties = { 'delta.enableChangeDataFeed': 'false' };
    let snapshot = await appended(await newTable(store, { properties }), idV([1, 'a']));
    snapshot = await mergeIds(snapshot, { put: [[1, 'A']] });
    const actions = (await readCommit(store, snapshot.version, { signal: never }))?.actions ?? [];
    expect(actions.map(({ kind }) => kind)).toEqual(['commitInfo', 'remove', 'add']);
  });

  test('rows are not taken out of a table that takes appends only, nor by vectors that are off', async () => {
    const appendOnly = await appended(
      await newTable(memoryStore(), { properties: { 'delta.appendOnly': 'true' } }),
      idV([1, 'a']),
    );
    await expect(mergeIds(appendOnly, { drop: [1] })).rejects.toMatchObject({ code: 'PROTOCOL_UNSUPPORTED' });
    const vectorsOff = await appended(
      await newTable(memoryStore(), { properties: { 'delta.enableDeletionVectors': 'false' } }),
      idV([1, 'a']),
    );
    await expect(mergeIds(vectorsOff, { drop: [1] })).rejects.toMatchObject({ code: 'PROTOCOL_UNSUPPORTED' });
    expect(await idVs(await mergeIds(vectorsOff, { drop: [1] }, 'copy-on-write'))).toEqual([]);
  });

  test('works on a local disk, partitioned and with mapped names', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-merge-'));
    try {
      const schema = struct([field('the id', LONG), field('country code', STRING), field('v', STRING)]);
      const store = localStore(folder);
      let snapshot = await newTable(store, { schema, partitionBy: ['country code'] });
      const rows = rowsTable(schema, [
        [1n, 'DE', 'a'],
        [2n, 'DE', 'b'],
        [3n, 'FR', 'c'],
      ]);
      ({ snapshot } = await append(snapshot, [rows], { signal: never }));
      const keys = keysOf([schema.fields[0] ?? ID], [[2n], [3n]]);
      const removed = await locateRows(snapshot, { keyColumns: ['the id'], keys, signal: never });
      const deleted = await readRows(snapshot, removed, { signal: never });
      const staged = await stageRowChanges({
        snapshot,
        removed,
        changes: { deleted },
        counts: { source: 2, inserted: 0, updated: 0, deleted: 2 },
        strategy: 'merge-on-read',
        signal: never,
      });
      await mustCommit(snapshot, staged);
      const reopened = await openSnapshot(folder, { signal: never });
      expect(await liveRows(reopened)).toEqual([[1n, 'DE', 'a']]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
