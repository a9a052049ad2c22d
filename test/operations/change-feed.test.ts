import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isSluiceError } from '../../src/base/errors.js';
import { never } from '../../src/base/signals.js';
import { compareUtf8 } from '../../src/base/utf8-order.js';
import { rowsOf } from '../../src/columnar/cells.js';
import { readChanges } from '../../src/operations/change-feed.js';
import { CHANGE_TYPE, COMMIT_TIMESTAMP, COMMIT_VERSION } from '../../src/operations/change-types.js';
import { append } from '../../src/operations/append.js';
import { removalOf } from '../../src/protocol/file-actions.js';
import { canonicalRow } from '../../src/schema/canonical.js';
import { LONG, STRING, field, struct } from '../../src/schema/build.js';
import { localStore } from '../../src/storage/local.js';
import { memoryStore } from '../../src/storage/memory.js';
import { openSnapshot } from '../../src/table/snapshot.js';
import { alterTableActions } from '../../src/operations/alter.js';
import { commitActions, idV, newTable, rowsTable } from './tables.js';

type Feed = {
  readonly start: number;
  readonly end: number;
  readonly file?: string;
  readonly error?: { readonly reason: string };
  readonly commitTimestamps?: Readonly<Record<string, number>>;
};

/**
 * The feed of a range in the canonical form, sorted; a second time with null for the columns that the table has got
 * since, as Spark's batch reader gives it.
 */
async function feedTexts(url: string, from: number, to: number): Promise<readonly string[]> {
  const store = localStore(url);
  const end = (await openSnapshot(store, { signal: never, version: to })).schema.fields;
  const latest = (await openSnapshot(store, { signal: never })).schema.fields;
  const since = latest.slice(end.length);
  const row = struct([...end, CHANGE_TYPE, COMMIT_VERSION]);
  const padded = struct([...end, ...since, CHANGE_TYPE, COMMIT_VERSION]);
  const lines: [string[], string[]] = [[], []];
  for await (const batch of readChanges(store, { from, to, signal: never })) {
    for (const values of rowsOf(batch, row)) {
      lines[0].push(`${canonicalRow(row, values)}\n`);
      lines[1].push(`${canonicalRow(padded, values.toSpliced(end.length, 0, ...since.map(() => null)))}\n`);
    }
  }
  return lines.map((one) => one.sort(compareUtf8).join(''));
}

function feedsOf(table: string): readonly Feed[] {
  return JSON.parse(readFileSync(join(table, 'expected', 'feeds.json'), 'utf8')).feeds;
}

/** What is wrong with a feed of a recorded table; undefined if nothing is. */
async function misreadFeed(table: string, feed: Feed): Promise<string | undefined> {
  const range = `${table} ${feed.start}..${feed.end}`;
  try {
    const found = await feedTexts(join(table, 'delta'), feed.start, feed.end);
    if (feed.error !== undefined) return `${range} is not refused: ${feed.error.reason}`;
    const expected = readFileSync(join(table, 'expected', feed.file ?? ''), 'utf8');
    if (found.includes(expected)) return undefined;
    return `${range}\n--- expected\n${expected}--- found\n${found[0]}`;
  } catch (cause) {
    const refused = ['FEED_UNAVAILABLE', 'SCHEMA_CHANGED', 'VERSION_NOT_FOUND', 'USAGE'];
    if (feed.error !== undefined && isSluiceError(cause) && refused.includes(cause.code)) return undefined;
    return `${range}: ${String(cause)}`;
  }
}

const COPIED = join(import.meta.dirname, '..', 'fixtures', 'spark');
/** The whole corpora, of which the project holds two tables only. */
const FIXTURES = process.env['SLUICE_FIXTURES'] ?? join(process.cwd(), '..', 'shared', 'fixtures');
const CORPORA = ['spark', 'golden/kernel-rs-data', 'golden/delta-rs', 'golden/delta-golden'];

