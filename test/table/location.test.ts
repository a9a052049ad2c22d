import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { must } from '../../src/base/errors.js';
import { never } from '../../src/base/signals.js';
import { encodePath } from '../../src/protocol/path.js';
import { localStore } from '../../src/storage/local.js';
import { memoryStore } from '../../src/storage/memory.js';
import { locateFile, locateSidecar } from '../../src/table/location.js';
import { openSnapshot } from '../../src/table/snapshot.js';
import { appendRows, createTable, mustCommit, scanRows } from './tables.js';

describe('a path of the log', () => {
  test('names a key below the table, escapes decoded once', () => {
    const store = memoryStore('t');
    expect(locateFile(store, 'p=a%2520b/x%20y.parquet')).toEqual({ store, key: 'p=a%20b/x y.parquet' });
    expect(locateFile(store, 'memory://t/p=1/x.parquet').key).toBe('p=1/x.parquet');
    expect(() => locateFile(store, '../x.parquet')).toThrow(expect.objectContaining({ code: 'CORRUPT_LOG' }));
  });

  test('that is absolute is found in whatever folder it names, percent signs and blanks in it included', async () => {
    const root = mkdtempSync(join(tmpdir(), 'sluice-location-'));
    try {
      for (const name of ['plain', 'two words', '100%', 'a%20b', '#1', 'é']) {
        const folder = join(root, name);
        mkdirSync(folder);
        writeFileSync(join(folder, 'x.bin'), name);
        const url = `${pathToFileURL(folder).href}/x.bin`;
        for (const table of [localStore(folder), localStore(join(root, 'elsewhere'))]) {
          const { store, key } = locateFile(table, url);
          const body = must(await store.get(key, { signal: never }), url);
          expect(new TextDecoder().decode(body)).toBe(name);
        }
      }
    } finally {
      rmSync(root, { recursive: true });
    }
  });

  test('of a sidecar is a bare name in the folder of sidecars', () => {
    const store = memoryStore();
    expect(locateSidecar(store, 'a.parquet').key).toBe('_delta_log/_sidecars/a.parquet');
    expect(locateSidecar(store, '_delta_log/_sidecars/a.parquet').key).toBe('_delta_log/_sidecars/a.parquet');
  });

  test('that is absolute lets a table read the files of another, as a shallow clone does', async () => {
    const original = await appendRows(await createTable(memoryStore('original table')), [[1n, 'a']]);
    const clone = await createTable(memoryStore('clone'));
    const adds = [...original.files].map((add) => ({
      ...add,
      path: `${original.store.url}/${encodePath(add.path)}`,
    }));
    await mustCommit(clone.store, clone, {
      actions: () => adds.map((add) => ({ kind: 'add' as const, add })),
    });
    expect(await scanRows(await openSnapshot(clone.store, { signal: never }))).toEqual([[1n, 'a']]);
  });
});
