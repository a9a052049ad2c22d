import { must } from '../../base/errors.js';
import { Flag, Op, type RecordProblem } from '../../cdc/changes.js';
import { orderText, ordersAcrossPartitions } from '../../cdc/position.js';
import { takeRows, type ArrowTable } from '../../columnar/arrow.js';
import { TableBuilder } from '../../columnar/table-builder.js';
import { locateEqualRows, rowTexts } from '../../operations/merge/locate-equal.js';
import { readRows } from '../../operations/merge/read-rows.js';
import type { LocatedRows, RowPlaces } from '../../operations/merge/rows.js';
import { canonicalRow } from '../../schema/canonical.js';
import type { StructField, StructType } from '../../schema/types.js';
import { partitionKey } from '../../source/change-source.js';
import type { TableLayout } from '../../table/layout.js';
import type { Snapshot } from '../../table/snapshot.js';
import type { BadRecord, Slice, TableOptions } from '../settler.js';
import type { Planned } from './batch-plan.js';
import { Events } from './events.js';
import type { Floors } from './floors.js';
import { walkKeyless } from './keyless-walk.js';
import { changesRow } from './keys.js';
import type { Memory } from './memory/memory.js';
import { Notes } from './memory/notes.js';
import type { RowImage } from './memory/records.js';
import { NewRows, readers, type ImageDoors } from './new-rows.js';
import type { PartitionDomain } from './partition-domain.js';
import { tellsImages } from './plan-keyed.js';
import { siftRepeats, type Identified } from './repeats.js';
import { ownColumns } from './schema-plan.js';

export type KeylessBatch = {
  readonly slices: readonly Slice[];
  readonly snapshot: Snapshot | undefined;
  readonly layout: TableLayout;
  readonly floors: Floors;
  /** What the table remembers of its partitions. */
  readonly domains: ReadonlyMap<string, PartitionDomain>;
  readonly memory: Memory;
  readonly options: TableOptions;
  readonly nowMs: number;
  readonly signal: AbortSignal;
};

/**
 * Plans a batch of a table without a key: inserts append; an update or delete changes exactly one row that equals its
 * `before` image in every column of the source (docs/architecture.md, "Tables without a key"). One that finds no such row
 * is applied all the same, and the row is taken out when it comes; one that has no `before` is a bad record: which row it meant cannot be known. Changes that
 * were applied before are passed over.
 */
export async function planKeyless(batch: KeylessBatch): Promise<Planned> {
  const { layout, options, snapshot, signal } = batch;
  const events = new Events(batch.slices, batch.domains);
  const fresh = inOrder(events, batch.floors);
  const { news, repeats, lookups } = await siftRepeats(events, fresh.events, batch.memory);
  const order = news.map(({ event }) => event);
  const before = readBefores(batch, events, order);
  if (before.bad.length > 0) return { kind: 'bad-records', records: before.bad };
  const located = await findEqual(batch, before);
  const rows = new NewRows({
    events,
    schema: layout.schema,
    positionColumn: options.positionColumn,
    keyed: false,
    carries: new Map(),
  });
  const puts = order.filter((event) => events.op(event) !== Op.delete);
  const built = rows.build(puts, NO_DOORS);
  if (rows.bad.length > 0) return { kind: 'bad-records', records: rows.bad };
  const builtRow = new Map(puts.map((event, row) => [event, row]));
  const texts = rowTexts(built, before.fields);

  const owed = (await batch.memory.owed()).filter(({ limit }) => limit > batch.floors.greatest);
  const orders = order.map((event) => orderText(events.position(event)));
  const walked = walkKeyless({
    events,
    order,
    located: located?.key ?? [],
    owed: owed.map(({ row, limit }) => ({ text: textOfImage(row, before.fields), limit })),
    newest: orders.reduce((a, b) => (a > b ? a : b), batch.memory.reach),
    textOfEvent: (event) => texts(builtRow.get(event) ?? 0),
    textOfBefore: before.textOf,
  });
  if (walked.lost.length > 0) {
    return {
      kind: 'bad-records',
      records: walked.lost.map((event) => badRecord(events, event, NO_ROW_EQUALS)),
    };
  }
  const noted = new Notes(events);
  const atMs = batch.nowMs;
  for (const each of news) noteApplied(noted, events, each, atMs);
  for (const { event, limit } of walked.owed) {
    const identity = nameOf(events, event);
    noted.add(event, { kind: 'owed', identity, limit, row: before.imageOf(event), atMs });
  }
  for (const index of walked.paid) {
    const { identity } = must(owed[index], 'what is owed');
    noted.add(order[0] ?? 0, { kind: 'paid', identity, atMs });
  }

  const put = [...walked.updates.map(({ event }) => event), ...walked.inserts];
  const gone = [...walked.updates.map(({ located: row }) => row), ...walked.deletes];
  if (put.length + gone.length + noted.byPartition.size === 0) return { kind: 'nothing' };

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
      records: noted.byPartition,
      remembered: {
        deletes: () => [],
        applied: () => lookups,
        asks: false,
        offers: puts.length > 0,
        owes: walked.owed.length > 0,
      },
      stale: fresh.stale + repeats,
      ignored: rows.missing,
      nulled: rows.nulled,
    },
  };
}

