import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { must, unreachable } from '../../src/base/errors.js';
import { never } from '../../src/base/signals.js';
import { rowsOf } from '../../src/columnar/cells.js';
import { append } from '../../src/operations/append.js';
import { readChanges } from '../../src/operations/change-feed.js';
import { KeySetBuilder } from '../../src/operations/merge/key-set.js';
import { locateRows } from '../../src/operations/merge/locate.js';
import { readRows } from '../../src/operations/merge/read-rows.js';
import { rebase, type RebaseState } from '../../src/operations/merge/rebase.js';
import type { RowPlaces } from '../../src/operations/merge/rows.js';
import { stageRowChanges, type MergeStrategy } from '../../src/operations/merge/stage.js';
import type { Action, AddFile } from '../../src/protocol/actions.js';
import { removalOf } from '../../src/protocol/file-actions.js';
import { RowSet } from '../../src/protocol/row-set.js';
import { LONG, STRING, field, struct } from '../../src/schema/build.js';
import { memoryStore } from '../../src/storage/memory.js';
import { writeDataFiles } from '../../src/table/data-files.js';
import { readDeletionVector, writeDeletionVectors } from '../../src/table/deletion-vectors.js';
import { readCommit } from '../../src/table/log.js';
import { scan } from '../../src/table/scan.js';
import { openSnapshot, type Snapshot } from '../../src/table/snapshot.js';
import { ID_V, commitActions, commitStaged, idV, liveRows, newTable, text } from './tables.js';

/** One thing to do with the row of a key; `bump` and `keep` depend on what stands there. */
type Step = { readonly kind: 'set' | 'drop' | 'bump' | 'keep'; readonly id: number };
type Rows = ReadonlyMap<number, string>;

/** What a row becomes: the naive model and the engine ask the same. */
function decide({ kind, id }: Step, standing: string | undefined, tag: string): string | undefined {
  switch (kind) {
    case 'set':
      return `${tag}${id}`;
    case 'drop':
      return undefined;
    case 'bump':
      return `${standing ?? ''}!`;
    case 'keep':
      return standing ?? `${tag}kept${id}`;
    default:
      return unreachable(kind);
  }
}

function applied(rows: Rows, steps: readonly Step[], tag: string): Rows {
  const next = new Map(rows);
  for (const step of steps) {
    const value = decide(step, rows.get(step.id), tag);
    if (value === undefined) next.delete(step.id);
    else next.set(step.id, value);
  }
  return next;
}

async function rowsIn(snapshot: Snapshot): Promise<Rows> {
  const rows = await liveRows(snapshot);
  const map = new Map(rows.map(([id, v]) => [Number(id), text(v)]));
  expect(map.size).toBe(rows.length);
  return map;
}

/** Plans and stages the steps on a snapshot, as a sink does with a batch. */
async function plan(
  snapshot: Snapshot,
  steps: readonly Step[],
  tag: string,
  strategy: MergeStrategy,
): Promise<RebaseState> {
  const keys = new KeySetBuilder([field('id', LONG)]);
  for (const { id } of steps) keys.add(String(id), [BigInt(id)]);
  const located = await locateRows(snapshot, { keyColumns: ['id'], keys, extra: ['v'], signal: never });
  const standing = new Map(located.key.map((key, i) => [Number(key), { i, v: text(located.extra[0]?.[i]) }]));
  const put: [number, string][] = [];
  const inserted: [number, string][] = [];
  const updated: number[] = [];
  const deleted: number[] = [];
  for (const step of steps) {
    const there = standing.get(step.id);
    const value = decide(step, there?.v, tag);
    if (value === there?.v) continue;
    if (there !== undefined) (value === undefined ? deleted : updated).push(there.i);
    if (value !== undefined && there === undefined) inserted.push([step.id, value]);
    else if (value !== undefined) put.push([step.id, value]);
  }
  const places = (rows: readonly number[]): RowPlaces => ({
    files: located.files,
    file: rows.map((i) => located.file[i] ?? -1),
    ordinal: rows.map((i) => located.ordinal[i] ?? -1),
  });
  const staged = await stageRowChanges({
    snapshot,
    removed: places([...updated, ...deleted]),
    inserted: idV(...put, ...inserted),
    changes: {
      before: await readRows(snapshot, places(updated), { signal: never }),
      after: idV(...put),
      deleted: await readRows(snapshot, places(deleted), { signal: never }),
      inserted: idV(...inserted),
    },
    counts: {
      source: steps.length,
      inserted: inserted.length,
      updated: updated.length,
      deleted: deleted.length,
    },
    strategy,
    signal: never,
  });
  const reads = { kind: 'keys', columns: ['id'], keys } as const;
  return { snapshot, staged, reads, located, appIds: new Set(['app']), domains: new Set(['mine']) };
}

