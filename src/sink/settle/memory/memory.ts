import { SluiceError } from '../../../base/errors.js';
import { orderText, ordersAcrossPartitions } from '../../../cdc/position.js';
import { canonicalRow } from '../../../schema/canonical.js';
import { formatSchemaString } from '../../../schema/schema-string.js';
import type { StructField, StructType } from '../../../schema/types.js';
import type { TopicPartition } from '../../../source/change-source.js';
import type { ObjectStore } from '../../../storage/object-store.js';
import { partitionOfDomain, type PartitionDomain, type StateFile } from '../partition-domain.js';
import { decodeMemory } from './memory-file.js';
import {
  imagePlace,
  type ImageSource,
  type MemoryRecord,
  type RowImage,
  type Taken,
  type Wait,
} from './records.js';

/** A file of a partition's memory. */
type OwnedFile = { readonly file: StateFile; readonly of: TopicPartition };

/** The row that a key change took away, and which of its columns were waiting themselves. */
export type ParkedRow = { readonly row: RowImage; readonly unknown: ReadonlyMap<string, ImageSource> };

/** A row that waits for columns of an image, with the values of its key. */
export type Pending = Wait & { readonly keyValues: RowImage };

/** What waits, by `waitText`. */
export type Waits = {
  readonly pending: ReadonlySet<string>;
  readonly settled: ReadonlySet<string>;
};

/** An event that was applied to a table without a key: when its Kafka record was made, and which it is. */
export type Applied = { readonly eventMs: number; readonly partition: number; readonly offset: number };

/**
 * What a version of a table remembers of rows that are not in it: the files that the partitions' domains name, read when
 * something is looked up that may be in them, and kept while there is room (`MemoryCache`).
 */
export class Memory {
  readonly #files: readonly OwnedFile[];
  readonly #cache: MemoryCache;
  readonly #store: ObjectStore;
  readonly #schema: StructType;
  readonly #signal: AbortSignal;
  /** The latest place that any file reaches; '' for none. */
  readonly reach: string;

