import { link, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { SluiceError } from '../../src/base/errors.js';
import { never } from '../../src/base/signals.js';
import { isAbsence, isWithoutLinks, storeError } from '../../src/storage/local-errors.js';
import { localStore } from '../../src/storage/local.js';
import type { ObjectStore } from '../../src/storage/object-store.js';

const anyway = { signal: never };
const body = new TextEncoder().encode('body');

async function openFolder(): Promise<AsyncDisposable & { dir: string; store: ObjectStore }> {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-local-'));
  return { dir, store: localStore(dir), [Symbol.asyncDispose]: () => rm(dir, { recursive: true }) };
}

describe('a local store', () => {
  test('the URL of the root is its file URL', async () => {
    await using folder = await openFolder();
    expect(folder.store.url).toBe(pathToFileURL(folder.dir).href);
    expect(localStore(`${folder.dir}/`).url).toBe(folder.store.url);
    expect(folder.store.at('a b/c').url).toBe(`${folder.store.url}/a%20b/c`);
  });

  test('a missing root is an empty store, and the first write makes it', async () => {
    await using folder = await openFolder();
    const store = localStore(join(folder.dir, 'x', 'y'));
    expect(await keysOf(store, '')).toEqual([]);
    expect(await store.get('k', anyway)).toBeUndefined();
    await store.putIfAbsent('z/k', body, anyway);
    expect(await keysOf(folder.store, '')).toEqual(['x/y/z/k']);
  });

  test('a folder that somebody removed is made again', async () => {
    await using folder = await openFolder();
    await folder.store.put('a/b/k', body, anyway);
    await rm(join(folder.dir, 'a'), { recursive: true });
    expect(await folder.store.putIfAbsent('a/b/k', body, anyway)).toBe('created');
  });

  test('a write leaves no temporary file, won or lost', async () => {
    await using folder = await openFolder();
    await folder.store.put('k', body, anyway);
    await folder.store.put('k', body, anyway);
    await folder.store.putIfAbsent('k', body, anyway);
    await folder.store.putIfAbsent('l', body, anyway);
    expect((await readdir(folder.dir)).toSorted()).toEqual(['k', 'l']);
  });

  test('what a crashed writer left behind is neither listed nor in the way', async () => {
    await using folder = await openFolder();
    await mkdir(join(folder.dir, '_delta_log'));
    await writeFile(join(folder.dir, '_delta_log', '.sluice-left.tmp'), 'half a comm');
    await folder.store.putIfAbsent('_delta_log/0', body, anyway);
    expect(await keysOf(folder.store, '')).toEqual(['_delta_log/0']);
    await expect(folder.store.get('_delta_log/.sluice-left.tmp', anyway)).rejects.toMatchObject({
      code: 'STORE_DENIED',
    });
  });

  test('a second name on a finished object does not make a later writer its creator', async () => {
    await using folder = await openFolder();
    await folder.store.putIfAbsent('k', body, anyway);
    await link(join(folder.dir, 'k'), join(folder.dir, 'k2'));
    expect(await folder.store.putIfAbsent('k', body, anyway)).toBe('exists');
  });

  test("put and delete remove Hadoop's checksum, which would not fit", async () => {
    await using folder = await openFolder();
    await folder.store.put('d/k', body, anyway);
    await writeFile(join(folder.dir, 'd', '.k.crc'), 'crc');
    await writeFile(join(folder.dir, 'd', '.other.crc'), 'crc');
    await folder.store.put('d/k', body, anyway);
    expect((await readdir(join(folder.dir, 'd'))).toSorted()).toEqual(['.other.crc', 'k']);
    await writeFile(join(folder.dir, 'd', '.k.crc'), 'crc');
    await folder.store.delete('d/k', anyway);
    expect(await readdir(join(folder.dir, 'd'))).toEqual(['.other.crc']);
  });

  test('a folder in the place of an object is told apart from a lost race', async () => {
    await using folder = await openFolder();
    await folder.store.put('a/b', body, anyway);
    await expect(folder.store.putIfAbsent('a', body, anyway)).rejects.toMatchObject({
      code: 'STORE_DENIED',
      context: { file: join(folder.dir, 'a') },
    });
    await expect(folder.store.put('a', body, anyway)).rejects.toMatchObject({
      context: { file: join(folder.dir, 'a') },
    });
    expect(await keysOf(folder.store, '')).toEqual(['a/b']);
  });

  test('a listing of one folder reads no other', async () => {
    await using folder = await openFolder();
    await folder.store.put('_delta_log/0', body, anyway);
    await folder.store.put('data/x', body, anyway);
    // A link round in a circle: whoever follows it never ends.
    await symlink(folder.dir, join(folder.dir, 'data', 'loop'));
    expect(await keysOf(folder.store, '_delta_log/')).toEqual(['_delta_log/0']);
    expect(await keysOf(folder.store, '')).toEqual(['_delta_log/0', 'data/x']);
  });

  test('a name longer than the file system allows holds nothing and is refused by name', async () => {
    await using folder = await openFolder();
    const key = 'n'.repeat(300);
    expect(await folder.store.get(key, anyway)).toBeUndefined();
    await expect(folder.store.putIfAbsent(key, body, anyway)).rejects.toMatchObject({
      code: 'STORE_UNSUPPORTED',
      context: { file: join(folder.dir, key) },
    });
    expect(await readdir(folder.dir)).toEqual([]);
  });

  test('an abort while the bytes are written takes the temporary file away', async () => {
    await using folder = await openFolder();
    const abort = new AbortController();
    const reason = new Error('stop');
    const writing = folder.store.putIfAbsent('k', new Uint8Array(1 << 20), { signal: abort.signal });
    abort.abort(reason);
    await expect(writing).rejects.toBe(reason);
    expect(await readdir(folder.dir)).toEqual([]);
    const putting = folder.store.put('k', new Uint8Array(1 << 20), { signal: AbortSignal.abort(reason) });
    await expect(putting).rejects.toBe(reason);
    expect(await readdir(folder.dir)).toEqual([]);
  });

  test('a name appears with all of its bytes', async () => {
    await using folder = await openFolder();
    const content = new Uint8Array(3_000_000).fill(7);
    const seen: number[] = [];
    const progress = { done: false };
    const writing = folder.store.putIfAbsent('k', content, anyway).finally(() => {
      progress.done = true;
    });
    while (!progress.done) {
      const read = await readFile(join(folder.dir, 'k')).catch(() => undefined);
      if (read !== undefined) seen.push(read.length);
    }
    await writing;
    expect(new Set(seen)).toEqual(new Set(seen.length === 0 ? [] : [content.length]));
  });
});

describe('failures of the system', () => {
  test.each([
    ['ENOSPC', 'STORE_FULL', 'never'],
    ['EDQUOT', 'STORE_FULL', 'never'],
    ['EFBIG', 'STORE_FULL', 'never'],
    ['EACCES', 'STORE_DENIED', 'never'],
    ['EPERM', 'STORE_DENIED', 'never'],
    ['EROFS', 'STORE_DENIED', 'never'],
    ['ENAMETOOLONG', 'STORE_UNSUPPORTED', 'never'],
    ['EIO', 'STORE_UNAVAILABLE', 'safe'],
    ['ESTALE', 'STORE_UNAVAILABLE', 'safe'],
    ['EMFILE', 'STORE_UNAVAILABLE', 'safe'],
  ])('%s is %s with retry %s and names the file', (code, wanted, retry) => {
    const error = storeError(systemError(code), 'writing', '/t/f');
    expect(error).toBeInstanceOf(SluiceError);
    expect(error).toMatchObject({ code: wanted, retry, context: { file: '/t/f' } });
    expect(error).toHaveProperty('message', expect.stringContaining('/t/f'));
  });

  test('once the name may be there, a failure is ambiguous whatever it is', () => {
    for (const code of ['EIO', 'ENOSPC', 'EACCES']) {
      expect(storeError(systemError(code), 'writing', '/t/f', 'ambiguous')).toHaveProperty(
        'retry',
        'ambiguous',
      );
    }
  });

  test('aborts and errors without a system code pass as they are', () => {
    const abort = Object.assign(new Error('aborted'), { code: 'ABORT_ERR' });
    const bug = new TypeError('bug');
    expect(storeError(abort, 'writing', 'f')).toBe(abort);
    expect(storeError(bug, 'writing', 'f')).toBe(bug);
  });

  test('absence and missing hard links are told by code', () => {
    expect(['ENOENT', 'ENOTDIR', 'EISDIR'].every((code) => isAbsence(systemError(code)))).toBe(true);
    expect(isAbsence(systemError('EACCES'))).toBe(false);
    expect(['EPERM', 'ENOTSUP', 'EXDEV'].every((code) => isWithoutLinks(systemError(code)))).toBe(true);
    expect(isWithoutLinks(systemError('EEXIST'))).toBe(false);
  });
});

function systemError(code: string): Error {
  return Object.assign(new Error(code), { code });
}

async function keysOf(store: ObjectStore, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix, anyway)) keys.push(key);
  return keys;
}
