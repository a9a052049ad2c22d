import { link, open, readFile, rename, stat, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { assert, SluiceError } from '../base/errors.js';
import { DurableFiles, removeQuietly, syncFolder } from './durable-files.js';
import { checkedKey, checkedPrefix, joinKeys } from './keys.js';
import { isAbsence, isWithoutLinks, storeError, systemCode } from './local-errors.js';
import { listFiles, readMeta } from './local-listing.js';
import type { ObjectMeta, ObjectStore, WaitOptions } from './object-store.js';

/**
 * A store of files below `dir`, which need not exist yet. Every write goes through a temporary file
 * beside its target, so that a reader sees all of it or nothing and a crash leaves only a name that no
 * listing shows. A failure names its file in `context.file`.
 */
export function localStore(dir: string): ObjectStore {
  const root = resolve(dir);
  return new LocalStore(root, new DurableFiles(root));
}

class LocalStore implements ObjectStore {
  readonly url: string;
  readonly #root: string;
  readonly #files: DurableFiles;

  constructor(root: string, files: DurableFiles) {
    this.url = pathToFileURL(root).href.replace(/\/$/, '');
    this.#root = root;
    this.#files = files;
  }

  at(prefix: string): ObjectStore {
    return new LocalStore(join(this.#root, joinKeys('', prefix)), this.#files);
  }

  async get(key: string, { signal }: WaitOptions): Promise<Uint8Array | undefined> {
    const path = this.#path(key);
    signal.throwIfAborted();
    try {
      const { buffer, byteOffset, byteLength } = await readFile(path, { signal });
      return new Uint8Array(buffer, byteOffset, byteLength);
    } catch (cause) {
      signal.throwIfAborted();
      if (isAbsence(cause)) return undefined;
      throw storeError(cause, 'reading', path);
    }
  }

  async getRange(key: string, start: number, end: number, { signal }: WaitOptions): Promise<Uint8Array> {
    assert(start >= 0 && start <= end, () => `no such range: [${start}, ${end})`);
    const path = this.#path(key);
    signal.throwIfAborted();
    try {
      const file = await open(path, 'r');
      try {
        return await readRange(file, start, end, signal);
      } finally {
        await file.close();
      }
    } catch (cause) {
      signal.throwIfAborted();
      if (!isAbsence(cause)) throw storeError(cause, 'reading', path);
      throw new SluiceError('FILE_NOT_FOUND', `There is no file ${path}.`, {
        context: { file: path },
        cause,
      });
    }
  }

  async put(key: string, body: Uint8Array, { signal }: WaitOptions): Promise<void> {
    const path = this.#path(key);
    signal.throwIfAborted();
    const temporary = await this.#writeTemporary(path, body);
    try {
      signal.throwIfAborted();
      await removeChecksum(path);
      await rename(temporary, path);
    } catch (cause) {
      await removeQuietly(temporary);
      throw storeError(cause, 'writing', path);
    }
    await this.#syncFolderOf(path);
  }

  async putIfAbsent(key: string, body: Uint8Array, { signal }: WaitOptions): Promise<'created' | 'exists'> {
    const path = this.#path(key);
    signal.throwIfAborted();
    const temporary = await this.#writeTemporary(path, body);
    try {
      signal.throwIfAborted();
      if (!(await this.#claim(temporary, path))) return 'exists';
    } finally {
      await removeQuietly(temporary);
    }
    await this.#syncFolderOf(path);
    return 'created';
  }

  async head(key: string, { signal }: WaitOptions): Promise<ObjectMeta | undefined> {
    const path = this.#path(key);
    signal.throwIfAborted();
    try {
      return await readMeta(this.#root, key);
    } catch (cause) {
      throw storeError(cause, 'reading', path);
    }
  }

  async *list(
    prefix: string,
    { signal, from = '' }: WaitOptions & { readonly from?: string },
  ): AsyncGenerator<ObjectMeta> {
    checkedPrefix(prefix);
    try {
      yield* listFiles(this.#root, { prefix, from, signal });
    } catch (cause) {
      throw storeError(cause, 'listing', join(this.#root, prefix));
    }
  }

  async delete(key: string, { signal }: WaitOptions): Promise<void> {
    const path = this.#path(key);
    signal.throwIfAborted();
    try {
      await unlinkIfThere(path);
      await removeChecksum(path);
    } catch (cause) {
      throw storeError(cause, 'removing', path);
    }
  }

  #path(key: string): string {
    return join(this.#root, checkedKey(key));
  }

  async #writeTemporary(path: string, body: Uint8Array): Promise<string> {
    try {
      return await this.#files.writeTemporary(dirname(path), body);
    } catch (cause) {
      throw storeError(cause, 'writing', path);
    }
  }

  /**
   * Gives the finished file its name if nobody has it. link(2) is exclusive where rename is not, and it
   * shows the whole file where open with O_EXCL shows a growing one.
   */
  async #claim(temporary: string, path: string): Promise<boolean> {
    try {
      await link(temporary, path);
      return true;
    } catch (cause) {
      // NFS sends a call again whose answer got lost, and then finds the name that it made itself.
      const linked = await isLinked(temporary);
      if (linked === true) return true;
      if (systemCode(cause) === 'EEXIST' && linked === false) return await this.#lost(path);
      if (isWithoutLinks(cause)) throw withoutLinks(path, cause);
      throw storeError(cause, 'creating', path, isRefusal(cause) ? 'safe' : 'ambiguous');
    }
  }

  /** Someone has the name. A folder is no object: nobody could ever read who won. */
  async #lost(path: string): Promise<false> {
    if (!(await isFolder(path))) return false;
    throw new SluiceError('STORE_DENIED', `A folder stands where the file ${path} would be.`, {
      context: { file: path },
      hint: 'Remove the folder, or use another path.',
    });
  }

  async #syncFolderOf(path: string): Promise<void> {
    try {
      await syncFolder(dirname(path));
    } catch (cause) {
      throw storeError(cause, 'writing', path, 'ambiguous');
    }
  }
}

async function readRange(
  file: FileHandle,
  start: number,
  end: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  // The range may be far longer than the file: only what is there is allocated.
  const { size } = await file.stat();
  const bytes = new Uint8Array(Math.max(0, Math.min(end, size) - start));
  let filled = 0;
  while (filled < bytes.length) {
    signal.throwIfAborted();
    const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, start + filled);
    if (bytesRead === 0) return bytes.subarray(0, filled);
    filled += bytesRead;
  }
  return bytes;
}

/** Whether the file has a second name; undefined where the system does not say. */
async function isLinked(path: string): Promise<boolean | undefined> {
  try {
    return (await stat(path)).nlink > 1;
  } catch {
    // The failure of the link itself is the one to tell.
    return undefined;
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    // Gone again, which the caller finds out when it reads.
    return false;
  }
}

/** Whether link(2) failed before it could do anything, so that nothing may have happened. */
function isRefusal(cause: unknown): boolean {
  return ['EACCES', 'EROFS', 'ENOSPC', 'EDQUOT', 'ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'EMLINK'].includes(
    systemCode(cause) ?? '',
  );
}

/**
 * Hadoop's local file system keeps a checksum of `name` in `.name.crc` and refuses a file that differs from
 * it; without one it does not ask.
 */
async function removeChecksum(path: string): Promise<void> {
  await unlinkIfThere(join(dirname(path), `.${basename(path)}.crc`));
}

async function unlinkIfThere(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (cause) {
    if (isAbsence(cause) || (systemCode(cause) === 'EPERM' && (await isFolder(path)))) return;
    throw cause;
  }
}

function withoutLinks(path: string, cause: unknown): SluiceError {
  return new SluiceError(
    'STORE_UNSUPPORTED',
    `The file system of ${path} has no hard links, which commits need to have one winner.`,
    {
      context: { file: path, cause: systemCode(cause) },
      hint: 'Put the table on a file system with hard links (ext4, XFS, APFS, NTFS, NFS); FAT, exFAT and some mounts have none.',
      cause,
    },
  );
}