describe('readChanges', () => {
  test.each(['cdf-all-operations', 'cdf-enabled-late'])(
    'reads the feeds of %s as Spark does',
    async (name) => {
      const table = join(COPIED, name);
      const feeds = feedsOf(table);
      expect(feeds.length).toBeGreaterThanOrEqual(10);
      for (const feed of feeds) expect(await misreadFeed(table, feed)).toBeUndefined();
    },
  );

  test.runIf(existsSync(FIXTURES))('reads the feeds of the conformance corpora', async () => {
    const wrong: string[] = [];
    for (const corpus of CORPORA) {
      for (const name of readdirSync(join(FIXTURES, corpus))) {
        const table = join(FIXTURES, corpus, name);
        if (!existsSync(join(table, 'expected', 'feeds.json')) || !existsSync(join(table, 'delta'))) continue;
        for (const feed of feedsOf(table)) {
          const why = await misreadFeed(table, feed);
          if (why !== undefined) wrong.push(why);
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  test.runIf(existsSync(FIXTURES))('commit times are the in-commit timestamps on record', async () => {
    let compared = 0;
    for (const name of ['spark/in-commit-timestamps', 'golden/delta-rs/cdc_ict_table']) {
      const table = join(FIXTURES, name);
      const store = localStore(join(table, 'delta'));
      for (const { start, end, commitTimestamps } of feedsOf(table)) {
        for await (const batch of readChanges(store, { from: start, to: end, signal: never })) {
          for (const [version, at] of rowsOf(batch, struct([COMMIT_VERSION, COMMIT_TIMESTAMP]))) {
            const expected = commitTimestamps?.[String(version)];
            if (expected === undefined) continue;
            expect([name, version, at]).toEqual([name, version, BigInt(expected) * 1000n]);
            compared++;
          }
        }
      }
    }
    expect(compared).toBeGreaterThan(0);
  });

  test('a range with the feed off anywhere is refused before the first batch', async () => {
    const table = localStore(join(COPIED, 'cdf-enabled-late', 'delta'));
    const batches = readChanges(table, { from: 1, to: 6, signal: never });
    await expect(batches.next()).rejects.toMatchObject({ code: 'FEED_UNAVAILABLE', context: { version: 1 } });
    const later = readChanges(table, { from: 7, signal: never });
    await expect(later.next()).rejects.toMatchObject({ code: 'VERSION_NOT_FOUND' });
    const backwards = readChanges(table, { from: 5, to: 4, signal: never });
    await expect(backwards.next()).rejects.toMatchObject({ code: 'USAGE' });
  });

  test('rows carry their commit’s version and time, under the schema at the end of the range', async () => {
    const store = memoryStore();
    let snapshot = await newTable(store);
    ({ snapshot } = await append(snapshot, [idV([1, 'a'])], { signal: never }));
    const first = snapshot;
    const schema = struct([...snapshot.schema.fields, field('extra', LONG)]);
    const altered = alterTableActions(snapshot, { schema });
    snapshot = await commitActions(snapshot, 'ADD COLUMNS', () => altered.actions);
    const rows = rowsTable(schema, [[2n, 'b', 7n]]);
    ({ snapshot } = await append(snapshot, [rows], { signal: never }));
    const found: unknown[] = [];
    for await (const batch of readChanges(store, { from: 0, signal: never })) {
      const columns = struct([...schema.fields, CHANGE_TYPE, COMMIT_VERSION, COMMIT_TIMESTAMP]);
      expect(batch.schema.fields.map(({ name }) => name)).toEqual(columns.fields.map(({ name }) => name));
      found.push(...rowsOf(batch, columns));
    }
    const [old, young] = found;
    expect(old).toEqual([1n, 'a', null, 'insert', 1n, expect.any(BigInt)]);
    expect(young).toEqual([2n, 'b', 7n, 'insert', 3n, expect.any(BigInt)]);
    expect(first.version).toBe(1);
  });

  test('rows that a compaction moved are no changes, and a MERGE of nothing is none', async () => {
    const store = memoryStore();
    let snapshot = await newTable(store);
    ({ snapshot } = await append(snapshot, [idV([1, 'a'])], { signal: never }));
    const [file] = snapshot.files;
    if (file === undefined) throw new Error('no file');
    snapshot = await commitActions(snapshot, 'OPTIMIZE', (nowMs) => [
      { kind: 'remove', remove: removalOf(file, { deletionTimestamp: nowMs, dataChange: false }) },
      { kind: 'add', add: { ...file, path: 'moved.parquet', dataChange: false } },
    ]);
    const batches: unknown[] = [];
    for await (const batch of readChanges(store, { from: 2, signal: never })) batches.push(batch);
    expect(batches).toEqual([]);
  });

  test('deletes are derived before inserts, partition values from the log', async () => {
    const schema = struct([field('id', LONG), field('part', STRING)]);
    const store = memoryStore();
    let snapshot = await newTable(store, { schema, partitionBy: ['part'] });
    const rows = rowsTable(schema, [[1n, 'x']]);
    ({ snapshot } = await append(snapshot, [rows], { signal: never }));
    const [old] = snapshot.files;
    if (old === undefined) throw new Error('no file');
    const other = memoryStore();
    const copy = await newTable(other, { schema, partitionBy: ['part'] });
    const moved = rowsTable(schema, [[1n, 'y']]);
    const [fresh] = (await append(copy, [moved], { signal: never })).snapshot.files;
    if (fresh === undefined) throw new Error('no file');
    const body = await other.get(fresh.path, { signal: never });
    await store.put(fresh.path, body ?? new Uint8Array(), { signal: never });
    snapshot = await commitActions(snapshot, 'WRITE', (nowMs) => [
      { kind: 'add', add: fresh },
      { kind: 'remove', remove: removalOf(old, { deletionTimestamp: nowMs }) },
    ]);
    const found: unknown[] = [];
    for await (const batch of readChanges(store, { from: 2, signal: never })) {
      found.push(...rowsOf(batch, struct([...schema.fields, CHANGE_TYPE])));
    }
    expect(found).toEqual([
      [1n, 'x', 'delete'],
      [1n, 'y', 'insert'],
    ]);
  });
});