  constructor(input: {
    readonly domains: ReadonlyMap<string, PartitionDomain>;
    readonly cache: MemoryCache;
    readonly store: ObjectStore;
    /** What rows in the files are read as. */
    readonly schema: StructType;
    readonly signal: AbortSignal;
  }) {
    this.#files = [...input.domains].flatMap(([name, { files }]) =>
      files.map((file) => ({ file, of: partitionOfDomain(name) })),
    );
    this.#cache = input.cache;
    this.#store = input.store;
    this.#schema = input.schema;
    this.#signal = input.signal;
    this.reach = this.#files.reduce((reach, { file }) => (file.reach > reach ? file.reach : reach), '');
  }

  /** Whether a change of this partition at this place can be one that is remembered, or before one that is. */
  mayReach(at: TopicPartition, order: string): boolean {
    return order <= this.reach && this.#files.some((each) => reaches(each, at, order));
  }

  /** By key, of those asked for: the latest place at which its row was deleted. `order`: the least place that asks. */
  async deletes(at: TopicPartition, order: string, keys: Iterable<string>): Promise<Map<string, string>> {
    const asked = [...keys];
    const found = new Map<string, string>();
    for (const each of this.#files) {
      if (!reaches(each, at, order)) continue;
      const { deletes } = await this.#load(each.file);
      for (const key of asked) {
        const position = deletes.get(key);
        if (position !== undefined && position > (found.get(key) ?? '')) found.set(key, position);
      }
    }
    return found;
  }

  /** Whether any of these events, none of which lies before `order`, was applied, and when its record was made. */
  async applied(
    at: TopicPartition,
    order: string,
    identities: Iterable<string>,
  ): Promise<Map<string, readonly Applied[]>> {
    const asked = [...identities];
    const found = new Map<string, readonly Applied[]>();
    for (const each of this.#files) {
      if (!reaches(each, at, order)) continue;
      const { applied } = await this.#load(each.file);
      for (const identity of asked) {
        const events = applied.get(identity);
        if (events !== undefined) found.set(identity, [...(found.get(identity) ?? []), ...events]);
      }
    }
    return found;
  }

  async image(source: ImageSource): Promise<ParkedRow | undefined> {
    for (const { file } of this.#files) {
      if (file.images === 0) continue;
      const image = (await this.#load(file)).images.get(imagePlace(source));
      if (image !== undefined) return image;
    }
    return undefined;
  }

  /** Every row that still waits for columns. */
  async pendings(): Promise<readonly Pending[]> {
    const waiting = this.#files.filter(({ file }) => file.waits > 0);
    const settled = new Set<string>();
    const pendings: Pending[] = [];
    for (const { file } of waiting) {
      const contents = await this.#load(file);
      for (const wait of contents.settled)
        for (const column of wait.columns) settled.add(waitText(wait, column));
      pendings.push(...contents.pendings);
    }
    return pendings.flatMap((pending) => {
      const columns = pending.columns.filter((column) => !settled.has(waitText(pending, column)));
      return columns.length === 0 ? [] : [{ ...pending, columns }];
    });
  }

  /** All that was ever noted about waiting and is still named, settled or not. */
  async waits(): Promise<Waits> {
    const pending = new Set<string>();
    const settled = new Set<string>();
    for (const { file } of this.#files) {
      if (file.waits === 0) continue;
      const contents = await this.#load(file);
      for (const wait of contents.pendings)
        for (const column of wait.columns) pending.add(waitText(wait, column));
      for (const wait of contents.settled)
        for (const column of wait.columns) settled.add(waitText(wait, column));
    }
    return { pending, settled };
  }

  /** Whether a change at or behind this place may have taken a row. */
  mayTake(from: string): boolean {
    return this.#files.some(({ file }) => takesFrom(file, from));
  }

  /** By content, of those asked for: which rows the changes at and behind a place took of it. */
  async taken(from: string, texts: Iterable<string>): Promise<ReadonlyMap<string, readonly Taken[]>> {
    const asked = [...texts];
    const found = new Map<string, Map<string, Taken>>();
    for (const { file } of this.#files) {
      if (!takesFrom(file, from)) continue;
      const { taken } = await this.#load(file);
      for (const text of asked) {
        for (const each of taken.get(text) ?? []) {
          if (orderText(each.by.position) >= from) keepLatest(found, text, each);
        }
      }
    }
    return new Map([...found].map(([text, byChange]) => [text, [...byChange.values()]]));
  }

  #load(file: StateFile): Promise<Contents> {
    return this.#cache.load(file, this.#store, this.#schema, this.#signal);
  }
}

/** A Kafka offset is a place in its own partition only. */
function reaches({ file, of }: OwnedFile, at: TopicPartition, order: string): boolean {
  if (file.reach === '' || order > file.reach) return false;
  return ordersAcrossPartitions(order) || (of.topic === at.topic && of.partition === at.partition);
}

function takesFrom({ taken, reach }: StateFile, from: string): boolean {
  return taken > 0 && reach >= from;
}

function keepLatest(found: Map<string, Map<string, Taken>>, text: string, taken: Taken): void {
  const { position, partition, offset } = taken.by;
  const change = `${partition}:${offset}:${position}`;
  const known = found.get(text);
  if (known === undefined) found.set(text, new Map([[change, taken]]));
  else if (taken.round > (known.get(change)?.round ?? -1)) known.set(change, taken);
}

/** One column of one wait, as a text. */
export function waitText({ key, source }: Wait, column: string): string {
  return JSON.stringify([key, source.key, source.order, column]);
}

/** A file's records, as they are looked up. */
type Contents = {
  readonly rows: number;
  readonly deletes: ReadonlyMap<string, string>;
  readonly applied: ReadonlyMap<string, readonly Applied[]>;
  readonly images: ReadonlyMap<string, ParkedRow>;
  readonly pendings: readonly Pending[];
  readonly settled: readonly Wait[];
  /** By the text of the row's content. */
  readonly taken: ReadonlyMap<string, readonly Taken[]>;
};

/** Rows of memory files that are kept decoded, some hundred bytes each; what goes beyond is read again when asked for. */
const CACHED_ROWS_MAX = 400_000;