/** Plans, and commits over whoever came first: by rebase where that is allowed, anew where it is not. */
async function merge(
  planned: RebaseState,
  steps: readonly Step[],
  tag: string,
  strategy: MergeStrategy,
): Promise<{ readonly snapshot: Snapshot; readonly conflicts: number }> {
  let state = planned;
  for (let conflicts = 0; ; conflicts++) {
    const outcome = await commitStaged(state.snapshot, state.staged, async (winner) => {
      const rebased = await rebase(state, winner, { signal: never });
      if (rebased.kind === 'conflict') return { conflict: rebased.why };
      ({ state } = rebased);
      return state.staged;
    });
    if (outcome.kind === 'committed') return { snapshot: outcome.snapshot, conflicts };
    state = await plan(await openSnapshot(state.snapshot.store, { signal: never }), steps, tag, strategy);
  }
}

/** Moves all rows of a file to a new one, as OPTIMIZE does. */
async function compact(snapshot: Snapshot, file: AddFile): Promise<Snapshot> {
  const adds: AddFile[] = [];
  for await (const rows of scan(snapshot, { files: [file], signal: never })) {
    const { layout, store } = snapshot;
    adds.push(...(await writeDataFiles(store, rows, { layout, signal: never, dataChange: false })));
  }
  return commitActions(snapshot, 'OPTIMIZE', (nowMs) => [
    { kind: 'remove', remove: removalOf(file, { deletionTimestamp: nowMs, dataChange: false }) },
    ...adds.map((add): Action => ({ kind: 'add', add })),
  ]);
}

/** Takes the deletion vector of a file back, as RESTORE does; only rows whose keys do not live elsewhere. */
async function revive(snapshot: Snapshot, file: AddFile): Promise<Snapshot> {
  const { deletionVector, ...bare } = file;
  if (deletionVector === undefined) return snapshot;
  const live = await rowsIn(snapshot);
  const dead = await readDeletionVector(snapshot.store, deletionVector, { signal: never });
  const kept: number[] = [];
  let ordinal = 0;
  for await (const rows of scan(snapshot, { files: [bare], signal: never })) {
    for (const [id] of rowsOf(rows, ID_V)) {
      if (dead.has(ordinal) && live.has(Number(id))) kept.push(ordinal);
      ordinal++;
    }
  }
  if (kept.length === dead.size) return snapshot;
  const [vector] = await writeDeletionVectors(snapshot.store, kept.length === 0 ? [] : [RowSet.from(kept)], {
    signal: never,
  });
  const add: AddFile = vector === undefined ? bare : { ...bare, deletionVector: vector };
  return commitActions(snapshot, 'RESTORE', (nowMs) => [
    { kind: 'remove', remove: removalOf(file, { deletionTimestamp: nowMs }) },
    { kind: 'add', add },
  ]);
}

/** Replays the feed from the first version on: every row that goes must be there, and the sum is the table. */
async function expectFeedAddsUp(snapshot: Snapshot): Promise<void> {
  const columns = struct([...ID_V.fields, field('_change_type', STRING)]);
  const sum = new Map<string, number>();
  for await (const batch of readChanges(snapshot.store, { from: 0, signal: never })) {
    for (const [id, v, type] of rowsOf(batch, columns)) {
      const row = `${text(id)}=${text(v)}`;
      const step = type === 'insert' || type === 'update_postimage' ? 1 : -1;
      sum.set(row, (sum.get(row) ?? 0) + step);
    }
  }
  const table = [...(await rowsIn(snapshot))].map(([id, v]): [string, number] => [`${id}=${v}`, 1]);
  const fed = [...sum].filter(([, count]) => count !== 0);
  expect(new Map(fed)).toEqual(new Map(table));
}

const IDS = 8;
const stepsArbitrary = fc.uniqueArray(
  fc.record({
    kind: fc.constantFrom<Step['kind']>('set', 'drop', 'bump', 'keep'),
    id: fc.integer({ min: 0, max: IDS - 1 }),
  }),
  { selector: ({ id }) => id, minLength: 1, maxLength: 3 },
);

