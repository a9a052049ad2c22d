import { Flag, Op, type RecordProblem } from '../../cdc/changes.js';
import { orderText } from '../../cdc/position.js';
import { takeRows, type ArrowTable } from '../../columnar/arrow.js';
import { TableBuilder } from '../../columnar/table-builder.js';
import { locateEqualRows, rowTexts } from '../../operations/merge/locate-equal.js';
import { readRows } from '../../operations/merge/read-rows.js';
import type { LocatedRows, RowPlaces } from '../../operations/merge/rows.js';
import type { StructField, StructType } from '../../schema/types.js';
import type { TableLayout } from '../../table/layout.js';
import type { Snapshot } from '../../table/snapshot.js';
import type { BadRecord, Slice, TableOptions } from '../settler.js';
import type { Planned } from './batch-plan.js';
import { Events } from './events.js';
import type { Floors } from './floors.js';
import { changesRow } from './keys.js';
import { NewRows } from './new-rows.js';
import { tellsImages } from './plan-keyed.js';
import { ownColumns } from './schema-plan.js';

export type KeylessBatch = {
  readonly slices: readonly Slice[];
  readonly snapshot: Snapshot | undefined;
  readonly layout: TableLayout;
  readonly floors: Floors;
  readonly options: TableOptions;
  readonly signal: AbortSignal;
};

/** A row that stands while the batch is gone through: an event's, or one of the table's. */
type Row = { readonly event: number } | { readonly located: number };

/** What becomes of the rows: located rows that go out, events whose rows go in, as updates of a row or as new ones. */
type Walked = {
  readonly updates: readonly { readonly event: number; readonly located: number }[];
  readonly inserts: readonly number[];
  readonly deletes: readonly number[];
  readonly stale: number;
  readonly bad: readonly BadRecord[];
};

/**
 * Plans a batch of a table without a key: inserts append; an update or delete changes exactly one row that equals its
 * `before` image in every column of the source (docs/architecture.md, "Tables without a key"). One that finds no such
 * row, or has no `before`, is a bad record: which row it meant cannot be known.
 */
export async function planKeyless(batch: KeylessBatch): Promise<Planned> {
  const { layout, options, snapshot, signal } = batch;
  const events = new Events(batch.slices);
  const before = readBefores(batch, events);
  if (before.bad.length > 0) return { kind: 'bad-records', records: before.bad };
  const located = await findEqual(batch, before);
  const rows = new NewRows({
    events,
    schema: layout.schema,
    positionColumn: options.positionColumn,
    keyed: false,
    carries: new Map(),
  });
  const puts = listPuts(events, batch.floors);
  const built = rows.build(puts, { standing: () => null, parked: () => undefined });
  if (rows.bad.length > 0) return { kind: 'bad-records', records: rows.bad };
  const builtRow = new Map(puts.map((event, row) => [event, row]));
  const texts = rowTexts(built, before.fields);

  const walked = walk(events, batch.floors, located, {
    textOfEvent: (event) => texts(builtRow.get(event) ?? 0),
    textOfBefore: before.textOf,
  });
  if (walked.bad.length > 0) return { kind: 'bad-records', records: walked.bad };
  const put = [...walked.updates.map(({ event }) => event), ...walked.inserts];
  const gone = [...walked.updates.map(({ located: row }) => row), ...walked.deletes];
  if (put.length + gone.length === 0) return { kind: 'nothing' };

  const inserted = takeRows(
    built,
    Uint32Array.from(put, (event) => builtRow.get(event) ?? 0),
  );
  const removed = places(located, gone);
  const wantsImages = tellsImages(layout, options);
  const images =
    wantsImages && snapshot !== undefined && gone.length > 0
      ? await readRows(snapshot, removed, { layout, signal })
      : undefined;
  const updated = walked.updates.length;
  return {
    kind: 'planned',
    plan: {
      removed,
      inserted: put.length === 0 ? undefined : inserted,
      changes: wantsImages
        ? {
            before: images === undefined ? undefined : slice(images, 0, updated),
            after: slice(inserted, 0, updated),
            deleted: images === undefined ? undefined : slice(images, updated, gone.length),
            inserted: slice(inserted, updated, put.length),
          }
        : undefined,
      counts: {
        source: events.length,
        inserted: walked.inserts.length,
        updated,
        deleted: walked.deletes.length,
      },
      reads: before.count === 0 ? { kind: 'nothing' } : { kind: 'everything' },
      located,
      keys: [],
      park: [],
      stale: walked.stale,
      ignored: rows.missing,
      nulled: rows.nulled,
    },
  };
}

type Befores = {
  readonly fields: readonly StructField[];
  readonly table: ArrowTable;
  readonly count: number;
  readonly textOf: (event: number) => string;
  readonly bad: readonly BadRecord[];
};

