import { must } from '../base/errors.js';
import type { StructChunk, Utf8Column } from '../columnar/struct-rows.js';
import type { FileRows } from '../protocol/live-files.js';
import { canonicalPath } from '../protocol/path.js';

/** Files of one row group of a checkpoint. Rows count from 0 over what is a file. */
export type StoredGroup<F> = {
  readonly count: number;
  /** Bytes of each file. */
  readonly sizes: Float64Array;
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
  readonly #hashes: Uint32Array;
  readonly #hidden = new Set<number>();
  readonly #kept: (F | undefined)[] = [];

  constructor(groups: readonly StoredGroup<F>[]) {
    this.#groups = groups;
    let rows = 0;
    this.#starts = groups.map(({ count }) => (rows += count) - count);
    this.rows = rows;
    this.#table = new Int32Array(2 ** Math.ceil(Math.log2(rows * 2 + 2)));
    this.#hashes = new Uint32Array(rows);
    let sizeInBytes = 0;
    for (const [i, { hashes, sizes }] of groups.entries()) {
      const start = must(this.#starts[i], 'the first row of a group');
      this.#hashes.set(hashes, start);
      for (let row = 0; row < hashes.length; row++) {
        const before = this.#put(start + row, hashes[row] ?? 0);
        if (before >= 0) sizeInBytes -= this.#at(before, (other, at) => other.sizes[at] ?? 0);
        sizeInBytes += sizes[row] ?? 0;
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
    const bytes = UTF8.encode(path);
    const hash = hashOf(bytes, 0, bytes.length);
    const mask = this.#table.length - 1;
    const found: number[] = [];
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const row = (this.#table[slot] ?? 0) - 1;
      if (row < 0) return found.length > 1 ? found.sort((a, b) => a - b) : found;
      if (this.#hashes[row] === hash && this.#at(row, (group, at) => group.bucket(at)) === bucket) {
        found.push(row);
      }
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
      if (this.#hashes[there] !== hash) continue;
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
  const text = chunk.text('path');
  const textOf = chunk.reader('path');
  const allPlain = text !== undefined && isPlain(text);
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] ?? 0;
    const start = text?.offsets[row] ?? 0;
    const end = text?.offsets[row + 1] ?? 0;
    if (text !== undefined && (allPlain || isPlain(text, start, end)) && startsPlain(text.values[start])) {
      hashes[i] = hashOf(text.values, start, end);
    } else {
      const bytes = UTF8.encode(canonicalPath(String(textOf(row))));
      hashes[i] = hashOf(bytes, 0, bytes.length);
    }
  }
  return hashes;
}

/** FNV-1a: spreads what differs in a few letters, and costs a multiplication a byte. */
function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ (bytes[i] ?? 0), 0x01000193);
  return (hash ^ (hash >>> 15)) >>> 0;
}

const PERCENT = 0x25;
const DOT = 0x2e;
const SLASH = 0x2f;
const COLON = 0x3a;
const BACKSLASH = 0x5c;

/** Whether paths have no spelling but the one they have: nothing escaped, no scheme, no dots alone. */
function isPlain(
  { values, offsets }: Utf8Column,
  start = offsets[0] ?? 0,
  end = offsets.at(-1) ?? 0,
): boolean {
  const bytes = Buffer.from(values.buffer, values.byteOffset + start, end - start);
  return (
    !bytes.includes(PERCENT) && !bytes.includes(COLON) && !bytes.includes(BACKSLASH) && !bytes.includes('..')
  );
}

/** Whether a path that begins with the byte is relative, and not by a dot; an empty one begins with none. */
function startsPlain(first: number | undefined): boolean {
  return first !== undefined && first !== SLASH && first !== DOT;
}

const UTF8 = new TextEncoder();