type Rival =
  | { readonly kind: 'merge'; readonly steps: readonly Step[]; readonly strategy: MergeStrategy }
  | { readonly kind: 'compact' | 'revive'; readonly file: number };

const strategyArbitrary = fc.constantFrom<MergeStrategy>('merge-on-read', 'merge-on-read', 'copy-on-write');
const rivalArbitrary: fc.Arbitrary<Rival> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('merge'), steps: stepsArbitrary, strategy: strategyArbitrary }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('compact', 'revive'), file: fc.nat() }) },
);

async function rivalCommit(snapshot: Snapshot, rival: Rival, tag: string): Promise<Snapshot> {
  if (rival.kind === 'merge') {
    const { steps, strategy } = rival;
    return (await merge(await plan(snapshot, steps, tag, strategy), steps, tag, strategy)).snapshot;
  }
  const files = [...snapshot.files];
  const marked = rival.kind === 'revive' ? files.filter((file) => file.deletionVector !== undefined) : files;
  const file = marked[rival.file % Math.max(1, marked.length)];
  if (file === undefined) return snapshot;
  return rival.kind === 'compact' ? compact(snapshot, file) : revive(snapshot, file);
}

async function startTable(): Promise<Snapshot> {
  let snapshot = await newTable(memoryStore());
  for (const rows of [idV([0, 'a'], [1, 'b'], [2, 'c']), idV([3, 'd'], [4, 'e'])]) {
    ({ snapshot } = await append(snapshot, [rows], { signal: never }));
  }
  return snapshot;
}

