import { describe, expect, test } from 'vitest';
import { never } from '../../src/base/signals.js';
import { rowsOf } from '../../src/columnar/cells.js';
import { writeParquet } from '../../src/columnar/parquet.js';
import type { ArrowTable } from '../../src/columnar/arrow.js';
import { keyProbe } from '../../src/operations/merge/key-probe.js';
import { locateInFiles } from '../../src/operations/merge/probe-files.js';
import { readRows } from '../../src/operations/merge/read-rows.js';
import { stageRowChanges } from '../../src/operations/merge/stage.js';
import { stageTruncate } from '../../src/operations/merge/truncate.js';
import { STRING, field } from '../../src/schema/build.js';
import type { Value } from '../../src/schema/types.js';
import { memoryStore } from '../../src/storage/memory.js';
import type { Snapshot } from '../../src/table/snapshot.js';
import { ID_V, commitActions, idV, idVs, liveRows, mustCommit, newTable } from './tables.js';

import { ID, ids, locateIds, mergeIds, feedOf } from './merging.js';

describe('files of several row groups', () => {
  /** Ten rows, three a group, in one file. */
  async function grouped(): Promise<Snapshot> {
    const store = memoryStore();
    const snapshot = await newTable(store);
    const rows = idV(
      ...Array.from({ length: 10 }, (_, i): [number, string] => [i, i % 4 === 3 ? 'z' : `v${i}`]),
    );
    const body = writeParquet(rows, { rowsPerGroup: 3 });
    await store.put('grouped.parquet', body, { signal: never });
    const add = {
      path: 'grouped.parquet',
      partitionValues: new Map<string, string>(),
      size: body.length,
      modificationTime: 1,
      dataChange: true,
    };
    return commitActions(snapshot, 'WRITE', () => [{ kind: 'add', add }]);
  }

  test('rows keep their ordinals, and are read back by them', async () => {
    const snapshot = await grouped();
    const found = await locateIds(snapshot, 0, 4, 5, 9);
    expect([...found.ordinal]).toEqual([0, 4, 5, 9]);
    const rows = await readRows(
      snapshot,
      { ...found, file: [0, 0, 0], ordinal: [9, 2, 3] },
      { signal: never },
    );
    expect([...rowsOf(rows, ID_V)].map(([id]) => id)).toEqual([9n, 2n, 3n]);
  });

  test.each([1, 4, 7, 100])('rows keep their ordinals when read %i at a time', async (rowsPerRead) => {
    const snapshot = await mergeIds(await grouped(), { drop: [5] });
    const keys = ids(0, 4, 5, 6, 9);
    const open = (table: ArrowTable) => keyProbe(table, [ID], keys);
    const found = await locateInFiles(snapshot.store, [...snapshot.files], {
      probes: [{ columns: ['id'], open }],
      extra: [field('v', STRING)],
      layout: snapshot.layout,
      rowsPerRead,
      signal: never,
    });
    expect([...found.ordinal]).toEqual([0, 4, 6, 9]);
    expect(found.extra).toEqual([['v0', 'v4', 'v6', 'v9']]);
  });

  test('a file without stats gets the number of its rows with its first deletion vector', async () => {
    let snapshot = await grouped();
    snapshot = await mergeIds(snapshot, { drop: [4, 9] });
    expect((await liveRows(snapshot)).map(([id]) => Number(id))).toEqual([0, 1, 2, 3, 5, 6, 7, 8]);
    expect(JSON.parse([...snapshot.files][0]?.stats ?? '{}')).toMatchObject({
      numRecords: 10,
      tightBounds: false,
    });
    expect(await feedOf(snapshot.store, snapshot.version)).toEqual(['delete 4=v4', 'delete 9=v9']);
  });

  test.each(['merge-on-read', 'copy-on-write'] as const)(
    'R15: a truncate keeps the right rows, %s',
    async (strategy) => {
      let snapshot = await mergeIds(await grouped(), { drop: [3] });
      const keep = { column: 'v', stays: (value: Value) => value === 'z' };
      snapshot = await mustCommit(snapshot, await stageTruncate({ snapshot, keep, strategy, signal: never }));
      expect(await idVs(snapshot)).toEqual(['7=z']);
    },
  );

  test('derived changes are those rows and no others', async () => {
    const snapshot = await grouped();
    const staged = await stageRowChanges({
      snapshot,
      removed: await locateIds(snapshot, 2, 3, 8),
      counts: { source: 3, inserted: 0, updated: 0, deleted: 3 },
      strategy: 'merge-on-read',
      signal: never,
    });
    const { store, version } = await mustCommit(snapshot, staged);
    expect(await feedOf(store, version)).toEqual(['delete 2=v2', 'delete 3=z', 'delete 8=v8']);
  });
});
