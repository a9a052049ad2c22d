import type { Origin } from '../cdc/changes.js';
import { SluiceError } from '../base/errors.js';
import type { ObjectStore } from '../storage/object-store.js';
import { parseRecord, recordName } from './starts.js';

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

  async load(topic: string, signal: AbortSignal): Promise<readonly Origin[]> {
    const origins: Origin[] = [];
    for await (const { key } of this.#store.list(this.#folder(topic), { signal })) {
      const body = await this.#store.get(key, { signal });
      if (body !== undefined) origins.push(parseOrigin(key, new TextDecoder().decode(body)));
    }
    return origins;
  }

  /** Safe once resolved; on record already is fine. */
  async record(topic: string, origin: Origin, signal: AbortSignal): Promise<void> {
    const { connector, name, db, schema, table } = origin;
    const key = `${this.#folder(topic)}${recordName([connector, name, db, schema, table].join(':'))}.json`;
    const body = `${JSON.stringify({ topic, connector, name, db, schema, table })}\n`;
    await this.#store.putIfAbsent(key, new TextEncoder().encode(body), { signal });
  }

  #folder(topic: string): string {
    return `_sluice/destinations/${recordName(`${this.#identity}:${topic}`)}/`;
  }
}

function parseOrigin(key: string, text: string): Origin {
  const { connector, name, db, schema, table } = parseRecord(text) ?? {};
  if (
    typeof connector === 'string' &&
    typeof name === 'string' &&
    typeof db === 'string' &&
    typeof schema === 'string' &&
    typeof table === 'string'
  ) {
    return { connector, name, db, schema, table };
  }
  throw new SluiceError('CORRUPT_FILE', `${key} does not hold what Sluice wrote there`, {
    context: { file: key },
    hint: 'restore the file; without it, changes of that source may be passed over',
  });
}
