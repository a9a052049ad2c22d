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
import { placesOrder, rankOf, walkKeyless } from './keyless-walk.js';
import { changesRow } from './keys.js';
import { contentColumns, type Memory } from './memory/memory.js';
import { Notes } from './memory/notes.js';
import { READS_NOTHING } from './memory/reads.js';
import type { Origin, RowImage, Taken } from './memory/records.js';
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
 * is applied all the same, and the row is taken out when it comes; one that has no `before` is a bad record: which row it
 * meant cannot be known. Changes that were applied before are passed over.
 */
export async function planKeyless(batch: KeylessBatch): Promise<Planned> {
  const { layout, options, snapshot, signal, memory } = batch;
  const events = new Events(batch.slices, batch.domains);
  const fresh = freshOf(events, batch.floors);
  const sifted = await siftRepeats(events, fresh.events, memory);
  const news = sifted.news.map(({ event }) => event);
  const before = readBefores(batch, events, news);
  if (before.bad.length > 0) return { kind: 'bad-records', records: before.bad };
  const located = await findEqual(batch, before);
  const rows = new NewRows({
    events,
    schema: layout.schema,
    positionColumn: options.positionColumn,
    keyed: false,
    carries: new Map(),
  });
  const puts = news.filter((event) => events.op(event) !== Op.delete);
  const built = rows.build(puts, NO_DOORS);
  if (rows.bad.length > 0) return { kind: 'bad-records', records: rows.bad };
  const builtRow = new Map(puts.map((event, row) => [event, row]));
  const texts = rowTexts(built, before.fields);

  const textOfEvent = (event: number): string => texts(builtRow.get(event) ?? 0);
  const ordered = placesOrder(events, news);
  const reach = { events, news, puts, before, textOfEvent };
  const walked = walkKeyless({
    events,
    news,
    located: (located?.key ?? []).map((text, row) => ({ text, origin: originOf(located, row, options) })),
    taken: ordered ? await takenBefore(batch, reach) : new Map(),
    ordered,
    textOfEvent,
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
  for (const each of sifted.news) noteApplied(noted, events, each, atMs);
  for (const { taken, like } of walked.taken) {
    const image =
      like.half === 'before'
        ? before.imageOf(like.event)
        : imageAt(built, builtRow.get(like.event) ?? -1, before.fields);
    noted.add(like.event, { kind: 'taken', ...taken, image, atMs });
  }

  const put = [...walked.updates, ...walked.inserts];
  const gone = [...walked.updates.map(({ located: row }) => row), ...walked.deletes];
  if (put.length + gone.length + noted.byPartition.size === 0) return { kind: 'nothing' };

  const inserted = walked.inserts.some(({ origin }) => origin !== undefined)
    ? rows.from(put)
    : takeRows(
        built,
        Uint32Array.from(put, ({ event }) => builtRow.get(event) ?? 0),
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
      updated: places(located, gone.slice(0, walked.updates.length)),
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
        ...READS_NOTHING,
        applied: () => sifted.lookups,
        taken: () => (ordered ? reachOf(reach) : READS_NOTHING.taken()),
      },
      stale: fresh.stale + sifted.repeats,
      ignored: rows.missing,
      nulled: rows.nulled,
    },
  };
}

/** Events that change a row and lie above the floors. */
function freshOf(
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
  return { events: fresh, stale };
}

/** What a batch touches: contents by their texts, and the least place at which it does. */
type Reach = {
  readonly events: Events;
  readonly news: readonly number[];
  /** Those of the news that put a row. */
  readonly puts: readonly number[];
  readonly before: Befores;
  readonly textOfEvent: (event: number) => string;
};

function reachOf(reach: Reach): { readonly from: string; readonly texts: ReadonlySet<string> } {
  const { news, puts, before, textOfEvent } = reach;
  const takes = news.filter((event) => before.has(event));
  return {
    from: leastRank(reach),
    texts: new Set([...puts.map(textOfEvent), ...takes.map(before.textOf)]),
  };
}

function leastRank({ events, news }: Reach): string {
  const [first, ...rest] = news;
  if (first === undefined) return '';
  const rank = (event: number): string => rankOf(events.position(event));
  return rest.reduce((least, event) => (rank(event) < least ? rank(event) : least), rank(first));
}

/** What earlier changes at and behind the batch's least place have taken of its contents, as the floors have left it. */
async function takenBefore(
  { memory, floors }: KeylessBatch,
  reach: Reach,
): Promise<ReadonlyMap<string, readonly Taken[]>> {
  const isAbove = ({ position }: Origin): boolean => orderText(position) > floors.greatest;
  const from = leastRank(reach);
  if (reach.news.length === 0 || !memory.mayTake(from)) return new Map();
  const taken = new Map<string, readonly Taken[]>();
  for (const [text, all] of await memory.taken(from, reachOf(reach).texts)) {
    // A change below a floor needs no thought: no row above it lies before that change.
    const above = all.map((each) =>
      each.row === undefined || isAbove(each.row) ? each : { ...each, row: undefined },
    );
    taken.set(text, above);
  }
  return taken;
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

function imageAt(table: ArrowTable, row: number, fields: readonly StructField[]): RowImage {
  const cells = readers(table, { kind: 'struct', fields });
  return new Map(fields.map(({ name }, column) => [name, cells[column]?.(row) ?? null]));
}

/** Where a row of the table says that it came from; one that others have put in does not. */
function originOf(located: LocatedRows | undefined, row: number, options: TableOptions): Origin {
  const values = ownColumns(options, false).map((_, column) => located?.extra[column]?.[row] ?? null);
  const [partition, offset] = values.slice(-2);
  const position = options.positionColumn === undefined ? null : values[0];
  return {
    position: typeof position === 'string' ? position : '',
    partition: typeof partition === 'number' ? partition : -1,
    offset: typeof offset === 'bigint' ? Number(offset) : -1,
  };
}

type Befores = {
  readonly fields: readonly StructField[];
  readonly table: ArrowTable;
  readonly count: number;
  readonly textOf: (event: number) => string;
  readonly has: (event: number) => boolean;
  readonly imageOf: (event: number) => RowImage;
  readonly bad: readonly BadRecord[];
};

/** The `before` halves of the batch's updates and deletes, as rows of the source's columns. */
function readBefores(batch: KeylessBatch, events: Events, order: readonly number[]): Befores {
  const own = new Set(ownColumns(batch.options, false).map(({ name }) => name));
  const fields = contentColumns(batch.layout.schema, own);
  const schema: StructType = { kind: 'struct', fields };
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
  const text = rowTexts(table, fields);
  return {
    fields,
    table,
    count: rowOf.size,
    bad,
    textOf: (event) => text(rowOf.get(event) ?? -1),
    has: (event) => rowOf.has(event),
    imageOf: (event) => imageAt(table, rowOf.get(event) ?? -1, fields),
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
    extra: ownColumns(batch.options, false).map(({ name }) => name),
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
