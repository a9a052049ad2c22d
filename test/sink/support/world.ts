import { VirtualTimeScheduler } from 'rxjs';
import { debezium } from '../../../src/cdc/debezium.js';
import type { RawRecord } from '../../../src/cdc/record.js';
import { type DeltaSinkRun, startRun } from '../../../src/sink/delta-sink.js';
import type { SinkEvent } from '../../../src/sink/sink-events.js';
import { type DeltaSinkOptions, settingsOf } from '../../../src/sink/sink-options.js';
import { SinkRun } from '../../../src/sink/sink-run.js';
import type { ChangeSource } from '../../../src/source/change-source.js';
import { memoryStore } from '../../../src/storage/memory.js';
import type { ObjectStore } from '../../../src/storage/object-store.js';
import { type ModelFaults, modelSettler, ModelTable } from '../../support/model-settler.js';

export type RowChange = {
  readonly op: 'c' | 'u' | 'd' | 'r' | 't';
  readonly id: number;
  readonly value?: string;
  readonly schema?: string;
  readonly table: string;
  readonly offset: number;
};

/** A Debezium record of PostgreSQL's kind, without the schema half; its position follows its offset. */
export function change({ op, id, value = 'v', schema = 'shop', table, offset }: RowChange): RawRecord {
  const row = { id, value };
  const source = {
    connector: 'postgresql',
    name: 'db',
    db: 'db',
    schema,
    table,
    lsn: 1000 + offset,
    ts_ms: 0,
    snapshot: 'false',
  };
  const halves = op === 'd' ? { before: row, after: null } : op === 't' ? {} : { before: null, after: row };
  return raw(
    offset,
    op === 't' ? null : JSON.stringify({ id }),
    JSON.stringify({ ...halves, source, op, ts_ms: 0 }),
  );
}

export function raw(offset: number, key: string | null, value: string | null): RawRecord {
  return {
    key: key === null ? null : Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
    headers: {},
    offset: String(offset),
    timestamp: String(1_700_000_000_000 + offset),
  };
}

/** Time that moves only when it is told to. */
export class ManualTime extends VirtualTimeScheduler {
  constructor() {
    super(undefined, 0);
  }

  /** Runs what falls due within the next `ms`, in order, and lets the consequences happen. */
  async advance(ms: number): Promise<void> {
    const until = this.frame + ms;
    for (let next = this.actions[0]; next !== undefined && next.delay <= until; next = this.actions[0]) {
      this.maxFrames = next.delay;
      this.flush();
      await quiet();
    }
    this.frame = until;
    this.maxFrames = until;
  }
}

/** Lets everything that needs no time happen. */
export async function quiet(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Waits for something that needs no time; fails if it does not come. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 2000; turn++) {
    if (holds()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error(`it did not happen: ${what}`);
}

/** What outlives a process: tables, and the files beside them. */
export class World {
  readonly store: ObjectStore = memoryStore();
  readonly tables = new Map<string, ModelTable>();

  table(name: string): ModelTable {
    let table = this.tables.get(name);
    if (table === undefined) {
      table = new ModelTable();
      this.tables.set(name, table);
    }
    return table;
  }

  /** Starts a sink over this world, and listens to it. */
  start(
    source: ChangeSource,
    options: Omit<DeltaSinkOptions, 'base'> & {
      readonly faults?: ModelFaults;
      readonly store?: ObjectStore;
    } = {},
  ): Started {
    const { faults = {}, store = this.store, ...rest } = options;
    const scheduler = new ManualTime();
    const run = new SinkRun({
      source,
      store,
      decoder: rest.decoder ?? debezium(),
      settings: settingsOf({ base: store, scheduler, random: () => 0.5, ...rest }),
      createSettler: (target) => modelSettler(this.table(target.name), target, faults),
    });
    const sink = startRun(run);
    const events: SinkEvent[] = [];
    sink.events$.subscribe((event) => events.push(event));
    return { ...sink, events, time: scheduler };
  }

  /** Rows of a table as `id=value`, sorted. */
  rows(name: string): string[] {
    return [...this.table(name).rows.values()]
      .map((text) => {
        const row: unknown = JSON.parse(text);
        return typeof row === 'object' && row !== null && 'id' in row && 'value' in row
          ? `${String(row.id)}=${String(row.value)}`
          : text;
      })
      .sort();
  }

  /** The ranges that a table's commits took of a partition, in order. */
  ranges(name: string, topic: string, partition = 0): (readonly [number, number])[] {
    return this.table(name)
      .commits.flatMap(({ ranges }) => ranges)
      .filter((range) => range.topic === topic && range.partition === partition)
      .map(({ base, next }) => [base, next] as const);
  }
}

export type Started = DeltaSinkRun & { readonly events: SinkEvent[]; readonly time: ManualTime };
