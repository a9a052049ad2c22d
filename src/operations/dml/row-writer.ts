import { concat, constantColumn, project, withColumn, type ArrowTable } from '../../columnar/arrow.js';
import type { AddFile, CdcFile } from '../../protocol/actions.js';
import { STRING } from '../../schema/build.js';
import type { ObjectStore } from '../../storage/object-store.js';
import { writeChangeFiles, writeDataFiles, type WriteOptions } from '../../table/data-files.js';
import { CHANGE_TYPE, type ChangeType } from '../change-types.js';

/** Rows are held until about so many bytes are together. */
const HELD_BYTES = 64 * 2 ** 20;

/** Collects rows that a verb puts in, or tells the feed of, and writes a file whenever enough are together. */
class Collector<T> {
  readonly #write: (rows: ArrowTable) => Promise<readonly T[]>;
  readonly #files: T[] = [];
  #held: ArrowTable[] = [];
  #bytes = 0;

  constructor(write: (rows: ArrowTable) => Promise<readonly T[]>) {
    this.#write = write;
  }

  async add(rows: ArrowTable): Promise<void> {
    if (rows.numRows === 0) return;
    this.#held.push(rows);
    this.#bytes += rows.batches.reduce((sum, { data }) => sum + data.byteLength, 0);
    if (this.#bytes >= HELD_BYTES) await this.#flush();
  }

  async finish(): Promise<readonly T[]> {
    await this.#flush();
    return this.#files;
  }

  async #flush(): Promise<void> {
    const held = this.#held;
    if (held.length === 0) return;
    this.#held = [];
    this.#bytes = 0;
    this.#files.push(...(await this.#write(concat(held))));
  }
}

/** The files that a verb writes; memory follows {@link HELD_BYTES}, not the number of rows. */
export class RowWriter {
  readonly #data: Collector<AddFile>;
  readonly #changes: Collector<CdcFile>;
  readonly #columns: readonly string[];

  constructor(store: ObjectStore, options: WriteOptions) {
    this.#data = new Collector((rows) => writeDataFiles(store, rows, options));
    this.#changes = new Collector((rows) => writeChangeFiles(store, rows, options));
    this.#columns = options.layout.schema.fields.map(({ name }) => name);
  }

  put(rows: ArrowTable): Promise<void> {
    return this.#data.add(rows);
  }

  /** Row ids have no place in the feed. */
  tell(rows: ArrowTable, type: ChangeType): Promise<void> {
    const told = project(rows, this.#columns);
    return this.#changes.add(withColumn(told, CHANGE_TYPE, constantColumn(STRING, type, rows.numRows)));
  }

  async finish(): Promise<{ readonly added: readonly AddFile[]; readonly changeFiles: readonly CdcFile[] }> {
    return { added: await this.#data.finish(), changeFiles: await this.#changes.finish() };
  }
}
