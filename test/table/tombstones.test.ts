import { expect, test } from 'vitest';
import { createTableActions } from '../../src/operations/create.js';
import { LONG, field } from '../../src/schema/build.js';
import { memoryStore } from '../../src/storage/memory.js';
import { commit } from '../../src/table/commit.js';
import type { Snapshot } from '../../src/table/snapshot.js';
import type { Action } from '../../src/protocol/actions.js';

const signal = new AbortController().signal;
const DAY_MS = 24 * 3_600_000;

test('a snapshot that is carried from commit to commit forgets removed files whose retention has ended', async () => {
  const store = memoryStore();
  const startMs = Date.UTC(2026, 0, 1);
  const created = createTableActions({
    schema: { kind: 'struct', fields: [field('id', LONG)] },
    nowMs: startMs,
  });
  let snapshot: Snapshot | undefined;
  for (let version = 0; version <= 30; version++) {
    const nowMs = startMs + version * DAY_MS;
    const outcome = await commit(
      snapshot,
      store,
      {
        readVersion: version - 1,
        txnId: `txn-${version}`,
        signal,
        reconcile: () => Promise.resolve({ conflict: 'there is no other writer' }),
        actions: (at): readonly Action[] => [
          { kind: 'commitInfo', commitInfo: { txnId: `txn-${version}`, timestamp: at.nowMs } },
          ...(version === 0 ? created.actions : []),
          ...fileActions(version, at.nowMs),
        ],
      },
      { nowMs: () => nowMs, random: () => 0, sleep: () => Promise.resolve() },
    );
    if (outcome.kind !== 'committed') throw new Error(outcome.why);
    snapshot = outcome.snapshot;
    await outcome.background;
  }
  // A week is kept, and what came since the last checkpoint.
  const kept = [...(snapshot?.state.tombstones ?? [])].length;
  expect(kept).toBeGreaterThanOrEqual(7);
  expect(kept).toBeLessThanOrEqual(8);
});

/** Each version replaces the file of the one before. */
function fileActions(version: number, nowMs: number): readonly Action[] {
  const file = (n: number) => ({
    path: `part-${n}.parquet`,
    partitionValues: new Map(),
    size: 1,
    dataChange: true,
  });
  const add: Action = {
    kind: 'add',
    add: { ...file(version), modificationTime: nowMs, stats: '{"numRecords":1}' },
  };
  if (version === 0) return [add];
  return [{ kind: 'remove', remove: { ...file(version - 1), deletionTimestamp: nowMs } }, add];
}
