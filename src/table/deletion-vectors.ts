import { randomUUID } from 'node:crypto';
import { SluiceError } from '../base/errors.js';
import type { DeletionVectorDescriptor } from '../protocol/actions.js';
import {
  decodeDeletionVector,
  decodeInlineDeletionVector,
  deletionVectorRange,
  describeDeletionVectors,
  dvFileKey,
  dvFileKeyOf,
  encodeDeletionVectors,
} from '../protocol/deletion-vector.js';
import { deletionVectorId } from '../protocol/live-files.js';
import type { RowSet } from '../protocol/row-set.js';
import type { ObjectStore } from '../storage/object-store.js';
import { locateUrl, type FileLocation } from './location.js';

/**
 * Writes the sets as one new deletion-vector file and gives a descriptor for each, in order; no file for no sets.
 * Durable before it returns. Delta protocol, "Deletion Vector File Storage Format".
 */
export async function writeDeletionVectors(
  store: ObjectStore,
  sets: readonly RowSet[],
  options: { readonly signal: AbortSignal },
): Promise<readonly DeletionVectorDescriptor[]> {
  if (sets.length === 0) return [];
  const uuid = randomUUID();
  const { file, slices } = encodeDeletionVectors(sets);
  await store.put(dvFileKeyOf(uuid), file, options);
  return describeDeletionVectors(uuid, slices);
}

/**
 * The rows that a descriptor names. Sets are kept for a while, since their files never change. `CORRUPT_FILE` if the
 * bytes are not what the descriptor says, `FILE_NOT_FOUND` if the file is gone.
 */
export async function readDeletionVector(
  store: ObjectStore,
  descriptor: DeletionVectorDescriptor,
  options: { readonly signal: AbortSignal },
): Promise<RowSet> {
  const key = dvFileKey(descriptor);
  if (key === undefined) return decodeInlineDeletionVector(descriptor);
  const id = `${store.url} ${deletionVectorId(descriptor)}`;
  const kept = CACHE.find(id);
  if (kept !== undefined) return kept;
  const at = locateVector(store, descriptor, key);
  const set = await readSet(at, descriptor, options);
  CACHE.keep(id, set);
  return set;
}

/** Where the file of a deletion vector lies; undefined for one that stands in the log itself. */
export function vectorFile(
  store: ObjectStore,
  descriptor: DeletionVectorDescriptor,
): FileLocation | undefined {
  const key = dvFileKey(descriptor);
  return key === undefined ? undefined : locateVector(store, descriptor, key);
}

function locateVector(
  store: ObjectStore,
  { storageType }: DeletionVectorDescriptor,
  key: string,
): FileLocation {
  return storageType === 'p' ? locateUrl(store, key) : { store, key };
}

async function readSet(
  { store, key }: FileLocation,
  descriptor: DeletionVectorDescriptor,
  options: { readonly signal: AbortSignal },
): Promise<RowSet> {
  const { start, end } = deletionVectorRange(descriptor);
  try {
    return decodeDeletionVector(await store.getRange(key, start, end, options), descriptor, start);
  } catch (cause) {
    options.signal.throwIfAborted();
    if ((await store.head(key, options)) !== undefined) throw cause;
    throw new SluiceError(
      'FILE_NOT_FOUND',
      `${store.url}/${key}, a deletion vector that the log names, is not there`,
      {
        context: { file: key, table: store.url },
        hint: 'the file was removed behind the log, by a VACUUM with a short retention perhaps: read a newer version',
        cause,
      },
    );
  }
}

/** The sets used last, up to so many bytes in all. */
class RecentSets {
  readonly #bytesMax: number;
  #bytes = 0;
  readonly #sets = new Map<string, RowSet>();

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  find(id: string): RowSet | undefined {
    const set = this.#sets.get(id);
    if (set === undefined) return undefined;
    // A map remembers the order of insertion: the one used last goes to the end.
    this.#sets.delete(id);
    this.#sets.set(id, set);
    return set;
  }

  keep(id: string, set: RowSet): void {
    if (this.#sets.has(id)) return;
    this.#sets.set(id, set);
    this.#bytes += bytesOf(set);
    for (const [oldest, old] of this.#sets) {
      if (this.#bytes <= this.#bytesMax) return;
      this.#sets.delete(oldest);
      this.#bytes -= bytesOf(old);
    }
  }
}

/** At most: a row costs two bytes or less. */
function bytesOf(set: RowSet): number {
  return set.size * 2 + 128;
}

/** Sixteen million deleted rows: a merge touches the same few files again and again. */
const CACHE = new RecentSets(32 * 2 ** 20);