/** The `before` halves of the batch's updates and deletes, as rows of the source's columns. */
function readBefores(batch: KeylessBatch, events: Events): Befores {
  const own = new Set(ownColumns(batch.options, false).map(({ name }) => name));
  const schema: StructType = {
    kind: 'struct',
    fields: batch.layout.schema.fields.filter(({ name }) => !own.has(name)),
  };
  const builder = new TableBuilder(schema);
  const appenders = batch.slices.map(({ changes }) => changes.appender(schema));
  const rowOf = new Map<number, number>();
  const bad: BadRecord[] = [];
  for (let event = 0; event < events.length; event++) {
    const op = events.op(event);
    if (op !== Op.update && op !== Op.delete) continue;
    if (isStale(events, event, batch.floors)) continue;
    const record = events.record[event] ?? 0;
    const problem =
      (events.flags(event) & Flag.before) === 0
        ? NO_BEFORE
        : appenders[events.slice[event] ?? -1]?.append(record, 'before', builder);
    if (problem === undefined) rowOf.set(event, builder.length - 1);
    else bad.push(badRecord(events, event, problem));
  }
  const table = builder.finish();
  const { fields } = schema;
  const text = rowTexts(table, fields);
  return { fields, table, count: rowOf.size, bad, textOf: (event) => text(rowOf.get(event) ?? -1) };
}

const NO_BEFORE: RecordProblem = {
  kind: 'envelope',
  reason: 'an update or delete of a table without a key has no before image',
};

async function findEqual(batch: KeylessBatch, before: Befores): Promise<LocatedRows | undefined> {
  if (batch.snapshot === undefined || before.count === 0) return undefined;
  return locateEqualRows(batch.snapshot, {
    rows: before.table,
    columns: before.fields.map(({ name }) => name),
    layout: batch.layout,
    signal: batch.signal,
  });
}

function listPuts(events: Events, floors: Floors): number[] {
  const puts: number[] = [];
  for (let event = 0; event < events.length; event++) {
    const op = events.op(event);
    if (changesRow(op) && op !== Op.delete && !isStale(events, event, floors)) puts.push(event);
  }
  return puts;
}

/** Goes through the events in order, with the table's equal rows and the batch's own as what stands. */
function walk(
  events: Events,
  floors: Floors,
  located: LocatedRows | undefined,
  texts: {
    readonly textOfEvent: (event: number) => string;
    readonly textOfBefore: (event: number) => string;
  },
): Walked {
  const rows = new Map<string, Row[]>();
  const add = (text: string, row: Row): void => {
    const same = rows.get(text);
    if (same === undefined) rows.set(text, [row]);
    else same.push(row);
  };
  for (let row = 0; row < (located?.count ?? 0); row++) add(located?.key[row] ?? '', { located: row });
  /** The table's row that each event's row goes back to, for those that do. */
  const origin = new Map<number, number>();
  const live = new Set<number>();
  const deletes: number[] = [];
  const bad: BadRecord[] = [];
  let stale = 0;
  for (let event = 0; event < events.length; event++) {
    const op = events.op(event);
    if (!changesRow(op)) continue;
    if (isStale(events, event, floors)) {
      stale++;
      continue;
    }
    if (op === Op.update || op === Op.delete) {
      const found = rows.get(texts.textOfBefore(event))?.shift();
      if (found === undefined) {
        bad.push(badRecord(events, event, NO_ROW_EQUALS));
        continue;
      }
      const from = 'located' in found ? found.located : origin.get(found.event);
      if ('event' in found) live.delete(found.event);
      if (op === Op.delete) {
        if (from !== undefined) deletes.push(from);
        continue;
      }
      if (from !== undefined) origin.set(event, from);
    }
    live.add(event);
    add(texts.textOfEvent(event), { event });
  }
  const updates: { event: number; located: number }[] = [];
  const inserts: number[] = [];
  for (const event of live) {
    const from = origin.get(event);
    if (from === undefined) inserts.push(event);
    else updates.push({ event, located: from });
  }
  return { updates, inserts, deletes, stale, bad };
}

const NO_ROW_EQUALS: RecordProblem = {
  kind: 'value',
  reason: 'no row of the table equals the before image',
};

function isStale(events: Events, event: number, floors: Floors): boolean {
  const floor = floors.for(events.sliceOf(event));
  return floor !== '' && orderText(events.position(event)) <= floor;
}

function badRecord(events: Events, event: number, problem: RecordProblem): BadRecord {
  const { topic, partition, changes } = events.sliceOf(event);
  const index = events.record[event] ?? 0;
  return { topic, partition, offset: changes.offset(index), index, problem };
}

function places(located: LocatedRows | undefined, rows: readonly number[]): RowPlaces {
  return {
    files: located?.files ?? [],
    file: Int32Array.from(rows, (row) => located?.file[row] ?? 0),
    ordinal: Float64Array.from(rows, (row) => located?.ordinal[row] ?? 0),
  };
}

function slice(table: ArrowTable, from: number, upTo: number): ArrowTable {
  return takeRows(
    table,
    Uint32Array.from({ length: upTo - from }, (_, at) => from + at),
  );
}
