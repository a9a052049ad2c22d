/**
 * Files that lie somewhere else than in objects and are made when they are looked at: the rows of a checkpoint. A row
 * that another row of the same file came after is hidden from the beginning.
 */
export interface FileRows<F> {
  /** Hidden ones included. */
  readonly rows: number;
  /** Files: the rows that are not hidden. */
  readonly files: number;
  /** Bytes of all files. */
  readonly sizeInBytes: number;
  isHidden(row: number): boolean;
  /** The file of a row, made anew unless it was kept. */
  file(row: number): F;
  /** The file of a row, the same object from now on. */
  keep(row: number): F;
  /** The rows of a bucket that are not hidden, in their order. */
  find(bucket: string): readonly number[];
}

const NONE: readonly never[] = [];

/** Files by bucket: what changed since a checkpoint lies over its rows. */
export class FileIndex<F> {
  readonly #rows: FileRows<F> | undefined;
  /** Of the buckets that are not as the rows have them; an empty list is a bucket of the rows that is gone. */
  readonly #over: Map<string, readonly F[]>;
  /** A bit for each row that is hidden, or whose bucket stands in `#over`. */
  readonly #covered: Uint32Array;

  private constructor(rows: FileRows<F> | undefined, over: Map<string, readonly F[]>, covered: Uint32Array) {
    this.#rows = rows;
    this.#over = over;
    this.#covered = covered;
  }

  static of<F>(rows?: FileRows<F>): FileIndex<F> {
    const covered = new Uint32Array(Math.ceil((rows?.rows ?? 0) / 32));
    if (rows !== undefined) {
      for (let row = 0; row < rows.rows; row++) if (rows.isHidden(row)) cover(covered, row);
    }
    return new FileIndex(rows, new Map(), covered);
  }

  get(bucket: string): readonly F[] | undefined {
    const over = this.#over.get(bucket);
    if (over !== undefined) return over.length === 0 ? undefined : over;
    const rows = this.#rows;
    const found = rows?.find(bucket) ?? [];
    return rows === undefined || found.length === 0 ? undefined : found.map((row) => rows.file(row));
  }

  /** From now on these are the files of the bucket, and the latest of all. */
  set(bucket: string, files: readonly F[]): void {
    const rows = this.#rows?.find(bucket) ?? [];
    // Deleted first, so that the order is the order of additions.
    this.#over.delete(bucket);
    for (const row of rows) cover(this.#covered, row);
    if (rows.length > 0 || files.length > 0) this.#over.set(bucket, files.length === 0 ? NONE : files);
  }

  copy(): FileIndex<F> {
    return new FileIndex(this.#rows, new Map(this.#over), this.#covered.slice());
  }

  /** Whether files are made when they are looked at. */
  get hasRows(): boolean {
    return this.#rows !== undefined;
  }

  /** The files as they are now, whatever is set while one walks over them: each is made when its turn comes. */
  walk(): Generator<F, void, undefined> {
    return walk(this.#rows, this.#covered.slice(), [...this.#over.values()]);
  }

  toArray(): F[] {
    const files: F[] = [];
    const rows = this.#rows;
    if (rows !== undefined) {
      for (let row = 0; row < rows.rows; row++) {
        if (!isCovered(this.#covered, row)) files.push(rows.keep(row));
      }
    }
    for (const bucket of this.#over.values()) for (const file of bucket) files.push(file);
    return files;
  }
}

function* walk<F>(
  rows: FileRows<F> | undefined,
  covered: Uint32Array,
  over: readonly (readonly F[])[],
): Generator<F, void, undefined> {
  if (rows !== undefined) {
    for (let row = 0; row < rows.rows; row++) if (!isCovered(covered, row)) yield rows.file(row);
  }
  for (const bucket of over) yield* bucket;
}

function cover(covered: Uint32Array, row: number): void {
  covered[row >>> 5] = (covered[row >>> 5] ?? 0) | (1 << (row & 31));
}

function isCovered(covered: Uint32Array, row: number): boolean {
  return (((covered[row >>> 5] ?? 0) >>> (row & 31)) & 1) === 1;
}
