import type { ChangeSource, TopicPartition } from '../source/change-source.js';
import { keyOf } from './standing.js';
import type { Table } from './tables.js';

export type StandstillOptions = {
  readonly source: Pick<ChangeSource, 'pause' | 'resume'>;
  partitionsOf(table: Table): readonly TopicPartition[];
  tablesOf(partition: TopicPartition): ReadonlySet<Table>;
};

/**
 * Keeps a partition still while all of its tables wait: what came would be given back. As long as one of them takes
 * something in it goes on, and those that wait have it come again when they are well.
 */
export class Standstill {
  readonly #options: StandstillOptions;
  readonly #paces = new Map<Table, Table['lane']['pace']>();
  readonly #still = new Set<string>();

  constructor(options: StandstillOptions) {
    this.#options = options;
  }

  /** Something happened to the table's lane. */
  look(table: Table): void {
    const { pace } = table.lane;
    if (this.#paces.get(table) === pace) return;
    this.#paces.set(table, pace);
    for (const partition of this.#options.partitionsOf(table)) this.review(partition);
  }

  /** The partition begins, also if it was here before: a source keeps nothing still over an assignment. */
  begin(partition: TopicPartition): void {
    this.#still.delete(keyOf(partition));
    this.review(partition);
  }

  /** Keeps it still or lets it go on, as its tables are now. */
  review(partition: TopicPartition): void {
    const { source } = this.#options;
    const lanes = [...this.#options.tablesOf(partition)].map(({ lane }) => lane);
    const paces = lanes.map(({ pace }) => pace).filter((pace) => pace !== 'over');
    const still = paces.length > 0 && paces.every((pace) => pace === 'waits');
    const key = keyOf(partition);
    if (still === this.#still.has(key)) return;
    if (still) {
      this.#still.add(key);
      source.pause([partition]);
    } else {
      this.#still.delete(key);
      source.resume([partition]);
    }
  }
}
