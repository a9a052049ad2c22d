import { SluiceError } from '../base/errors.js';
import type { TableLane } from './lane.js';
import type { SettleMetrics } from './settler.js';
import type { TableSummary } from './sink-events.js';
import { type ChangeOrigin, describeOrigin } from './table-path.js';

/** A table of this run: its lane, who feeds it, and what was done so far. */
export type Table = {
  /** Its path below the base URL. */
  readonly name: string;
  readonly url: string;
  readonly topic: string;
  /** The source that feeds it, in words. */
  readonly feeder: string;
  readonly lane: TableLane;
  readonly done: TableCounts;
};

/** Counts of one run. */
export class TableCounts {
  #version: number | undefined;
  #commits = 0;
  #inserted = 0;
  #updated = 0;
  #deleted = 0;
  #stale = 0;
  #deadLetters = 0;

  committed(version: number, metrics: SettleMetrics): void {
    this.#version = version;
    this.#commits++;
    this.#inserted += metrics.inserted;
    this.#updated += metrics.updated;
    this.#deleted += metrics.deleted;
    this.#stale += metrics.stale;
  }

  putAside(count: number): void {
    this.#deadLetters += count;
  }

  summary(table: string, url: string): TableSummary {
    return {
      table,
      url,
      version: this.#version,
      commits: this.#commits,
      inserted: this.#inserted,
      updated: this.#updated,
      deleted: this.#deleted,
      stale: this.#stale,
      deadLetters: this.#deadLetters,
    };
  }
}

/**
 * The tables of a run by path. One path is one source's: file systems that ignore case, and tables inside the
 * folder of another, would let one table write over or clean away the other's files.
 */
export class Tables {
  readonly #byFolded = new Map<string, Table>();

  /**
   * The table at `path`, made by `make` if it is not there. `CONFIG_INVALID`, naming both sources, if the path is
   * another source's, ignoring case, or lies inside or around another table's.
   */
  claim(path: string, change: ChangeOrigin, make: () => Table): Table {
    const feeder = describeOrigin(change);
    const folded = path.toLowerCase();
    const same = this.#byFolded.get(folded);
    if (same !== undefined) {
      if (same.name === path && same.feeder === feeder) return same;
      throw clash(`${feeder} and ${same.feeder} both go to the table ${path}`, [path, same.name]);
    }
    for (const [other, table] of this.#byFolded) {
      if (folded.startsWith(`${other}/`) || other.startsWith(`${folded}/`)) {
        throw clash(
          `the table ${path} of ${feeder} and the table ${table.name} of ${table.feeder} lie one inside the other`,
          [path, table.name],
        );
      }
    }
    const table = make();
    this.#byFolded.set(folded, table);
    return table;
  }

  all(): readonly Table[] {
    return [...this.#byFolded.values()];
  }
}

function clash(what: string, paths: readonly string[]): SluiceError {
  return new SluiceError('CONFIG_INVALID', what, {
    context: { key: 'collection.name.format', table: paths.join(', ') },
    hint: 'choose a collection.name.format, or a "table" function, that gives each source a path of its own; letter case does not count',
  });
}
