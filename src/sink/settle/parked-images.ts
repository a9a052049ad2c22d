import { randomUUID } from 'node:crypto';
import { reader } from '../../columnar/cells.js';
import { openParquet, writeParquet } from '../../columnar/parquet.js';
import { structOf } from '../../columnar/arrow.js';
import { TableBuilder } from '../../columnar/table-builder.js';
import { STRING, field } from '../../schema/build.js';
import type { StructType, Value } from '../../schema/types.js';
import type { ObjectStore } from '../../storage/object-store.js';
import type { ParkedImage } from './new-rows.js';
import type { StateFile } from './partition-domain.js';

/** The image of a row that a key change deleted before its create was seen (R16). */
export type ImageToPark = {
  readonly topic: string;
  readonly partition: number;
  readonly key: string;
  /** The part of the key change's position that is compared. */
  readonly order: string;
  /** By column index of the schema. */
  readonly values: readonly Value[];
};

const KEY = '__sluice_key';
const ORDER = '__sluice_order';

/** How long an image waits for its create: as long as Kafka's own default for a record of an idle consumer group. */
export const IMAGE_TTL_MS = 24 * 3_600_000;

/** Writes images to a file of their own below `_sluice/`; durable on return, named by the commit that follows. */
export async function writeImages(
  store: ObjectStore,
  schema: StructType,
  images: readonly ImageToPark[],
  options: { readonly nowMs: number; readonly signal: AbortSignal },
): Promise<StateFile> {
  const fields = [field(KEY, STRING), field(ORDER, STRING), ...schema.fields];
  const builder = new TableBuilder({ kind: 'struct', fields });
  for (const image of images) {
    builder.column(0).append(image.key);
    builder.column(1).append(image.order);
    image.values.forEach((value, at) => builder.column(at + 2).append(value));
  }
  const path = `_sluice/images/${randomUUID()}.parquet`;
  await store.put(path, writeParquet(builder.finish(), {}), { signal: options.signal });
  return { path, kind: 'images', writtenAtMs: options.nowMs };
}

/** Finds images by the key they stood under and the place of their key change. */
export class ParkedImages {
  readonly #images: ReadonlyMap<string, ParkedImage>;

  private constructor(images: ReadonlyMap<string, ParkedImage>) {
    this.#images = images;
  }

  /** Reads the files; one that is gone holds nothing any more. */
  static async load(
    store: ObjectStore,
    files: readonly StateFile[],
    signal: AbortSignal,
  ): Promise<ParkedImages> {
    const images = new Map<string, ParkedImage>();
    for (const { path } of files) {
      const body = await store.get(path, { signal });
      if (body === undefined) continue;
      for (const [at, image] of await readImages(body)) images.set(at, image);
    }
    return new ParkedImages(images);
  }

  find(key: string, order: string): ParkedImage | undefined {
    return this.#images.get(place(key, order));
  }
}

async function readImages(body: Uint8Array): Promise<readonly (readonly [string, ParkedImage])[]> {
  const read = async (start: number, end: number): Promise<Uint8Array> => body.subarray(start, end);
  const file = await openParquet({ size: body.byteLength, read });
  try {
    const table = await file.read({});
    const columns = structOf(table.schema).fields.map(
      ({ name, type }) => [name, reader(table, name, type)] as const,
    );
    const out: (readonly [string, ParkedImage])[] = [];
    for (let row = 0; row < table.numRows; row++) {
      const values = new Map(columns.map(([name, cell]) => [name, cell(row)]));
      out.push([place(String(values.get(KEY)), String(values.get(ORDER))), values]);
    }
    return out;
  } finally {
    file[Symbol.dispose]();
  }
}

function place(key: string, order: string): string {
  return `${order} ${key}`;
}
