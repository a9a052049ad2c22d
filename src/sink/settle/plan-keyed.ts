import { orderText } from '../../cdc/position.js';
import { takeRows, type ArrowTable } from '../../columnar/arrow.js';
import { hasChangeFeed } from '../../operations/change-types.js';
import { locateRows } from '../../operations/merge/locate.js';
import type { ChangeImages } from '../../operations/merge/stage.js';
import { readRows } from '../../operations/merge/read-rows.js';
import type { LocatedRows, RowPlaces } from '../../operations/merge/rows.js';
import type { StructField, StructType } from '../../schema/types.js';
import type { TableLayout } from '../../table/layout.js';
import type { Snapshot } from '../../table/snapshot.js';
import type { BadRecord, Slice, TableOptions } from '../settler.js';
import type { Planned } from './batch-plan.js';
import { Events } from './events.js';
import type { Floors } from './floors.js';
import { NO_ROW, fold, standing, type Folded, type RowCode } from './fold.js';
import { changesRow, numberKeys, type NumberedKeys } from './keys.js';
import type { Memory } from './memory/memory.js';
import { Lookups, READS_NOTHING } from './memory/reads.js';
import { NewRows, standingImages } from './new-rows.js';
import { newestTimes, type PartitionDomain } from './partition-domain.js';
import { positionRegressed } from './regressed.js';
import { Waiting } from './waiting.js';

export type KeyedBatch = {
  readonly slices: readonly Slice[];
  /** Undefined: the table is yet to be made. */
  readonly snapshot: Snapshot | undefined;
  /** What rows are written as: the table's schema, or the one it has from this commit on. */
  readonly layout: TableLayout;
  readonly keys: readonly string[];
  readonly floors: Floors;
  /** What the table remembers of its partitions. */
  readonly domains: ReadonlyMap<string, PartitionDomain>;
  readonly memory: Memory;
  /** What to call the table in an error. */
  readonly table: { readonly url: string; readonly name: string };
  readonly options: TableOptions;
  readonly nowMs: number;
  readonly signal: AbortSignal;
};

/** The rows that stand under a batch's keys. */
type Stand = {
  readonly located: LocatedRows | undefined;
  /** By key: the newest row that stands, -1 for none. */
  readonly standingRow: Int32Array;
  readonly positions: readonly (string | null)[];
};

/** What becomes of the keys: events whose rows go in, and which located rows go out. */
type Decided = {
  readonly updates: readonly { readonly row: RowCode; readonly located: number }[];
  readonly inserts: readonly number[];
  readonly deletes: readonly number[];
  /** Every row under a changed key: another writer may have left more than one. */
  readonly removed: readonly number[];
};

/**
 * Plans a batch of a table with a key: finds the rows that stand under the batch's keys, folds the events over them, and
 * reads the new rows and, where the feed or a carried value needs them, the images of the old ones.
 */