/** Events are taken in the order of their places where partitions must be brought together, else as they come. */
function inOrder(
  events: Events,
  floors: Floors,
): { readonly events: readonly number[]; readonly stale: number } {
  const fresh: number[] = [];
  let stale = 0;
  for (let event = 0; event < events.length; event++) {
    if (!changesRow(events.op(event))) continue;
    if (isStale(events, event, floors)) stale++;
    else fresh.push(event);
  }
  const partitions = new Set(events.slices.map(({ topic, partition }) => partitionKey(topic, partition)));
  if (partitions.size === 1) return { events: fresh, stale };
  const orders = new Map(fresh.map((event) => [event, orderText(events.position(event))]));
  const orderOf = (event: number): string => orders.get(event) ?? '';
  if (!fresh.every((event) => ordersAcrossPartitions(orderOf(event)))) return { events: fresh, stale };
  const sorted = fresh.toSorted((a, b) =>
    orderOf(a) < orderOf(b) ? -1 : orderOf(a) > orderOf(b) ? 1 : a - b,
  );
  return { events: sorted, stale };
}

/** No value of a table without a key is carried: its rows come whole. */
const NO_DOORS: ImageDoors = { standing: () => null, image: () => undefined, waits: () => undefined };

function noteApplied(noted: Notes, events: Events, { event, identity }: Identified, atMs: number): void {
  if (identity === undefined) return;
  const order = orderText(events.position(event));
  noted.add(event, {
    kind: 'applied',
    identity,
    order,
    eventMs: events.timestamp(event),
    ...events.place(event),
    atMs,
  });
}

/** What a change is remembered by: its place in Kafka. */
function nameOf(events: Events, event: number): string {
  const { topic, partition, changes } = events.sliceOf(event);
  return `${topic}:${partition}:${changes.offset(events.record[event] ?? 0)}`;
}

function imageAt(table: ArrowTable, row: number, schema: StructType): RowImage {
  const cells = readers(table, schema);
  return new Map(schema.fields.map(({ name }, column) => [name, cells[column]?.(row) ?? null]));
}

function textOfImage(image: RowImage, fields: readonly StructField[]): string {
  return canonicalRow(
    { kind: 'struct', fields },
    fields.map(({ name }) => image.get(name) ?? null),
  );
}

type Befores = {
  readonly fields: readonly StructField[];
  readonly table: ArrowTable;
  readonly count: number;
  readonly textOf: (event: number) => string;
  readonly imageOf: (event: number) => RowImage;
  readonly bad: readonly BadRecord[];
};

/** The `before` halves of the batch's updates and deletes, as rows of the source's columns. */
function readBefores(batch: KeylessBatch, events: Events, order: readonly number[]): Befores {
  const own = new Set(ownColumns(batch.options, false).map(({ name }) => name));
  const schema: StructType = {
    kind: 'struct',
    fields: batch.layout.schema.fields.filter(({ name }) => !own.has(name)),
  };
  const builder = new TableBuilder(schema);
  const appenders = batch.slices.map(({ changes }) => changes.appender(schema));
  const rowOf = new Map<number, number>();
  const bad: BadRecord[] = [];
  for (const event of order) {
    const op = events.op(event);
    if (op !== Op.update && op !== Op.delete) continue;
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
  return {
    fields,
    table,
    count: rowOf.size,
    bad,
    textOf: (event) => text(rowOf.get(event) ?? -1),
    imageOf: (event) => imageAt(table, rowOf.get(event) ?? -1, schema),
  };
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
