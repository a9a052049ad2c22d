import { must } from '../base/errors.js';
import type { AddFile, DeletionVectorDescriptor } from './actions.js';
import { FileIndex, type FileRows } from './file-index.js';
import { canonicalPath } from './path.js';

export type { FileRows } from './file-index.js';

/** What an action on a file says, as far as reconciliation needs it. */
export type FileKey = {
  readonly path: string;
  readonly deletionVector?: DeletionVectorDescriptor;
  readonly size?: number;
};

/**
 * The unique id of a deletion vector: storage type, path, and `@offset` where there is an offset. Delta
 * protocol, "Deletion Vector Descriptor Schema".
 */
export function deletionVectorId(descriptor: DeletionVectorDescriptor): string {
  const id = descriptor.storageType + descriptor.pathOrInlineDv;
  return descriptor.offset === undefined ? id : `${id}@${descriptor.offset}`;
}

export type FileSetChange<F extends FileKey> =
  { readonly kind: 'put'; readonly file: F } | { readonly kind: 'drop'; readonly file: FileKey };

/**
 * Files of one version by canonical path and deletion vector, the key of Delta protocol, "Action
 * Reconciliation". Immutable: what is held stays as it is while later versions are made from it.
 *
 * Cost: `with` takes time in proportion to the changes given, not to the table. The newest version owns the
 * one index; an older one remembers what its successor changed. The first look into an older version after
 * that makes an index of its own and takes time and memory in proportion to the table, once.
 */
export class FileSet<F extends FileKey> implements Iterable<F> {
  readonly size: number;
  /** Bytes of all files, as far as they are told. */
  readonly sizeInBytes: number;
  readonly #bucketOf: BucketOf;
  #held: Held<F>;
  #list: readonly F[] | undefined;

  private constructor(bucketOf: BucketOf, held: Held<F>, size: number, sizeInBytes: number) {
    this.#bucketOf = bucketOf;
    this.#held = held;
    this.size = size;
    this.sizeInBytes = sizeInBytes;
  }

  /** For files of which a path has one at most, but in a log gone wrong: `byPath` finds them. */
  static ofPaths<F extends FileKey>(rows?: FileRows<F>): FileSet<F> {
    return FileSet.#of(pathBucket, rows);
  }

  /** For files of which a path has many that differ in their deletion vectors. */
  static ofKeys<F extends FileKey>(rows?: FileRows<F>): FileSet<F> {
    return FileSet.#of(tombstoneBucket, rows);
  }

  static #of<F extends FileKey>(bucketOf: BucketOf, rows: FileRows<F> | undefined): FileSet<F> {
    const held: Held<F> = { kind: 'index', index: FileIndex.of(rows) };
    return new FileSet<F>(bucketOf, held, rows?.files ?? 0, rows?.sizeInBytes ?? 0);
  }

  /**
   * The file at that path, undefined if there is none or it is of a set `ofKeys` and has a deletion vector.
   * Should a log hold one path with several deletion vectors, the one added last.
   *
   * @param path - as `canonicalPath` gives it
   */
  byPath(path: string): F | undefined {
    return this.#index().get(path)?.at(-1);
  }

  /** The file with the path and deletion vector of `key`. */
  find(key: FileKey): F | undefined {
    return this.#index()
      .get(this.#bucketOf(key))
      ?.find((file) => sameVector(file, key));
  }

  /** All files, oldest additions first. The list is made once, kept and shared. */
  toArray(): readonly F[] {
    this.#list ??= this.#index().toArray();
    return this.#list;
  }

  /** Walks over all files, oldest additions first, without keeping those that a checkpoint's columns hold. */
  [Symbol.iterator](): IterableIterator<F> {
    if (this.#list !== undefined) return this.#list.values();
    const index = this.#index();
    return index.hasRows ? index.walk() : this.toArray().values();
  }

  /** The set after these changes in order. A file that is put replaces the one with its key. */
  with(changes: readonly FileSetChange<F>[]): FileSet<F> {
    // Paths first: one that is refused must leave the shared index as it was.
    const buckets = changes.map(({ file }) => this.#bucketOf(file));
    const index = this.#index();
    const undo = new Map<string, readonly F[] | undefined>();
    let { size, sizeInBytes } = this;
    for (const [i, change] of changes.entries()) {
      const bucket = must(buckets[i], 'a bucket');
      const before = index.get(bucket);
      const others = before?.filter((file) => !sameVector(file, change.file)) ?? [];
      if (change.kind === 'drop' && others.length === (before?.length ?? 0)) continue;
      if (this.size > 0 && !undo.has(bucket)) undo.set(bucket, before);
      const after = change.kind === 'put' ? [...others, change.file] : others;
      index.set(bucket, after);
      size += after.length - (before?.length ?? 0);
      sizeInBytes += bytesOf(after) - bytesOf(before ?? []);
    }
    const next = new FileSet<F>(this.#bucketOf, { kind: 'index', index }, size, sizeInBytes);
    // The index belongs to the successor now. Nothing was in an empty set, so there is nothing to undo.
    this.#held = this.size === 0 ? { kind: 'index', index: FileIndex.of() } : { kind: 'undo', undo, next };
    return next;
  }

  #index(): FileIndex<F> {
    if (this.#held.kind === 'undo') this.#held = { kind: 'index', index: this.#restored(this.#held) };
    return this.#held.index;
  }

  /** The index as it was at this version: the newest one, changed back step by step. */
  #restored(first: Extract<Held<F>, { kind: 'undo' }>): FileIndex<F> {
    const steps = [first.undo];
    let held = first.next.#held;
    for (; held.kind === 'undo'; held = held.next.#held) steps.push(held.undo);
    const index = held.index.copy();
    for (const undo of steps.reverse()) {
      for (const [bucket, files] of undo) index.set(bucket, files ?? []);
    }
    return index;
  }
}

/** The files that make up a table at one version; `byPath` finds each. */
export type LiveFiles = FileSet<AddFile>;

type BucketOf = (key: FileKey) => string;

type Held<F extends FileKey> =
  | { readonly kind: 'index'; readonly index: FileIndex<F> }
  | {
      readonly kind: 'undo';
      readonly undo: ReadonlyMap<string, readonly F[] | undefined>;
      readonly next: FileSet<F>;
    };

function pathBucket(key: FileKey): string {
  return canonicalPath(key.path);
}

/** What `ofKeys` finds a file by: its canonical path and, behind a line feed, the id of its deletion vector. */
export function tombstoneBucket(key: FileKey): string {
  const path = canonicalPath(key.path);
  // Two keys in one bucket are told apart by `sameVector`.
  return key.deletionVector === undefined ? path : `${path}\n${deletionVectorId(key.deletionVector)}`;
}

function bytesOf(files: readonly FileKey[]): number {
  let sum = 0;
  for (const { size } of files) sum += size ?? 0;
  return sum;
}

function sameVector(a: FileKey, b: FileKey): boolean {
  if (a.deletionVector === undefined || b.deletionVector === undefined) {
    return a.deletionVector === b.deletionVector;
  }
  return deletionVectorId(a.deletionVector) === deletionVectorId(b.deletionVector);
}
