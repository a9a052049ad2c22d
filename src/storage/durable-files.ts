import { randomUUID } from 'node:crypto';
import { mkdir, open, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { systemCode } from './local-errors.js';
import { temporaryName } from './keys.js';

/** Folders remembered as durable; past this all are forgotten, which costs only repeated syncs. */
const FOLDERS_MAX = 10_000;

/**
 * Writes files so that they outlive a power loss: their bytes, their names, and the folders above them,
 * up to and including the entry of `root` in its own folder.
 */
export class DurableFiles {
  readonly #root: string;
  readonly #durableFolders = new Set<string>();

  constructor(root: string) {
    this.#root = root;
  }

  /** A new temporary file in `folder` that holds `body` on disk; gone again if writing it fails. */
  async writeTemporary(folder: string, body: Uint8Array): Promise<string> {
    const path = join(folder, temporaryName(randomUUID()));
    const file = await this.#create(path, folder);
    try {
      await file.writeFile(body);
      await file.sync();
    } catch (cause) {
      await removeQuietly(path);
      throw cause;
    } finally {
      await file.close();
    }
    return path;
  }

  async #create(path: string, folder: string): Promise<FileHandle> {
    if (!this.#durableFolders.has(folder)) await this.#makeDurable(folder);
    try {
      return await open(path, 'wx');
    } catch (cause) {
      if (systemCode(cause) !== 'ENOENT') throw cause;
    }
    // Someone has removed the folder since it was made durable.
    this.#durableFolders.clear();
    await this.#makeDurable(folder);
    return open(path, 'wx');
  }

  /** Another process may have made the folders and not come to sync them, so all are synced once. */
  async #makeDurable(folder: string): Promise<void> {
    const firstMade = await mkdir(folder, { recursive: true });
    // Both stand above the folder or are it, so the shorter one is the higher one.
    const highest = firstMade !== undefined && firstMade.length < this.#root.length ? firstMade : this.#root;
    const top = dirname(highest);
    for (let child = folder; child !== top && child !== dirname(child); child = dirname(child)) {
      await syncFolder(dirname(child));
    }
    if (this.#durableFolders.size >= FOLDERS_MAX) this.#durableFolders.clear();
    this.#durableFolders.add(folder);
  }
}

/** Makes the names in a folder durable, where the file system knows such a thing. */
export async function syncFolder(folder: string): Promise<void> {
  let handle: FileHandle;
  try {
    handle = await open(folder, 'r');
  } catch (cause) {
    // Windows opens no folders, and a folder above the root may be closed to us: neither was made by us.
    if (UNSYNCABLE.has(systemCode(cause) ?? '')) return;
    throw cause;
  }
  try {
    await handle.sync();
  } catch (cause) {
    if (!UNSYNCABLE.has(systemCode(cause) ?? '')) throw cause;
  } finally {
    await handle.close();
  }
}

const UNSYNCABLE: ReadonlySet<string> = new Set(['EINVAL', 'ENOTSUP', 'EISDIR', 'EPERM', 'EACCES']);

/** Removes a file that no reader looks at; one that stays is passed over by every listing. */
export async function removeQuietly(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch {
    // The failure that led here is the one worth telling.
  }
}