describe('rebase', () => {
  test('R25, R28: whatever others commit first, the table is as if we had come after them, and the feed adds up', async () => {
    let rebased = 0;
    let replanned = 0;
    await fc.assert(
      fc.asyncProperty(
        stepsArbitrary,
        stepsArbitrary,
        fc.array(rivalArbitrary, { minLength: 1, maxLength: 3 }),
        strategyArbitrary,
        async (before, ours, rivals, strategy) => {
          const start = await startTable();
          const base = (
            await merge(await plan(start, before, 'z', 'merge-on-read'), before, 'z', 'merge-on-read')
          ).snapshot;
          const planned = await plan(base, ours, 'ours', strategy);
          let winner = base;
          for (const [i, rival] of rivals.entries()) winner = await rivalCommit(winner, rival, `rival${i}-`);
          const expected = applied(await rowsIn(winner), ours, 'ours');
          const { snapshot, conflicts } = await merge(planned, ours, 'ours', strategy);
          if (conflicts > 0) replanned++;
          else if (winner !== base) rebased++;
          expect(await rowsIn(snapshot)).toEqual(expected);
          expect(await rowsIn(await openSnapshot(snapshot.store, { signal: never }))).toEqual(
            await rowsIn(snapshot),
          );
          await expectFeedAddsUp(snapshot);
        },
      ),
      { numRuns: process.env['CI'] === 'true' ? 400 : 60 },
    );
    // Both roads are taken, or the law says nothing.
    expect(rebased).toBeGreaterThan(5);
    expect(replanned).toBeGreaterThan(5);
  }, 180_000);

  /** Plans our steps, lets others commit, then tries to carry our change over all of it. */
  async function over(
    ours: readonly Step[],
    others: (snapshot: Snapshot) => Promise<Snapshot>,
    prepared: (snapshot: Snapshot) => Promise<Snapshot> = (snapshot) => Promise.resolve(snapshot),
  ): Promise<{ readonly kind: 'rebased' | 'conflict'; readonly why: string; readonly snapshot: Snapshot }> {
    const base = await prepared(await startTable());
    let state = await plan(base, ours, 'ours', 'merge-on-read');
    const latest = await others(base);
    for (let version = base.version + 1; version <= latest.version; version++) {
      const winner = must(await readCommit(base.store, version, { signal: never }), 'winner');
      const rebased = await rebase(state, winner, { signal: never });
      if (rebased.kind === 'conflict') return { kind: 'conflict', why: rebased.why, snapshot: latest };
      ({ state } = rebased);
    }
    const { snapshot } = await merge(state, ours, 'ours', 'merge-on-read');
    return { kind: 'rebased', why: '', snapshot };
  }

  const doing =
    (...steps: readonly Step[]) =>
    async (snapshot: Snapshot): Promise<Snapshot> =>
      (await merge(await plan(snapshot, steps, 'rival', 'merge-on-read'), steps, 'rival', 'merge-on-read'))
        .snapshot;

  test('R25: deletion vectors of one file are united, and the remove names the winner’s', async () => {
    const { kind, snapshot } = await over([{ kind: 'drop', id: 0 }], doing({ kind: 'drop', id: 1 }));
    expect(kind).toBe('rebased');
    expect(new Set((await rowsIn(snapshot)).keys())).toEqual(new Set([2, 3, 4]));
    const { store, version } = snapshot;
    const actions = (await readCommit(store, version, { signal: never }))?.actions ?? [];
    const before = await openSnapshot(store, { version: version - 1, signal: never });
    const remove = must(actions.find((action) => action.kind === 'remove')?.remove, 'a remove');
    expect(remove.deletionVector).toEqual(
      [...before.files].find(({ path }) => path === remove.path)?.deletionVector,
    );
    expect(remove.deletionVector).toBeDefined();
  });

  test('R25: two changes that together leave no row remove the file', async () => {
    const { kind, snapshot } = await over([{ kind: 'drop', id: 3 }], doing({ kind: 'drop', id: 4 }));
    expect(kind).toBe('rebased');
    expect(snapshot.files.size).toBe(1);
  });

  test('R25: rows that the winner brought back are not deleted again', async () => {
    const back = async (snapshot: Snapshot): Promise<Snapshot> => {
      const marked = must(
        [...snapshot.files].find((file) => file.deletionVector !== undefined),
        'a marked file',
      );
      return revive(snapshot, marked);
    };
    const { kind, why } = await over([{ kind: 'drop', id: 0 }], back, doing({ kind: 'drop', id: 1 }));
    expect(kind).toBe('conflict');
    expect(why).toContain('back');
  });

  test('R25: a row that the winner deleted too is a conflict', async () => {
    expect((await over([{ kind: 'drop', id: 0 }], doing({ kind: 'drop', id: 0 }))).kind).toBe('conflict');
  });

  test('R28: an insert that a winner turned into an update is planned anew', async () => {
    const { kind, why } = await over([{ kind: 'set', id: 7 }], doing({ kind: 'set', id: 7 }));
    expect(kind).toBe('conflict');
    expect(why).toContain('our keys');
  });

  test('a row that was looked at and left alone is read all the same', async () => {
    expect((await over([{ kind: 'keep', id: 0 }], doing({ kind: 'drop', id: 0 }))).kind).toBe('conflict');
  });

  test('a file of ours that was compacted away is a conflict, another one is not', async () => {
    const compactHolder = (index: number) => async (snapshot: Snapshot) =>
      compact(snapshot, must([...snapshot.files][index], 'a file'));
    expect((await over([{ kind: 'drop', id: 0 }], compactHolder(0))).kind).toBe('conflict');
    expect((await over([{ kind: 'drop', id: 0 }], compactHolder(1))).kind).toBe('rebased');
  });

  test('metadata, protocol, our application ids and our domains bar a rebase; those of others do not', async () => {
    const actions = async (snapshot: Snapshot, kind: string): Promise<Action> => {
      const { protocol, metadata } = snapshot.state;
      switch (kind) {
        case 'metaData':
          return { kind, metaData: metadata };
        case 'protocol':
          return { kind, protocol };
        case 'our txn':
          return { kind: 'txn', txn: { appId: 'app', version: 5n } };
        case 'other txn':
          return { kind: 'txn', txn: { appId: 'other', version: 5n } };
        case 'our domain':
          return {
            kind: 'domainMetadata',
            domainMetadata: { domain: 'mine', configuration: '', removed: false },
          };
        default:
          return {
            kind: 'domainMetadata',
            domainMetadata: { domain: 'theirs', configuration: '', removed: false },
          };
      }
    };
    const outcomes = new Map<string, string>();
    for (const kind of ['metaData', 'protocol', 'our txn', 'other txn', 'our domain', 'other domain']) {
      const { kind: outcome } = await over([{ kind: 'set', id: 0 }], async (snapshot) => {
        const action = await actions(snapshot, kind);
        return commitActions(snapshot, 'WRITE', () => [action]);
      });
      outcomes.set(kind, outcome);
    }
    expect(Object.fromEntries(outcomes)).toEqual({
      metaData: 'conflict',
      protocol: 'conflict',
      'our txn': 'conflict',
      'other txn': 'rebased',
      'our domain': 'conflict',
      'other domain': 'rebased',
    });
  });
});
