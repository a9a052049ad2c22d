import type { Origin } from '../cdc/changes.js';
import { isSluiceError } from '../base/errors.js';
import type { Destination, Destinations } from './destinations.js';
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
  /** What is on record of each table's sources; a record never changes. */
  readonly #onRecord = new Map<Table, Map<string, Destination>>();

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
    const loaded = await persist((signal) => destinations.load(topic, signal));
    for (const destination of loaded) {
      const words = wordsOf(destination.origin);
      this.#recorded.add(words);
      const table = this.#claim(destination.origin);
      if (table === undefined) continue;
      this.#onRecord.set(table, (this.#onRecord.get(table) ?? new Map()).set(words, destination));
    }
  }

  /** Below this offset the partition holds nothing for the table, as is on record; undefined if nothing is. */
  emptyBelow(table: Table, partition: number): number | undefined {
    const destinations = [...(this.#onRecord.get(table)?.values() ?? [])];
    const offsets = destinations.map((one) => one.emptyBelow.get(partition));
    const said = offsets.filter((offset) => offset !== undefined);
    return said.length > 0 && said.length === offsets.length ? Math.min(...said) : undefined;
  }

  /** The table that changes of this source go to, if one is known; `undefined` also for a source that was refused. */
  known(origin: Origin): { readonly table: Table | undefined } | undefined {
    return this.#byOrigin.has(origin) ? { table: this.#byOrigin.get(origin) } : undefined;
  }

  /**
   * The table of a source seen for the first time; it is on record once this resolves. `emptyBelow`: the offsets, by
   * partition, below which it has been looked for and was not met.
   */
  async discover(origin: Origin, emptyBelow: ReadonlyMap<number, number>): Promise<Table | undefined> {
    const { destinations, topic, persist } = this.#options;
    if (!this.#recorded.has(wordsOf(origin))) {
      await persist((signal) => destinations.record(topic, { origin, emptyBelow }, signal));
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
