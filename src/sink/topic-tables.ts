import type { Origin } from '../cdc/changes.js';
import { isSluiceError } from '../base/errors.js';
import type { Destinations } from './destinations.js';
import { failureOf } from './failure.js';
import type { Failure } from './lane-state.js';
import type { Table, Tables } from './tables.js';
import type { ChangeOrigin, TableChoice } from './table-path.js';

export type TopicTablesOptions = {
  readonly topic: string;
  readonly tables: Tables;
  readonly destinations: Destinations;
  readonly pathOf: TableChoice;
  readonly make: (path: string, change: ChangeOrigin) => Table;
  /** Told once for each source that can have no table. */
  readonly refuse: (failure: Failure, path: string | undefined) => void;
  /** Runs what touches the store; tries again while that can help. */
  readonly persist: <T>(work: (signal: AbortSignal) => Promise<T>) => Promise<T>;
};

/** The sources that a topic holds, and the table of each. */
export class TopicTables {
  readonly #options: TopicTablesOptions;
  readonly #byOrigin = new Map<Origin, Table | undefined>();
  readonly #recorded = new Set<string>();
  readonly #refused = new Set<string>();
  readonly #tables = new Set<Table>();

  constructor(options: TopicTablesOptions) {
    this.#options = options;
  }

  /** Tables known so far. */
  get tables(): ReadonlySet<Table> {
    return this.#tables;
  }

  /** The one table of the topic, if it has exactly one. */
  get single(): Table | undefined {
    const [first] = this.#tables;
    return this.#tables.size === 1 && first !== undefined ? first : undefined;
  }

  /** Takes up what is on record. */
  async load(): Promise<void> {
    const { destinations, topic, persist } = this.#options;
    const origins = await persist((signal) => destinations.load(topic, signal));
    for (const origin of origins) {
      this.#recorded.add(wordsOf(origin));
      this.#claim(origin);
    }
  }

  /** The table that changes of this source go to, if one is known; `undefined` also for a source that was refused. */
  known(origin: Origin): { readonly table: Table | undefined } | undefined {
    return this.#byOrigin.has(origin) ? { table: this.#byOrigin.get(origin) } : undefined;
  }

  /** The table of a source seen for the first time; it is on record once this resolves. */
  async discover(origin: Origin): Promise<Table | undefined> {
    const { destinations, topic, persist } = this.#options;
    if (!this.#recorded.has(wordsOf(origin))) {
      await persist((signal) => destinations.record(topic, origin, signal));
      this.#recorded.add(wordsOf(origin));
    }
    const table = this.#claim(origin);
    this.#byOrigin.set(origin, table);
    return table;
  }

  #claim(source: Origin): Table | undefined {
    const { topic, tables, pathOf, make, refuse } = this.#options;
    const change = { topic, source };
    let path: string | undefined;
    try {
      const chosen = pathOf(change);
      path = chosen;
      const table = tables.claim(chosen, change, () => make(chosen, change));
      this.#tables.add(table);
      return table;
    } catch (cause) {
      // A source whose path cannot be is its own trouble: the other tables go on.
      if (!isSluiceError(cause, 'CONFIG_INVALID')) throw cause;
      const words = wordsOf(source);
      if (!this.#refused.has(words)) refuse({ ...failureOf(cause), topic }, path);
      this.#refused.add(words);
      return undefined;
    }
  }
}

function wordsOf({ connector, name, db, schema, table }: Origin): string {
  return JSON.stringify([connector, name, db, schema, table]);
}
