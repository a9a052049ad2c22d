import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { must } from '../../src/base/errors.js';
import { never } from '../../src/base/signals.js';
import { rowsOf } from '../../src/columnar/cells.js';
import { readChanges } from '../../src/operations/change-feed.js';
import { CHANGE_TYPE, COMMIT_TIMESTAMP, COMMIT_VERSION } from '../../src/operations/change-types.js';
import { followChanges, type FeedStep } from '../../src/operations/feed/follow.js';
import { struct } from '../../src/schema/build.js';
import { memoryStore } from '../../src/storage/memory.js';
import type { ObjectStore } from '../../src/storage/object-store.js';
import { deed, perform, rowsAt, type Deed } from './histories.js';
import { ID_V, newTable, text } from './tables.js';

const COLUMNS = struct([...ID_V.fields, CHANGE_TYPE, COMMIT_VERSION, COMMIT_TIMESTAMP]);

type Change = { readonly version: number; readonly type: string; readonly row: string; readonly at: string };

async function changes(store: ObjectStore, from: number, to: number): Promise<readonly Change[]> {
  const found: Change[] = [];
  for await (const batch of readChanges(store, { from, to, signal: never })) {
    for (const [id, v, type, version, at] of rowsOf(batch, COLUMNS)) {
      found.push({ version: Number(version), type: text(type), row: `${text(id)}=${text(v)}`, at: text(at) });
    }
  }
  return found;
}

/** The rows that the changes leave, from none: each delete takes out one row that is there. */
function summed(all: readonly Change[], version: number): readonly string[] {
  const rows: string[] = [];
  for (const { type, row } of all.filter((one) => one.version <= version)) {
    if (type === 'insert' || type === 'update_postimage') rows.push(row);
    else {
      const at = rows.indexOf(row);
      if (at < 0) throw new Error(`${type} of ${row}, which is not there`);
      rows.splice(at, 1);
    }
  }
  return rows.sort();
}

const history = fc.array(deed, { minLength: 1, maxLength: 9 });

async function tableOf(deeds: readonly Deed[]): Promise<ReturnType<typeof perform>> {
  let snapshot = await newTable(memoryStore());
  for (const one of deeds) snapshot = await perform(snapshot, one);
  return snapshot;
}

describe('the change feed of any history', () => {
  test('adds up to the table at every version', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (deeds) => {
        const snapshot = await tableOf(deeds);
        const all = await changes(snapshot.store, 0, snapshot.version);
        for (let version = 0; version <= snapshot.version; version++) {
          expect(summed(all, version)).toEqual(await rowsAt(snapshot, version));
        }
      }),
      { numRuns: 25 },
    );
  });

  test('is the same whole, in two ranges and version by version', async () => {
    await fc.assert(
      fc.asyncProperty(history, fc.double({ min: 0, max: 1, noNaN: true }), async (deeds, share) => {
        const { store, version: last } = await tableOf(deeds);
        const all = await changes(store, 0, last);
        const cut = Math.floor(share * last);
        const first = await changes(store, 0, cut);
        const second = cut < last ? await changes(store, cut + 1, last) : [];
        expect([...first, ...second]).toEqual(all);
        const single: Change[] = [];
        for (let version = 0; version <= last; version++) {
          single.push(...(await changes(store, version, version)));
        }
        expect(single).toEqual(all);
      }),
      { numRuns: 15 },
    );
  });

  test('is the same followed, and the last batch of each version says so', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (deeds) => {
        const { store, version: last } = await tableOf(deeds);
        const steps: FeedStep[] = [];
        for await (const step of followChanges(store, { from: 0, signal: never })) steps.push(step);
        expect(steps.at(-1)?.kind).toBe('caught-up');
        const versions: number[] = [];
        const rows: Change[] = [];
        let open: number | undefined;
        for (const step of steps.slice(0, -1)) {
          if (step.kind === 'caught-up') throw new Error('caught up twice');
          if (open !== undefined) expect(step.version).toBe(open);
          open = step.kind === 'rows' && !step.last ? step.version : undefined;
          if (versions.at(-1) !== step.version) versions.push(step.version);
          if (step.kind !== 'rows') continue;
          expect(step.rows.numRows).toBeGreaterThan(0);
          for (const [id, v, type, version, at] of rowsOf(step.rows, COLUMNS)) {
            rows.push({
              version: Number(version),
              type: text(type),
              row: `${text(id)}=${text(v)}`,
              at: text(at),
            });
          }
        }
        expect(open).toBeUndefined();
        expect(versions).toEqual(Array.from({ length: last + 1 }, (_, version) => version));
        expect(rows).toEqual(await changes(store, 0, last));
      }),
      { numRuns: 15 },
    );
  });

  test('of a RESTORE takes back what came since, and moved rows are none', async () => {
    let snapshot = await tableOf([
      { kind: 'append', ids: [1, 2] },
      { kind: 'delete', ids: [1] },
      { kind: 'merge', put: [2, 3], drop: [] },
      { kind: 'optimize' },
      { kind: 'restore', share: 0.25 },
    ]);
    const told = async (version: number) =>
      (await changes(snapshot.store, version, version)).map(({ type, row }) => `${type} ${row}`).sort();
    expect(await told(4)).toEqual([]);
    expect(await told(5)).toEqual(['delete 2=v3', 'delete 3=v3', 'insert 1=v1', 'insert 2=v1']);
    // Back to where only the deletion vector of a file differs: row by row, not file by file.
    snapshot = await perform(snapshot, { kind: 'delete', ids: [2] });
    snapshot = await perform(snapshot, { kind: 'restore', share: 5 / 6 });
    expect(await told(must(snapshot, 'a snapshot').version)).toEqual(['insert 2=v1']);
  });
});
