import { describe, expect, test } from 'vitest';
import { isSluiceError } from '../../src/base/errors.js';
import { never } from '../../src/base/signals.js';
import type { Action } from '../../src/protocol/actions.js';
import { withFaults, type FaultRule } from '../../src/storage/faults.js';
import { memoryStore } from '../../src/storage/memory.js';
import type { ObjectStore } from '../../src/storage/object-store.js';
import { commit, type CommitWorld } from '../../src/table/commit.js';
import { readCommit } from '../../src/table/log.js';
import { loadSnapshot } from '../../src/table/snapshot.js';
import { createTable, firstActions, mustCommit, request } from './tables.js';

/** Time stands still and pauses take none of it. */
const STILL: CommitWorld = { nowMs: () => 1_700_000_000_000, sleep: async () => {}, random: () => 0 };

const COMMIT_1 = /_delta_log\/0{19}1\.json$/;

function progress(appId: string, version: bigint): () => readonly Action[] {
  return () => [{ kind: 'txn', txn: { appId, version, lastUpdated: 1 } }];
}

async function txnIds(store: ObjectStore): Promise<unknown[]> {
  const ids: unknown[] = [];
  for (let version = 0; ; version++) {
    const found = await readCommit(store, version, { signal: never });
    if (found === undefined) return ids;
    ids.push(found.commitInfo?.['txnId']);
  }
}

describe('a commit', () => {
  test('takes the next version and gives the snapshot that a fresh reader sees', async () => {
    const store = memoryStore();
    const first = await createTable(store);
    const second = await mustCommit(store, first, { actions: progress('a', 7n) });
    expect(second.version).toBe(1);
    expect(second.txn('a')).toBe(7n);
    expect(first.txn('a')).toBeUndefined();
    const loaded = await loadSnapshot(store, { signal: never });
    expect(loaded?.version).toBe(1);
    expect(loaded?.txn('a')).toBe(7n);
  });

  test('that loses a race hears of each winner in order and goes on past them', async () => {
    const store = memoryStore();
    const base = await createTable(store);
    const one = await mustCommit(store, base, { actions: progress('a', 1n) });
    await mustCommit(store, one, { actions: progress('a', 2n) });
    const winners: number[] = [];
    const versions: number[] = [];
    const outcome = await commit(
      base,
      store,
      request(0, {
        actions: ({ version }) => {
          versions.push(version);
          return progress('b', 1n)();
        },
        conflict: ({ version }) => void winners.push(version),
      }),
    );
    expect(outcome).toMatchObject({ kind: 'committed', version: 3, attempts: 3 });
    expect(winners).toEqual([1, 2]);
    expect(versions).toEqual([1, 2, 3]);
    expect(outcome.kind === 'committed' && outcome.snapshot.txn('a')).toBe(2n);
  });

  test('ends at the winner that it conflicts with and writes nothing', async () => {
    const store = memoryStore();
    const base = await createTable(store);
    await mustCommit(store, base, { actions: progress('a', 1n) });
    const late = request(0, { actions: progress('a', 1n), conflict: () => 'the same rows' });
    expect(await commit(base, store, late)).toEqual({ kind: 'conflicted', at: 1, why: 'the same rows' });
    expect((await txnIds(store)).length).toBe(2);
  });

  test('that creates a table never goes on past another that created it', async () => {
    const store = memoryStore();
    await createTable(store);
    const late = request(-1, { actions: () => firstActions() });
    expect(await commit(undefined, store, late)).toMatchObject({ kind: 'conflicted', at: 0 });
  });

  test('sees the state of the winners in what it goes on from: a feature that we cannot write stops it', async () => {
    const store = memoryStore();
    const base = await createTable(store);
    await mustCommit(store, base, {
      actions: () => [
        {
          kind: 'protocol',
          protocol: { minReaderVersion: 1, minWriterVersion: 7, writerFeatures: ['moonPhases'] },
        },
      ],
    });
    await expect(commit(base, store, request(0, { actions: progress('a', 1n) }))).rejects.toMatchObject({
      code: 'PROTOCOL_UNSUPPORTED',
      message: expect.stringContaining('moonPhases'),
    });
  });

  test('is refused as our bug if it holds two actions for one key', async () => {
    const store = memoryStore();
    const base = await createTable(store);
    const twice = () => [...progress('a', 1n)(), ...progress('a', 2n)()];
    await expect(commit(base, store, request(0, { actions: twice }))).rejects.toThrow(
      'two actions for txn a',
    );
  });
});

describe('an answer that is lost', () => {
  const lost = (landed: boolean, times = 1): FaultRule => ({
    operation: 'putIfAbsent',
    key: COMMIT_1,
    times,
    fault: { kind: 'lost-answer', landed },
  });

  for (const landed of [true, false]) {
    test(`is settled by looking: the commit ${landed ? 'had' : 'had not'} landed, and stands once`, async () => {
      const inner = memoryStore();
      const base = await createTable(inner);
      const store = withFaults(inner, [lost(landed, 3)]);
      const outcome = await commit(
        base,
        store,
        request(0, { actions: progress('a', 5n), txnId: 'mine' }),
        STILL,
      );
      expect(outcome).toMatchObject({ kind: 'committed', version: 1, attempts: 1 });
      expect((await txnIds(inner)).filter((id) => id === 'mine')).toEqual(['mine']);
    });
  }

  test('is settled by looking: another commit is there, and ours goes on past it', async () => {
    const inner = memoryStore();
    const base = await createTable(inner);
    await mustCommit(inner, base, { actions: progress('other', 1n) });
    const store = withFaults(inner, [lost(false)]);
    const outcome = await commit(
      base,
      store,
      request(0, { actions: progress('a', 5n), txnId: 'mine' }),
      STILL,
    );
    expect(outcome).toMatchObject({ kind: 'committed', version: 2 });
    expect(await txnIds(inner)).toHaveLength(3);
  });

  test('and a look that fails too is repeated before anything is written', async () => {
    const inner = memoryStore();
    const base = await createTable(inner);
    const store = withFaults(inner, [
      lost(true),
      { operation: 'get', key: COMMIT_1, times: 2, fault: { kind: 'fails', code: 'STORE_UNAVAILABLE' } },
    ]);
    const outcome = await commit(
      base,
      store,
      request(0, { actions: progress('a', 5n), txnId: 'mine' }),
      STILL,
    );
    expect(outcome).toMatchObject({ kind: 'committed', version: 1 });
    expect(await txnIds(inner)).toHaveLength(2);
  });
});

