import type { Origin } from '../cdc/changes.js';
import { SluiceError } from '../base/errors.js';
import type { ObjectStore } from '../storage/object-store.js';
import { parseRecord, recordName } from './starts.js';

/** A source of changes as it is on record. */
export type Destination = {
  readonly origin: Origin;
  /**
   * The partitions in which it was met, and for each the offset below which the partition was proven to hold nothing
   * of it. A partition that is not named holds nothing of it that any table has passed.
   */
  readonly emptyBelow: ReadonlyMap<number, number>;
};

type Meeting = { readonly origin: Origin; readonly partition: number; readonly emptyBelow: number };

/**
 * Which sources of changes each partition of a topic has been seen to hold, kept under `_sluice/destinations/` of the
 * base URL: one file for each source and partition, created if absent before any row of it is handed out, so before
 * any table commits past it. So whoever starts later knows every table that may still need offsets which others have
 * passed, and which tables need none, and takes nothing from the memory of a process.
 */
export class Destinations {
  readonly #store: ObjectStore;
  readonly #identity: string;
  /** What was read of each file; none ever changes. */
  readonly #read = new Map<string, Meeting>();

  constructor(store: ObjectStore, identity: string) {
    this.#store = store;
    this.#identity = identity;
  }

  async load(topic: string, signal: AbortSignal): Promise<readonly Destination[]> {
    const keys: string[] = [];
    for await (const { key } of this.#store.list(this.#folder(topic), { signal })) keys.push(key);
    const meetings = await Promise.all(keys.map((key) => this.#meeting(key, signal)));
    const destinations = new Map<string, { origin: Origin; emptyBelow: Map<number, number> }>();
    for (const meeting of meetings) {
      if (meeting === undefined) continue;
      const { origin, partition, emptyBelow } = meeting;
      const name = nameOf(origin);
      const destination = destinations.get(name) ?? { origin, emptyBelow: new Map<number, number>() };
      destination.emptyBelow.set(partition, emptyBelow);
      destinations.set(name, destination);
    }
    return [...destinations.values()];
  }

  /** Safe once resolved; on record already is fine, and then that stands. */
  async record(
    topic: string,
    { origin, partition, emptyBelow }: Meeting,
    signal: AbortSignal,
  ): Promise<void> {
    const { connector, name, db, schema, table } = origin;
    const key = `${this.#folder(topic)}${nameOf(origin)}/${partition}.json`;
    const record = { topic, connector, name, db, schema, table, partition, emptyBelow };
    await this.#store.putIfAbsent(key, new TextEncoder().encode(`${JSON.stringify(record)}\n`), { signal });
  }

  async #meeting(key: string, signal: AbortSignal): Promise<Meeting | undefined> {
    const known = this.#read.get(key);
    if (known !== undefined) return known;
    const body = await this.#store.get(key, { signal });
    if (body === undefined) return undefined;
    const meeting = parseMeeting(key, new TextDecoder().decode(body));
    this.#read.set(key, meeting);
    return meeting;
  }

  #folder(topic: string): string {
    return `_sluice/destinations/${recordName(`${this.#identity}:${topic}`)}/`;
  }
}

function nameOf({ connector, name, db, schema, table }: Origin): string {
  const parts = [connector, name, db, schema, table];
  // Escaped each for itself: no two sources may share a file.
  return recordName(parts.map((part) => part.replaceAll('%', '%25').replaceAll(':', '%3A')).join(':'));
}

function parseMeeting(key: string, text: string): Meeting {
  const { connector, name, db, schema, table, partition, emptyBelow } = parseRecord(text) ?? {};
  if (
    typeof connector === 'string' &&
    typeof name === 'string' &&
    typeof db === 'string' &&
    typeof schema === 'string' &&
    typeof table === 'string' &&
    isOffset(partition) &&
    isOffset(emptyBelow)
  ) {
    return { origin: { connector, name, db, schema, table }, partition, emptyBelow };
  }
  throw new SluiceError('CORRUPT_FILE', `${key} does not hold what Sluice wrote there`, {
    context: { file: key },
    hint: 'restore the file; without it, changes of that source may be passed over',
  });
}

function isOffset(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
