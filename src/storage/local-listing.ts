import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { compareUtf8 } from '../base/utf8-order.js';
import { isTemporaryName } from './keys.js';
import { isAbsence } from './local-errors.js';
import type { ObjectMeta, WaitOptions } from './object-store.js';

/** Enough to keep the thread pool busy, few enough to hold nothing up when a reader stops early. */
const STATS_AT_ONCE = 64;

export type ListRange = WaitOptions & { readonly prefix: string; readonly from: string };

/**
 * The files below `root` whose keys are in the range, in order, reading only the folders that can hold
 * one. Files that vanish meanwhile are left out; links to folders are not followed, since they may lead
 * round in circles.
 */
export async function* listFiles(root: string, range: ListRange): AsyncGenerator<ObjectMeta> {
  const folder = range.prefix.slice(0, range.prefix.lastIndexOf('/') + 1);
  yield* listFolder(root, folder, range);
}

async function* listFolder(root: string, folder: string, range: ListRange): AsyncGenerator<ObjectMeta> {
  range.signal.throwIfAborted();
  let files: string[] = [];
  for (const { key, isFolder } of await readFolder(root, folder, range)) {
    if (isFolder) {
      yield* readMetas(root, files, range.signal);
      files = [];
      yield* listFolder(root, key, range);
    } else {
      files.push(key);
      if (files.length < STATS_AT_ONCE) continue;
      yield* readMetas(root, files, range.signal);
      files = [];
    }
  }
  yield* readMetas(root, files, range.signal);
}

/** What lies in a folder and in the range, in the order of keys; a folder's key ends in a slash. */
async function readFolder(
  root: string,
  folder: string,
  { prefix, from }: ListRange,
): Promise<{ key: string; isFolder: boolean }[]> {
  const found: { key: string; isFolder: boolean }[] = [];
  for (const entry of await readEntries(join(root, folder))) {
    const isFolder = entry.isDirectory();
    if (!isFolder && (isTemporaryName(entry.name) || !(entry.isFile() || entry.isSymbolicLink()))) continue;
    const key = `${folder}${entry.name}${isFolder ? '/' : ''}`;
    const inPrefix = key.startsWith(prefix);
    // All keys of a folder stand on one side of `from`, unless `from` leads into it.
    const inRange = compareUtf8(key, from) >= 0 || (isFolder && from.startsWith(key));
    if (inPrefix && inRange) found.push({ key, isFolder });
  }
  return found.sort((a, b) => compareUtf8(a.key, b.key));
}

async function readEntries(path: string) {
  try {
    return await readdir(path, { withFileTypes: true });
  } catch (cause) {
    if (isAbsence(cause)) return [];
    throw cause;
  }
}

async function* readMetas(
  root: string,
  keys: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<ObjectMeta> {
  if (keys.length === 0) return;
  signal.throwIfAborted();
  for (const meta of await Promise.all(keys.map((key) => readMeta(root, key)))) {
    if (meta !== undefined) yield meta;
  }
}

/** Size and time of a file, or undefined where there is none. */
export async function readMeta(root: string, key: string): Promise<ObjectMeta | undefined> {
  try {
    const stats = await stat(join(root, key));
    return stats.isFile() ? { key, size: stats.size, modifiedAtMs: Math.trunc(stats.mtimeMs) } : undefined;
  } catch (cause) {
    if (isAbsence(cause)) return undefined;
    throw cause;
  }
}