describe('a store that fails', () => {
  test('for a while is tried again, and the commit stands once', async () => {
    const inner = memoryStore();
    const base = await createTable(inner);
    const store = withFaults(inner, [
      { operation: 'putIfAbsent', times: 4, fault: { kind: 'fails', code: 'STORE_UNAVAILABLE' } },
    ]);
    const outcome = await commit(base, store, request(0, { actions: progress('a', 5n) }), STILL);
    expect(outcome).toMatchObject({ kind: 'committed', version: 1, attempts: 1 });
  });

  test('for good is given up with its own error, which names the table and the file', async () => {
    const inner = memoryStore();
    const base = await createTable(inner);
    for (const code of ['STORE_FULL', 'STORE_DENIED', 'STORE_UNAVAILABLE'] as const) {
      const store = withFaults(inner, [
        { operation: 'putIfAbsent', times: Infinity, fault: { kind: 'fails', code } },
      ]);
      const failure = await commit(base, store, request(0, { actions: progress('a', 5n) }), STILL).catch(
        (cause: unknown) => cause,
      );
      expect(isSluiceError(failure, code) && failure.context).toMatchObject({
        table: inner.url,
        file: '_delta_log/00000000000000000001.json',
      });
    }
    expect((await loadSnapshot(inner, { signal: never }))?.version).toBe(0);
  });

  test('that says a version exists and does not show it is given up in the end', async () => {
    const inner = memoryStore();
    const base = await createTable(inner);
    const odd = memoryStore();
    const store: ObjectStore = Object.assign(Object.create(odd), {
      url: odd.url,
      get: async () => undefined,
      putIfAbsent: async () => 'exists',
    });
    const failure = await commit(base, store, request(0, { actions: () => [] }), STILL).catch(
      (cause: unknown) => cause,
    );
    expect(isSluiceError(failure, 'STORE_UNAVAILABLE')).toBe(true);
  });

  test('is not asked again once the signal is aborted', async () => {
    const inner = memoryStore();
    const base = await createTable(inner);
    const stop = new AbortController();
    const store = withFaults(inner, [
      { operation: 'putIfAbsent', times: Infinity, fault: { kind: 'fails', code: 'STORE_UNAVAILABLE' } },
    ]);
    const reason = new Error('shutting down');
    const world: CommitWorld = {
      ...STILL,
      sleep: async (_, signal) => {
        stop.abort(reason);
        signal.throwIfAborted();
      },
    };
    const doomed = request(0, { actions: progress('a', 5n), signal: stop.signal });
    await expect(commit(base, store, doomed, world)).rejects.toBe(reason);
  });
});

describe('in-commit timestamps', () => {
  const ON = { 'delta.enableInCommitTimestamps': 'true' };
  const at = (nowMs: number): CommitWorld => ({ ...STILL, nowMs: () => nowMs });

  async function timeOf(
    store: ObjectStore,
    version: number,
  ): Promise<[firstKey: string | undefined, ms: unknown]> {
    const info = (await readCommit(store, version, { signal: never }))?.commitInfo ?? {};
    return [Object.keys(info)[0], info['inCommitTimestamp']];
  }

  test('lead each commit and never go back, whatever the clock says', async () => {
    const store = memoryStore();
    const first = await mustCommit(
      store,
      undefined,
      { actions: () => firstActions({ configuration: ON }) },
      at(5_000),
    );
    const second = await mustCommit(store, first, { actions: progress('a', 1n) }, at(4_000));
    await mustCommit(store, second, { actions: progress('a', 2n) }, at(9_000));
    expect(await timeOf(store, 0)).toEqual(['inCommitTimestamp', 5_000]);
    expect(await timeOf(store, 1)).toEqual(['inCommitTimestamp', 5_001]);
    expect(await timeOf(store, 2)).toEqual(['inCommitTimestamp', 9_000]);
    const loaded = await loadSnapshot(store, { signal: never });
    expect(loaded?.commitTimestampMs).toBe(9_000);
  });

  test('are later than those of a winner that came between', async () => {
    const store = memoryStore();
    const first = await mustCommit(
      store,
      undefined,
      { actions: () => firstActions({ configuration: ON }) },
      at(5_000),
    );
    await mustCommit(store, first, { actions: progress('a', 1n) }, at(8_000));
    await commit(first, store, request(0, { actions: progress('b', 1n) }), at(6_000));
    expect(await timeOf(store, 2)).toEqual(['inCommitTimestamp', 8_001]);
  });

  test('that are turned on later say from which version and moment on they count', async () => {
    const store = memoryStore();
    const first = await createTable(store);
    const enabled = firstActions({ configuration: ON });
    const now = first.commitTimestampMs + 1_000;
    const second = await mustCommit(store, first, { actions: () => enabled }, at(now));
    expect(second.configuration).toEqual({
      ...ON,
      'delta.inCommitTimestampEnablementVersion': '1',
      'delta.inCommitTimestampEnablementTimestamp': String(now),
    });
  });
});
