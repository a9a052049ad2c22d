import { must } from '../base/errors.js';
import type { StructChunk } from '../columnar/struct-rows.js';
import type { FileRows } from '../protocol/live-files.js';
import { canonicalPath } from '../protocol/path.js';

/** Files of one row group of a checkpoint. Rows count from 0 over what is a file. */
export type StoredGroup<F> = {
  readonly count: number;
  size(row: number): number;
  /** A hash of the canonical path of each row. */
  readonly hashes: Uint32Array;
  /** What `FileSet` finds the file by. */
  bucket(row: number): string;
  /** What tells files of one bucket apart. */
  vector(row: number): string;
  file(row: number): F;
};

/** The files of a checkpoint as they lie in its columns. Of two rows for one file the later one counts. */
export class StoredFiles<F> implements FileRows<F> {
  readonly rows: number;
  readonly files: number;
  readonly sizeInBytes: number;
  readonly #groups: readonly StoredGroup<F>[];
  /** The first row of each group. */
  readonly #starts: readonly number[];
  /** Open addressing by hash: a row and one, 0 where nothing is. */
  readonly #table: Int32Array;
  readonly #hidden = new Set<number>();
  readonly #kept: (F | undefined)[] = [];

  constructor(groups: readonly StoredGroup<F>[]) {
    this.#groups = groups;
    let rows = 0;
    this.#starts = groups.map(({ count }) => (rows += count) - count);
    this.rows = rows;
    this.#table = new Int32Array(2 ** Math.ceil(Math.log2(rows * 2 + 2)));
    let sizeInBytes = 0;
    for (const [i, group] of groups.entries()) {
      const start = must(this.#starts[i], 'the first row of a group');
      for (let row = 0; row < group.count; row++) {
        const before = this.#put(start + row, group.hashes[row] ?? 0);
        if (before >= 0) sizeInBytes -= this.#at(before, (other, at) => other.size(at));
        sizeInBytes += group.size(row);
      }
    }
    this.files = rows - this.#hidden.size;
    this.sizeInBytes = sizeInBytes;
  }

  isHidden(row: number): boolean {
    return this.#hidden.size > 0 && this.#hidden.has(row);
  }

  file(row: number): F {
    return this.#kept[row] ?? this.#at(row, (group, at) => group.file(at));
  }

  keep(row: number): F {
    const file = this.file(row);
    this.#kept[row] = file;
    return file;
  }

  find(bucket: string): readonly number[] {
    const path = bucket.indexOf('\n') < 0 ? bucket : bucket.slice(0, bucket.indexOf('\n'));
    const hash = hashOf(UTF8.encode(path));
    const mask = this.#table.length - 1;
    const found: number[] = [];
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const row = (this.#table[slot] ?? 0) - 1;
      if (row < 0) return found.length > 1 ? found.sort((a, b) => a - b) : found;
      const same = this.#at(row, (group, at) => group.hashes[at] === hash && group.bucket(at) === bucket);
      if (same) found.push(row);
    }
  }

  /** Puts a row into the table; the row of the same file that it hides, -1 if there was none. */
  #put(row: number, hash: number): number {
    const mask = this.#table.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const there = (this.#table[slot] ?? 0) - 1;
      if (there < 0) {
        this.#table[slot] = row + 1;
        return -1;
      }
      if (this.#at(there, (group, at) => group.hashes[at]) !== hash) continue;
      if (this.#key(there) !== this.#key(row)) continue;
      this.#table[slot] = row + 1;
      this.#hidden.add(there);
      return there;
    }
  }

  #key(row: number): string {
    return this.#at(row, (group, at) => `${group.bucket(at)}\n${group.vector(at)}`);
  }

  #at<T>(row: number, look: (group: StoredGroup<F>, at: number) => T): T {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.#starts[middle] ?? 0) <= row) low = middle;
      else high = middle - 1;
    }
    const group = must(this.#groups[low], 'a group of rows');
    return look(group, row - must(this.#starts[low], 'the first row of a group'));
  }
}

/** The hashes of the canonical paths in a column of paths, by the bytes where those are the path itself. */
export function pathHashes(chunk: StructChunk): Uint32Array {
  const { rows } = chunk;
  const hashes = new Uint32Array(rows.length);
  const bytesOf = chunk.bytes('path');
  const textOf = chunk.reader('path');
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] ?? 0;
    const bytes = bytesOf?.(row);
    hashes[i] =
      bytes !== undefined && isCanonical(bytes)
        ? hashOf(bytes)
        : hashOf(UTF8.encode(canonicalPath(String(textOf(row)))));
  }
  return hashes;
}

/** FNV-1a: spreads what differs in a few letters, and costs a multiplication a byte. */
function hashOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ (bytes[i] ?? 0), 0x01000193);
  return (hash ^ (hash >>> 15)) >>> 0;
}

const PERCENT = 0x25;
const DOT = 0x2e;
const SLASH = 0x2f;
const COLON = 0x3a;
const BACKSLASH = 0x5c;

/** Whether a path has no spelling but this one and stays below the table: nothing escaped, no scheme, no dots alone. */
function isCanonical(bytes: Uint8Array): boolean {
  const [first] = bytes;
  if (first === undefined || first === SLASH || first === DOT) return false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === PERCENT || byte === COLON || byte === BACKSLASH) return false;
    if (byte === DOT && bytes[i - 1] === DOT) return false;
  }
  return true;
}

const UTF8 = new TextEncoder();
