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

type Met = { readonly table: Table | undefined; readonly partitions: Set<number> };

/** The sources that a topic holds, and the table of each. */
export class TopicTables {
  readonly #options: TopicTablesOptions;
  readonly #byOrigin = new Map<Origin, Met>();
  /** Sources and partitions that are on record, in words. */
  readonly #recorded = new Set<string>();
  readonly #refused = new Set<string>();
  readonly #tables = new Set<Table>();
  /** One source of each table. */
  readonly #originOf = new Map<Table, Origin>();
  /** What is on record of each table's sources, by their words. */
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
      for (const partition of destination.emptyBelow.keys()) this.#recorded.add(`${words}${partition}`);
      const table = this.#claim(destination.origin);
      if (table === undefined) continue;
      this.#onRecord.set(table, (this.#onRecord.get(table) ?? new Map()).set(words, destination));
    }
  }

  /**
   * Below this offset the partition holds nothing for the table, as was on record when it was last loaded. Undefined
   * if the table was never met there: then the partition holds nothing for it below what any table has committed.
   */
  emptyBelow(table: Table, partition: number): number | undefined {
    const destinations = [...(this.#onRecord.get(table)?.values() ?? [])];
    const offsets = destinations.flatMap((one) => one.emptyBelow.get(partition) ?? []);
    return offsets.length === 0 ? undefined : Math.min(...offsets);
  }

  /**
   * The table that changes of this source go to, if the source is known to be met in the partition; `table` is
   * undefined for a source that was refused.
   */
  known(origin: Origin, partition: number): { readonly table: Table | undefined } | undefined {
    const met = this.#byOrigin.get(origin);
    return met?.partitions.has(partition) === true ? met : undefined;
  }

  /**
   * The table of a source that is met in a partition; on record once this resolves. `emptyBelow`: the offset below
   * which the partition was looked through for it in vain.
   */
  async meet(origin: Origin, partition: number, emptyBelow: number): Promise<Table | undefined> {
    const { destinations, topic, persist } = this.#options;
    const words = `${wordsOf(origin)}${partition}`;
    if (!this.#recorded.has(words)) {
      await persist((signal) => destinations.record(topic, { origin, partition, emptyBelow }, signal));
      this.#recorded.add(words);
    }
    const met = this.#byOrigin.get(origin) ?? { table: this.#claim(origin), partitions: new Set<number>() };
    met.partitions.add(partition);
    this.#byOrigin.set(origin, met);
    return met.table;
  }

  /** The same for records that do not say whose they are, and are taken for this table's. */
  async meetTable(table: Table, partition: number, emptyBelow: number): Promise<void> {
    const origin = this.#originOf.get(table);
    if (origin !== undefined && this.known(origin, partition) === undefined)
      await this.meet(origin, partition, emptyBelow);
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
      if (!this.#originOf.has(table)) this.#originOf.set(table, source);
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
