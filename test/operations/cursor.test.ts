import { describe, expect, test } from 'vitest';
import { never } from '../../src/base/signals.js';
import { Cursor } from '../../src/operations/feed/cursor.js';
import { cursorsPassedBy, deleteCursor, listCursors } from '../../src/operations/feed/cursors.js';
import { withFaults, type FaultRule } from '../../src/storage/faults.js';
import { memoryStore } from '../../src/storage/memory.js';
import type { ObjectStore } from '../../src/storage/object-store.js';

const tableId = 'the table';

async function keys(store: ObjectStore): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { key } of store.list('', { signal: never })) found.push(key);
  return found;
}

const open = (store: ObjectStore, name = 'indexer') => Cursor.open(store, name, never);

describe('Cursor', () => {
  test('is what was saved last, in one readable file and its newest claim', async () => {
    const store = memoryStore();
    const cursor = await open(store);
    expect(cursor.state).toBeUndefined();
    for (const nextVersion of [1, 2, 7]) await cursor.save({ nextVersion, tableId }, never);
    expect((await open(store)).state).toMatchObject({ name: 'indexer', nextVersion: 7, tableId });
    expect(await keys(store)).toEqual(['indexer.json', 'indexer/0000000000000003.json']);
    const text = new TextDecoder().decode(await store.get('indexer.json', { signal: never }));
    expect(JSON.parse(text)).toMatchObject({ name: 'indexer', nextVersion: 7, generation: 3 });
  });

  test('of two subscribers under one name the one who saves second is told', async () => {
    const store = memoryStore();
    for (const before of [0, 3]) {
      const [first, second] = [await open(store), await open(store)];
      await first.save({ nextVersion: before + 1, tableId }, never);
      const late = second.save({ nextVersion: before + 2, tableId }, never);
      await expect(late).rejects.toMatchObject({ code: 'CURSOR_CONFLICT' });
      await first.save({ nextVersion: before + 3, tableId }, never);
      expect((await open(store)).state?.nextVersion).toBe(before + 3);
    }
  });

  test('one who was paused through many saves of another is told at its first', async () => {
    const store = memoryStore();
    const [paused, unsaved] = [await open(store), await open(store)];
    await paused.save({ nextVersion: 1, tableId }, never);
    const other = await open(store);
    for (let nextVersion = 2; nextVersion < 9; nextVersion++)
      await other.save({ nextVersion, tableId }, never);
    // The number that each takes next was given away, and its claim is long removed.
    for (const one of [paused, unsaved]) {
      const late = one.save({ nextVersion: 2, tableId }, never);
      await expect(late).rejects.toMatchObject({ code: 'CURSOR_CONFLICT' });
      await expect(late).rejects.toThrow(/another subscriber/);
    }
    expect((await open(store)).state?.nextVersion).toBe(8);
    await other.save({ nextVersion: 9, tableId }, never);
    expect((await open(store)).state?.nextVersion).toBe(9);
  });

  const FAULTS: readonly (readonly [string, FaultRule])[] = [
    ['the claim is lost', { operation: 'putIfAbsent', fault: { kind: 'lost-answer', landed: false } }],
    [
      'the claim’s answer is lost',
      { operation: 'putIfAbsent', fault: { kind: 'lost-answer', landed: true } },
    ],
    ['the claim fails', { operation: 'putIfAbsent', fault: { kind: 'fails', code: 'STORE_UNAVAILABLE' } }],
    [
      'the look at the claims fails',
      { operation: 'list', nth: 2, fault: { kind: 'fails', code: 'STORE_UNAVAILABLE' } },
    ],
    ['the file fails', { operation: 'put', fault: { kind: 'fails', code: 'STORE_UNAVAILABLE' } }],
    [
      'the removal of the old claim fails',
      { operation: 'delete', fault: { kind: 'fails', code: 'STORE_UNAVAILABLE' } },
    ],
  ];
  test.each(FAULTS)(
    'a save of which %s can be tried again, and whoever comes after a crash finds one of the two places',
    async (_, rule) => {
      const inner = memoryStore();
      await (await open(inner)).save({ nextVersion: 1, tableId }, never);
      const cursor = await open(withFaults(inner, [rule]));
      const failed = await cursor.save({ nextVersion: 2, tableId }, never).then(
        () => false,
        () => true,
      );
      const after = (await open(inner)).state?.nextVersion;
      expect(failed ? [1, 2] : [2]).toContain(after);
      await cursor.save({ nextVersion: 2, tableId }, never);
      await cursor.save({ nextVersion: 3, tableId }, never);
      expect((await open(inner)).state?.nextVersion).toBe(3);
    },
  );

  test('goes on from a file that was put there by hand', async () => {
    const store = memoryStore();
    const record = {
      name: 'indexer',
      nextVersion: 41,
      tableId,
      updatedAt: '2026-01-31T00:00:00.000Z',
      generation: 12,
      subscription: 'copied',
    };
    await store.put('indexer.json', new TextEncoder().encode(JSON.stringify(record)), { signal: never });
    const cursor = await open(store);
    expect(cursor.state?.nextVersion).toBe(41);
    await cursor.save({ nextVersion: 42, tableId }, never);
    expect((await open(store)).state?.nextVersion).toBe(42);
  });

  test('refuses what is no cursor, and names that no file could have', async () => {
    const store = memoryStore();
    for (const text of ['', '{', '[]', '{"name":"indexer","nextVersion":-1}']) {
      await store.put('indexer.json', new TextEncoder().encode(text), { signal: never });
      await expect(open(store)).rejects.toMatchObject({ code: 'CURSOR_INVALID' });
    }
    for (const name of ['', '../up', 'a/b', '.hidden', 'a.json', 'ä', 'x'.repeat(101)]) {
      await expect(open(store, name)).rejects.toMatchObject({ code: 'USAGE' });
    }
  });
});

