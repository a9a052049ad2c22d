import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import { SluiceError } from '../../base/errors.js';

/** What a recording's file is called. */
const RECORDING = /\.ndjson(\.gz)?$/;

/**
 * The files of a recording, absolute and sorted: a file by its path, a directory for the `*.ndjson` and
 * `*.ndjson.gz` in it, a pattern with `*`, `?` (within a name) and `**` (over directories). What names
 * nothing is `FILE_NOT_FOUND`.
 */
export async function findFiles(wanted: readonly string[]): Promise<readonly string[]> {
  const found = new Set<string>();
  for (const path of wanted) {
    const files = await filesAt(resolve(path));
    if (files.length === 0) throw notFound(path);
    for (const file of files) found.add(file);
  }
  return [...found].sort();
}

async function filesAt(path: string): Promise<readonly string[]> {
  if (isPattern(path)) return matches(path);
  const kind = await stat(path).catch(() => undefined);
  if (kind?.isFile() === true) return [path];
  if (kind?.isDirectory() !== true) return [];
  const entries = await entriesOf(path);
  return entries
    .filter((entry) => entry.isFile() && RECORDING.test(entry.name))
    .map(({ name }) => join(path, name));
}

async function matches(pattern: string): Promise<readonly string[]> {
  const parts = pattern.split(sep);
  const fixed = parts.slice(0, parts.findIndex(isPattern)).join(sep);
  const whole = expression(pattern);
  const found: string[] = [];
  const walk = async (directory: string): Promise<void> => {
    for (const entry of await entriesOf(directory)) {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) await walk(path);
      else if (entry.isFile() && whole.test(path)) found.push(path);
    }
  };
  await walk(fixed === '' ? sep : fixed);
  return found;
}

function expression(pattern: string): RegExp {
  const source = pattern.replace(/\*\*\/?|[*?]|[.+^${}()|[\]\\]/g, (part) => {
    if (part === '**/') return '(?:.*/)?';
    if (part === '**') return '.*';
    if (part === '*') return '[^/]*';
    return part === '?' ? '[^/]' : `\\${part}`;
  });
  return new RegExp(`^${source}$`);
}

function isPattern(path: string): boolean {
  return /[*?]/.test(path);
}

async function entriesOf(directory: string): Promise<readonly Dirent[]> {
  try {
    return await readdir(directory, { withFileTypes: true });
  } catch {
    return []; // Not there or not readable: nothing is found in it, which the caller tells.
  }
}

function notFound(path: string): SluiceError {
  return new SluiceError('FILE_NOT_FOUND', `no recording at ${path}`, {
    context: { file: path },
    hint: 'Name a file, a directory with *.ndjson or *.ndjson.gz files, or a pattern that matches some.',
  });
}