/** The files that were read last; they never change, so that what was read stands. */
export class MemoryCache {
  readonly #own: ReadonlySet<string>;
  #schema: StructType | undefined;
  #schemaText = '';
  readonly #files = new Map<string, Contents>();
  #rows = 0;

  /** `own`: the sink's own columns, which are no part of a row's content. */
  constructor(own: Iterable<string>) {
    this.#own = new Set(own);
  }

  async load(
    { path, rows }: StateFile,
    store: ObjectStore,
    schema: StructType,
    signal: AbortSignal,
  ): Promise<Contents> {
    this.#readAs(schema);
    const known = this.#files.get(path);
    if (known !== undefined) {
      this.#files.delete(path);
      this.#files.set(path, known);
      return known;
    }
    const records = await readMemoryFile(store, path, schema, signal);
    const contents = contentsOf(records, contentColumns(schema, this.#own));
    if (rows <= CACHED_ROWS_MAX) this.#keep(path, contents);
    return contents;
  }

  #keep(path: string, contents: Contents): void {
    this.#files.set(path, contents);
    this.#rows += contents.rows;
    for (const [oldest, { rows }] of this.#files) {
      if (this.#rows <= CACHED_ROWS_MAX) return;
      this.#files.delete(oldest);
      this.#rows -= rows;
    }
  }

  #readAs(schema: StructType): void {
    if (schema === this.#schema) return;
    const text = formatSchemaString(schema);
    this.#schema = schema;
    if (text === this.#schemaText) return;
    this.#schemaText = text;
    this.#files.clear();
    this.#rows = 0;
  }
}

/**
 * Reads a file of a partition's memory.
 *
 * @throws SluiceError FILE_NOT_FOUND if it is gone: what it held back must not come in
 */
export async function readMemoryFile(
  store: ObjectStore,
  path: string,
  schema: StructType,
  signal: AbortSignal,
): Promise<readonly MemoryRecord[]> {
  const body = await store.get(path, { signal });
  if (body === undefined) throw missing(path, store.url);
  return decodeMemory(body, schema, path);
}

function contentsOf(records: readonly MemoryRecord[], content: readonly StructField[]): Contents {
  const deletes = new Map<string, string>();
  const applied = new Map<string, Applied[]>();
  const images = new Map<string, ParkedRow>();
  const pendings: Pending[] = [];
  const settled: Wait[] = [];
  const taken = new Map<string, Taken[]>();
  for (const record of records) {
    switch (record.kind) {
      case 'delete':
        if (record.position > (deletes.get(record.key) ?? '')) deletes.set(record.key, record.position);
        break;
      case 'image':
        images.set(imagePlace(record), record);
        break;
      case 'pending':
        pendings.push(record);
        break;
      case 'settled':
        settled.push(record);
        break;
      case 'applied': {
        const same = applied.get(record.identity);
        if (same === undefined) applied.set(record.identity, [record]);
        else same.push(record);
        break;
      }
      case 'taken': {
        const { by, round, row } = record;
        const text = textOfImage(record.image, content);
        const same = taken.get(text);
        if (same === undefined) taken.set(text, [{ by, round, row }]);
        else same.push({ by, round, row });
        break;
      }
    }
  }
  return { rows: records.length, deletes, applied, images, pendings, settled, taken };
}

/** The columns that make a row of a table without a key equal another: all but the sink's own. */
export function contentColumns(schema: StructType, own: ReadonlySet<string>): readonly StructField[] {
  return schema.fields.filter(({ name }) => !own.has(name));
}

/** The text of a row as `rowTexts` has it. */
function textOfImage(image: RowImage, fields: readonly StructField[]): string {
  const values = fields.map(({ name }) => image.get(name) ?? null);
  return canonicalRow({ kind: 'struct', fields }, values);
}

function missing(path: string, url: string): SluiceError {
  return new SluiceError(
    'FILE_NOT_FOUND',
    `${path} is gone: it says which late changes must not be applied`,
    {
      context: { table: url, file: path },
      hint: 'Restore the file below the table, or let the table begin anew from its topic.',
    },
  );
}