describe('the cursors of a table', () => {
  test('are listed by name, deleted, and known to who cleans up', async () => {
    const table = memoryStore();
    const folder = table.at('_sluice/cursors');
    expect(await listCursors(table)).toEqual([]);
    for (const [name, nextVersion] of [
      ['b', 4],
      ['a', 9],
      ['c.d', 5],
    ] as const) {
      await (await open(folder, name)).save({ nextVersion, tableId }, never);
    }
    expect((await listCursors(table)).map(({ name, nextVersion }) => [name, nextVersion])).toEqual([
      ['a', 9],
      ['b', 4],
      ['c.d', 5],
    ]);
    const passed = async (through: number) =>
      (await cursorsPassedBy(table, { through })).map(({ name }) => name);
    expect(await passed(3)).toEqual([]);
    expect(await passed(4)).toEqual(['b']);
    expect(await passed(8)).toEqual(['b', 'c.d']);
    expect(await deleteCursor(table, 'b')).toBe(true);
    expect(await deleteCursor(table, 'b')).toBe(false);
    expect((await listCursors(table)).map(({ name }) => name)).toEqual(['a', 'c.d']);
    expect((await keys(folder)).filter((key) => key.startsWith('b'))).toEqual([]);
  });

  test('a subscriber whose cursor was deleted is told, and does not bring it back', async () => {
    const table = memoryStore();
    const folder = table.at('_sluice/cursors');
    const cursor = await open(folder);
    await cursor.save({ nextVersion: 3, tableId }, never);
    await deleteCursor(table, 'indexer');
    const late = cursor.save({ nextVersion: 4, tableId }, never);
    await expect(late).rejects.toMatchObject({ code: 'CURSOR_CONFLICT' });
    expect(await listCursors(table)).toEqual([]);
  });

  test('may be kept in another store', async () => {
    const [table, elsewhere] = [memoryStore(), memoryStore()];
    await (await open(elsewhere)).save({ nextVersion: 3, tableId }, never);
    expect(await listCursors(table)).toEqual([]);
    expect((await listCursors(table, { cursorStore: elsewhere })).length).toBe(1);
    expect(await deleteCursor(table, 'indexer', { cursorStore: elsewhere })).toBe(true);
  });
});