export async function planKeyed(batch: KeyedBatch): Promise<Planned> {
  const { layout, options, snapshot, signal } = batch;
  const events = new Events(batch.slices, batch.domains);
  const columns = batch.keys.flatMap((name) => findField(layout.schema, name) ?? []);
  if (columns.length < batch.keys.length) return { kind: 'bad-records', records: withoutKey(batch, columns) };
  const keys = numberKeys(events, columns);
  if (keys.bad.length > 0) return { kind: 'bad-records', records: keys.bad };
  if (keys.texts.length === 0) return { kind: 'nothing' };

  const waiting = await Waiting.find({ events, keys, columns, memory: batch.memory });
  const stand = await findStanding(batch, keys);
  const deadPosition = await findDead(batch, events, keys, stand);
  const folded = foldBatch(batch, events, columns, keys, stand, deadPosition);
  if (folded.regressed !== undefined) throw positionRegressed(events, folded.regressed, batch.table);
  const filled = waiting.filledRows(folded, stand.standingRow);
  const decided = decide(folded.final, stand, keys, filled);
  const changed = decided.updates.length + decided.inserts.length + decided.deletes.length;
  if (changed + folded.buried.length + folded.deaths.length === 0) return { kind: 'nothing' };

  const rows = new NewRows({
    events,
    schema: layout.schema,
    positionColumn: options.positionColumn,
    keyed: true,
    carries: folded.carries,
  });
  const put = [...decided.updates.map(({ row }) => row), ...decided.inserts];
  const buried = [...folded.buried, ...folded.released].map(({ row }) => row);
  const lenders = rows.decode([...put.filter((row) => row < 0 || rows.needsImages(row)), ...buried]);
  if (rows.bad.length > 0) return { kind: 'bad-records', records: rows.bad };
  const wantsImages = tellsImages(layout, options);
  const imaged = wantsImages
    ? [...new Set([...decided.updates.map(({ located }) => located), ...decided.deletes, ...lenders])]
    : [...lenders];
  const images = await readImages(stand.located, imaged, { snapshot, layout, signal });
  const rowOf = new Map(imaged.map((located, row) => [located, row]));
  const doors = await waiting.doors(folded, stand.standingRow, standingImages(images, rowOf, layout.schema));
  const inserted = rows.build(put, doors);
  if (rows.bad.length > 0) return { kind: 'bad-records', records: rows.bad };

  const noted = waiting.records({
    folded,
    rows,
    doors,
    put,
    standingRow: stand.standingRow,
    deletes: options.positionColumn !== undefined,
    nowMs: batch.nowMs,
  });
  const updated = decided.updates.length;
  return {
    kind: 'planned',
    plan: {
      removed: places(stand.located, decided.removed),
      inserted: put.length === 0 ? undefined : inserted,
      updated: places(
        stand.located,
        decided.updates.map(({ located }) => located),
      ),
      changes: wantsImages ? changeImages(inserted, images, decided, rowOf) : undefined,
      counts: {
        source: events.length,
        inserted: decided.inserts.length,
        updated,
        deleted: decided.deletes.length,
      },
      reads: { kind: 'keys', columns: batch.keys, keys: keys.set },
      located: stand.located,
      keys: batch.keys,
      records: noted.records,
      remembered: {
        ...READS_NOTHING,
        deletes: () => lookupsOf(events, keys, stand).all(),
        asks: noted.asks,
        offers: folded.buried.length > 0,
      },
      stale: folded.counts.stale + folded.counts.repeated,
      ignored:
        rows.missing + events.length - folded.counts.applied - folded.counts.stale - folded.counts.repeated,
      nulled: rows.nulled,
    },
  };
}

/** Rows for the feed. A batch of plain inserts needs none of its own: no change file is written for it. */
function changeImages(
  rows: ArrowTable,
  images: ArrowTable | undefined,
  { updates, deletes }: Decided,
  rowOf: ReadonlyMap<number, number>,
): ChangeImages {
  if (images === undefined || updates.length + deletes.length === 0) return { inserted: rows };
  const imagesOf = (located: readonly number[]): ArrowTable =>
    takeRows(
      images,
      Uint32Array.from(located, (one) => rowOf.get(one) ?? 0),
    );
  return {
    before: imagesOf(updates.map(({ located }) => located)),
    after: takeRows(rows, range(0, updates.length)),
    deleted: imagesOf(deletes),
    inserted: takeRows(rows, range(updates.length, rows.numRows)),
  };
}

/** Whether the commit has to tell the feed's images itself: rows copied to new files are no changes. */
export function tellsImages({ configuration }: TableLayout, options: TableOptions): boolean {
  if (!hasChangeFeed(configuration)) return false;
  return options.images === 'written' || options.mergeStrategy === 'copy-on-write';
}

function withoutKey({ slices, keys }: KeyedBatch, columns: readonly StructField[]): readonly BadRecord[] {
  const missing = keys.filter((name) => !columns.some((column) => column.name === name)).join(', ');
  const reason = `the row has no column ${missing}, which the record key names`;
  return slices.flatMap(({ topic, partition, changes, rows }) =>
    [...rows.filter((record) => changesRow(changes.op[record] ?? 0))].map((index): BadRecord => {
      return { topic, partition, offset: changes.offset(index), index, problem: { kind: 'key', reason } };
    }),
  );
}

export function findField(schema: StructType, name: string): StructField | undefined {
  return schema.fields.find((one) => one.name === name);
}

async function findStanding(batch: KeyedBatch, keys: NumberedKeys): Promise<Stand> {
  const { snapshot, options, signal } = batch;
  const standingRow = new Int32Array(keys.texts.length).fill(-1);
  if (snapshot === undefined || batch.keys.some((name) => findField(snapshot.schema, name) === undefined)) {
    return { located: undefined, standingRow, positions: [] };
  }
  const { positionColumn } = options;
  const guarded = positionColumn !== undefined && findField(snapshot.schema, positionColumn) !== undefined;
  const extra = guarded ? [positionColumn] : [];
  const located = await locateRows(snapshot, {
    keyColumns: batch.keys,
    keys: keys.set,
    extra,
    // The keys are of the types that the batch leaves behind: a column may widen in it.
    layout: batch.layout,
    signal,
  });
  const positions = Array.from({ length: located.count }, (_, row): string | null => {
    const value = guarded ? located.extra[0]?.[row] : null;
    return typeof value === 'string' ? value : null;
  });
  for (let row = 0; row < located.count; row++) {
    const key = keys.numbers.get(located.key[row] ?? '');
    if (key === undefined) continue;
    const other = standingRow[key] ?? -1;
    if (other < 0 || (positions[other] ?? '') < (positions[row] ?? '')) standingRow[key] = row;
  }
  return { located, standingRow, positions };
}

