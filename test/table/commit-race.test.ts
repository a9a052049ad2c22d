import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SluiceError } from '../../src/base/errors.js';
import { never } from '../../src/base/signals.js';
import { withFaults, type FaultRule } from '../../src/storage/faults.js';
import { memoryStore } from '../../src/storage/memory.js';
import type { ObjectStore } from '../../src/storage/object-store.js';
import { commit, type CommitWorld } from '../../src/table/commit.js';
import { mustReadCommit } from '../../src/table/log.js';
import { loadSnapshot, type Snapshot } from '../../src/table/snapshot.js';
import { createTable, request } from './tables.js';

/**
 * Three writers race for the versions of one table over a store whose answers get lost.
 *
 * A put whose answer got lost has landed, or never does, or lands later, at a moment of the scheduler's choice. Every
 * call of the store starts and answers when the scheduler says. Whatever it chooses: each commit that was told as
 * committed stands in the log exactly once, at the version that was told; nothing else stands there; every writer
 * heard of every winner before its own commit, in order; and the snapshots that the writers were given are those of a
 * fresh reader.
 */
type Lost = 'landed' | 'never' | 'later';

const WRITERS = ['a', 'b', 'c'] as const;
const COMMITS_EACH = 2;

/** Orders the calls of a writer's store by the scheduler, and lets some puts land after their answer got lost. */
function scheduled(
  store: ObjectStore,
  inner: ObjectStore,
  scheduler: fc.Scheduler,
  late: Set<number>,
): ObjectStore {
  let puts = 0;
  const turn = (what: string): Promise<void> => scheduler.schedule(Promise.resolve(), what);
  return {
    ...passing(store),
    get: async (key, options) => {
      await turn(`get ${key}`);
      const body = await store.get(key, options);
      await turn(`got ${key}`);
      return body;
    },
    putIfAbsent: async (key, body, options) => {
      await turn(`put ${key}`);
      if (late.has(puts++)) {
        void turn(`late put ${key}`).then(() => inner.putIfAbsent(key, body, options));
        throw new SluiceError('STORE_UNAVAILABLE', 'the answer got lost', { retry: 'ambiguous' });
      }
      const answer = await store.putIfAbsent(key, body, options);
      await turn(`put answered ${answer}`);
      return answer;
    },
  };
}

function passing(store: ObjectStore): ObjectStore {
  return {
    url: store.url,
    at: (prefix) => store.at(prefix),
    get: (key, options) => store.get(key, options),
    getRange: (key, start, end, options) => store.getRange(key, start, end, options),
    put: (key, body, options) => store.put(key, body, options),
    putIfAbsent: (key, body, options) => store.putIfAbsent(key, body, options),
    head: (key, options) => store.head(key, options),
    list: (prefix, options) => store.list(prefix, options),
    delete: (key, options) => store.delete(key, options),
  };
}

function faultsOf(lost: readonly Lost[]): { rules: readonly FaultRule[]; late: Set<number> } {
  const rules = lost.flatMap((how, i): FaultRule[] =>
    how === 'later'
      ? []
      : [
          {
            operation: 'putIfAbsent',
            nth: i * 2 + 1,
            fault: { kind: 'lost-answer', landed: how === 'landed' },
          },
        ],
  );
  return { rules, late: new Set(lost.flatMap((how, i) => (how === 'later' ? [i * 2] : []))) };
}

type Told = {
  readonly txnId: string;
  readonly version: number;
  readonly heard: readonly number[];
  readonly from: number;
};

async function writer(name: string, base: Snapshot, store: ObjectStore, world: CommitWorld): Promise<Told[]> {
  const told: Told[] = [];
  let snapshot = base;
  for (let i = 1; i <= COMMITS_EACH; i++) {
    const txnId = `${name}${i}`;
    const heard: number[] = [];
    const from = snapshot.version;
    const outcome = await commit(
      snapshot,
      store,
      request(from, {
        txnId,
        actions: () => [{ kind: 'txn', txn: { appId: name, version: BigInt(i) } }],
        conflict: ({ version }) => void heard.push(version),
      }),
      world,
    );
    if (outcome.kind === 'conflicted') throw new Error('no writer here conflicts');
    snapshot = outcome.snapshot;
    told.push({ txnId, version: outcome.version, heard, from });
  }
  return told;
}

const lostAnswers = fc.array(fc.constantFrom<Lost>('landed', 'never', 'later'), { maxLength: 3 });

describe('writers that race with lost answers', () => {
  test('lose no commit, double none, and hear of every winner', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.tuple(lostAnswers, lostAnswers, lostAnswers),
        async (scheduler, lost) => {
          const inner = memoryStore();
          const base = await createTable(inner);
          const world: CommitWorld = {
            nowMs: () => 1_700_000_000_000,
            sleep: () => scheduler.schedule(Promise.resolve(), 'pause'),
            random: () => 0.5,
          };
          const runs = WRITERS.map((name, i) => {
            const { rules, late } = faultsOf(lost[i] ?? []);
            return writer(name, base, scheduled(withFaults(inner, rules), inner, scheduler, late), world);
          });
          const told = (await scheduler.waitFor(Promise.all(runs))).flat();
          // What is still under way lands after everyone is done, and must find its place taken.
          await scheduler.waitAll();

          const latest = await loadSnapshot(inner, { signal: never });
          expect(latest?.version).toBe(WRITERS.length * COMMITS_EACH);
          for (const { txnId, version, heard, from } of told) {
            const stands = await mustReadCommit(inner, version, { signal: never });
            expect(stands.commitInfo?.['txnId']).toBe(txnId);
            expect(heard).toEqual(Array.from({ length: version - from - 1 }, (_, i) => from + 1 + i));
          }
          expect(new Set(told.map(({ version }) => version)).size).toBe(told.length);
          for (const name of WRITERS) expect(latest?.txn(name)).toBe(BigInt(COMMITS_EACH));
        },
      ),
      { numRuns: Number(process.env['FC_RUNS'] ?? 300) },
    );
  });
});
