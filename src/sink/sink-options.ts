import { asyncScheduler, type Observable, type SchedulerLike } from 'rxjs';
import type { RecordDecoder } from '../cdc/decoder.js';
import type { Change } from '../cdc/object-changes.js';
import type { StartPolicy } from '../source/change-source.js';
import type { ObjectStore } from '../storage/object-store.js';
import type { DeadLetters } from './dead-letters.js';
import type { TableOptions } from './settler.js';
import { chosenPath, defaultPath, formatPath, type TableChoice } from './table-path.js';

/** The user's own operators over the changes of one batch: a finite Observable in, a finite Observable out. */
export type Pipe = (changes$: Observable<Change>) => Observable<Change>;

export type DeltaSinkOptions = {
  /** Where the tables are: a URL, or a store rooted there. */
  readonly base: string | ObjectStore;
  /** The table of a change, as a path below `base`; wins over `format`. */
  readonly table?: TableChoice;
  /** `collection.name.format`; `${source.schema}/${source.table}`, or `${topic}` where the source names none. */
  readonly format?: string;
  /** What makes sense of the records; Debezium JSON if not given. */
  readonly decoder?: RecordDecoder;
  /** When a batch is committed, whichever comes first: 10 s, 64 MiB, 500 000 rows. */
  readonly batch?: { readonly maxMs?: number; readonly maxBytes?: number; readonly maxRows?: number };
  /** The byte credit of the whole sink: 256 MiB. */
  readonly memory?: { readonly maxBytes?: number };
  /**
   * Runs over each table's batch, as row objects. The batch commits when the Observable completes; an error ends
   * that table's lane with `OPERATOR_FAILED`. Offsets are right whether it drops, delays, reorders or multiplies.
   */
  readonly pipe?: Pipe;
  /** Where a table begins that holds nothing of its topic: `earliest`. */
  readonly start?: StartPolicy;
  /** What to do when offsets are gone at the source: `fail`. */
  readonly onOffsetGap?: 'fail' | 'continue';
  /** `none`: a bad record ends its table's lane. `all`: it is put aside, which needs `deadLetters`, or dropped without. */
  readonly errors?: { readonly tolerance?: 'none' | 'all'; readonly deadLetters?: DeadLetters };
  /** For all tables, and for single ones: by their path below `base`, by `schema.table`, or by `table`. */
  readonly tableDefaults?: Partial<TableOptions>;
  readonly tables?: Readonly<Record<string, Partial<TableOptions>>>;
  /** End when the source is drained. */
  readonly untilEnd?: boolean;
  /** How often offsets that moved without rows are committed: 60 s. */
  readonly saveMs?: number;
  /** How long `stop` lets open batches be committed before it drops them: 8 s, which fits into a supervisor's ten. */
  readonly stopMs?: number;
  /** Clock and timers, and chance, for tests. */
  readonly scheduler?: SchedulerLike;
  readonly random?: () => number;
};

/** How a table is written if nothing else is said. */
export const tableDefaults: TableOptions = {
  mergeStrategy: 'merge-on-read',
  changeDataFeed: true,
  images: 'written',
  positionColumn: '__position',
  schemaEvolution: 'evolve',
  truncateEnabled: true,
  deleteMode: 'hard',
  memoryRetentionMs: 24 * 3_600_000,
  memoryMaxRows: 10_000_000,
  primaryKey: { mode: 'record_key', fields: [] },
  columns: undefined,
  partitionBy: [],
  tableProperties: {},
};

/** The options with nothing left open. */
export type SinkSettings = {
  readonly pathOf: TableChoice;
  readonly bounds: { readonly maxMs: number; readonly maxBytes: number; readonly maxRows: number };
  readonly memoryBytes: number;
  readonly pipe: Pipe | undefined;
  readonly start: StartPolicy;
  readonly onOffsetGap: 'fail' | 'continue';
  readonly tolerance: 'none' | 'all';
  readonly deadLetters: DeadLetters | undefined;
  /** The options of a table that goes by any of these names. */
  optionsOf(names: readonly string[]): TableOptions;
  readonly untilEnd: boolean;
  readonly saveMs: number;
  readonly stopMs: number;
  readonly scheduler: SchedulerLike;
  readonly random: () => number;
};

/** Fills in what is not said. `CONFIG_INVALID` for a format that cannot be read. */
export function settingsOf(options: DeltaSinkOptions): SinkSettings {
  const { table, format, batch, errors, tables = {} } = options;
  const { maxMs = 10_000, maxBytes = 64 << 20, maxRows = 500_000 } = batch ?? {};
  const defaults = { ...tableDefaults, ...options.tableDefaults };
  return {
    pathOf: table !== undefined ? chosenPath(table) : format !== undefined ? formatPath(format) : defaultPath,
    bounds: { maxMs, maxBytes, maxRows },
    memoryBytes: options.memory?.maxBytes ?? 256 << 20,
    pipe: options.pipe,
    start: options.start ?? 'earliest',
    onOffsetGap: options.onOffsetGap ?? 'fail',
    tolerance: errors?.tolerance ?? 'none',
    deadLetters: errors?.deadLetters,
    optionsOf: (names) => {
      const name = names.find((candidate) => Object.hasOwn(tables, candidate));
      const own = name === undefined ? {} : (tables[name] ?? {});
      return {
        ...defaults,
        ...own,
        tableProperties: { ...defaults.tableProperties, ...own.tableProperties },
      };
    },
    untilEnd: options.untilEnd ?? false,
    saveMs: options.saveMs ?? 60_000,
    stopMs: options.stopMs ?? 8_000,
    scheduler: options.scheduler ?? asyncScheduler,
    random: options.random ?? Math.random,
  };
}