/** Where rows that do not stand were deleted, by key, for changes that may be late (R24). */
async function findDead(
  { memory, options }: KeyedBatch,
  events: Events,
  keys: NumberedKeys,
  stand: Stand,
): Promise<ReadonlyMap<number, string>> {
  const positions = new Map<number, string>();
  if (options.positionColumn === undefined) return positions;
  const inReach = lookupsOf(events, keys, stand, (slice, order) => memory.mayReach(slice, order));
  for (const { at, order, names } of inReach.all()) {
    for (const [text, position] of await memory.deletes(at, order, names)) {
      const key = keys.numbers.get(text) ?? -1;
      if (position > (positions.get(key) ?? '')) positions.set(key, position);
    }
  }
  return positions;
}

/** Keys under which no row stands, by the partitions whose changes name them. */
function lookupsOf(
  events: Events,
  keys: NumberedKeys,
  { standingRow }: Stand,
  wanted: (slice: Slice, order: string) => boolean = () => true,
): Lookups {
  const lookups = new Lookups();
  for (let event = 0; event < events.length; event++) {
    const key = keys.keyOf[event] ?? -1;
    if (key < 0 || (standingRow[key] ?? -1) >= 0) continue;
    const order = orderText(events.position(event));
    const slice = events.sliceOf(event);
    if (wanted(slice, order)) lookups.add(slice, order, keys.texts[key] ?? '');
  }
  return lookups;
}

function foldBatch(
  batch: KeyedBatch,
  events: Events,
  columns: readonly StructField[],
  keys: NumberedKeys,
  stand: Stand,
  deadPosition: ReadonlyMap<number, string>,
): Folded {
  const oldKey = (event: number): string =>
    events.changes(event).oldKey(events.record[event] ?? 0, columns) ?? '';
  return fold({
    events,
    keyOf: keys.keyOf,
    keyCount: keys.texts.length,
    standingRow: stand.standingRow,
    standingPosition: stand.positions,
    deadPosition,
    ...newestTimes(batch.slices, batch.domains, batch.floors.newestTime),
    floors: batch.slices.map((slice) => batch.floors.for(slice)),
    oldKeyText: oldKey,
    oldKeyNumber: (event) => keys.numbers.get(oldKey(event)) ?? -1,
  });
}

function decide(
  final: Int32Array,
  stand: Stand,
  keys: NumberedKeys,
  /** Keys whose standing row gets values that it has waited for. */
  filled: ReadonlySet<number>,
): Decided {
  const updates: { row: RowCode; located: number }[] = [];
  const inserts: number[] = [];
  const deletes: number[] = [];
  const changed = new Uint8Array(final.length);
  for (let key = 0; key < final.length; key++) {
    const located = stand.standingRow[key] ?? -1;
    const code = final[key] ?? NO_ROW;
    if (located < 0) {
      if (code >= 0) inserts.push(code);
      continue;
    }
    if (code === standing(located) && !filled.has(key)) continue;
    changed[key] = 1;
    if (code === NO_ROW) deletes.push(located);
    else updates.push({ row: code, located });
  }
  const removed: number[] = [];
  for (let row = 0; row < (stand.located?.count ?? 0); row++) {
    const key = keys.numbers.get(stand.located?.key[row] ?? '');
    if (key === undefined || changed[key] !== 1) continue;
    removed.push(row);
    if (row !== stand.standingRow[key]) deletes.push(row);
  }
  return { updates, inserts, deletes, removed };
}

async function readImages(
  located: LocatedRows | undefined,
  rows: readonly number[],
  options: { snapshot: Snapshot | undefined; layout: TableLayout; signal: AbortSignal },
): Promise<ArrowTable | undefined> {
  const { snapshot, layout, signal } = options;
  if (located === undefined || snapshot === undefined || rows.length === 0) return undefined;
  return readRows(snapshot, places(located, rows), { layout, signal });
}

function places(located: LocatedRows | undefined, rows: readonly number[]): RowPlaces {
  if (located === undefined) return { files: [], file: [], ordinal: [] };
  return {
    files: located.files,
    file: Int32Array.from(rows, (row) => located.file[row] ?? 0),
    ordinal: Float64Array.from(rows, (row) => located.ordinal[row] ?? 0),
  };
}

function range(from: number, upTo: number): Uint32Array {
  return Uint32Array.from({ length: upTo - from }, (_, at) => from + at);
}
