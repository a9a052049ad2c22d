import type { Origin } from '../cdc/changes.js';
import { SluiceError } from '../base/errors.js';
import type { ObjectStore } from '../storage/object-store.js';
import { parseRecord, recordName } from './starts.js';

/** A source of changes as it is on record. */
export type Destination = {
  readonly origin: Origin;
  /**
   * Offsets, by partition, below which the topic was proven to hold nothing of the source when it was first seen.
   * Partitions that were not ours then are not in it.
   */
  readonly emptyBelow: ReadonlyMap<number, number>;
};

/**
 * Which sources of changes each topic has been seen to hold, kept under `_sluice/destinations/` of the base URL.
 * A source is on record before any table commits past its first change. So whoever starts later knows every table
 * that may still need offsets which others have passed, and takes nothing from the memory of a process.
 */
export class Destinations {
  readonly #store: ObjectStore;
  readonly #identity: string;

  constructor(store: ObjectStore, identity: string) {
    this.#store = store;
    this.#identity = identity;
  }

  async load(topic: string, signal: AbortSignal): Promise<readonly Destination[]> {
    const destinations: Destination[] = [];
    for await (const { key } of this.#store.list(this.#folder(topic), { signal })) {
      const body = await this.#store.get(key, { signal });
      if (body !== undefined) destinations.push(parseDestination(key, new TextDecoder().decode(body)));
    }
    return destinations;
  }

  /** Safe once resolved; on record already is fine, and then that stands. */
  async record(topic: string, { origin, emptyBelow }: Destination, signal: AbortSignal): Promise<void> {
    const { connector, name, db, schema, table } = origin;
    const key = `${this.#folder(topic)}${recordName([connector, name, db, schema, table].join(':'))}.json`;
    const body = `${JSON.stringify({ topic, connector, name, db, schema, table, emptyBelow: Object.fromEntries(emptyBelow) })}\n`;
    await this.#store.putIfAbsent(key, new TextEncoder().encode(body), { signal });
  }

  #folder(topic: string): string {
    return `_sluice/destinations/${recordName(`${this.#identity}:${topic}`)}/`;
  }
}

function parseDestination(key: string, text: string): Destination {
  const { connector, name, db, schema, table, emptyBelow } = parseRecord(text) ?? {};
  if (
    typeof connector === 'string' &&
    typeof name === 'string' &&
    typeof db === 'string' &&
    typeof schema === 'string' &&
    typeof table === 'string'
  ) {
    return { origin: { connector, name, db, schema, table }, emptyBelow: offsetsIn(emptyBelow) };
  }
  throw new SluiceError('CORRUPT_FILE', `${key} does not hold what Sluice wrote there`, {
    context: { file: key },
    hint: 'restore the file; without it, changes of that source may be passed over',
  });
}

// What is not there, or makes no sense, proves nothing: the partition is read from its start.
function offsetsIn(value: unknown): ReadonlyMap<number, number> {
  const offsets = new Map<number, number>();
  if (typeof value !== 'object' || value === null) return offsets;
  for (const [partition, offset] of Object.entries(value)) {
    if (Number.isSafeInteger(offset) && offset >= 0) offsets.set(Number(partition), Number(offset));
  }
  return offsets;
}
