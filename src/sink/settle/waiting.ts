import { Flag, Op } from '../../cdc/changes.js';
import { orderText, ordersAcrossPartitions } from '../../cdc/position.js';
import type { StructField } from '../../schema/types.js';
import type { Events } from './events.js';
import { NO_ROW, locatedOf, standing, type Folded, type RowCode } from './fold.js';
import { addKey, type NumberedKeys } from './keys.js';
import type { Memory, ParkedRow, Pending } from './memory/memory.js';
import { Notes } from './memory/notes.js';
import { imagePlace, type ImageSource, type MemoryRecord, type RowImage } from './memory/records.js';
import type { ImageDoors, NewRows } from './new-rows.js';

export type WaitingInput = {
  readonly events: Events;
  readonly keys: NumberedKeys;
  /** The key columns. */
  readonly columns: readonly StructField[];
  readonly memory: Memory;
};

/**
 * Rows of a batch and of the table that wait for values under another key (R16). A key change is a delete and a create at
 * one place, which may lie in different partitions: a create that comes first is written without the values that its
 * row did not bring, and the commit that applies the delete fills them in. The rows that such deletes fill join the
 * batch's keys.
 */
export class Waiting {
  readonly #input: WaitingInput;
  /** By key number: columns that wait, and for what. */
  readonly #byKey = new Map<number, Map<string, ImageSource>>();
  readonly #keyValues = new Map<number, RowImage>();

  private constructor(input: WaitingInput, pendings: readonly Pending[]) {
    this.#input = input;
    for (const pending of pendings) {
      const key = input.keys.numbers.get(pending.key);
      if (key === undefined) continue;
      const waits = this.#byKey.get(key) ?? new Map<string, ImageSource>();
      for (const column of pending.columns) waits.set(column, pending.source);
      this.#byKey.set(key, waits);
      this.#keyValues.set(key, pending.keyValues);
    }
  }

  static async find(input: WaitingInput): Promise<Waiting> {
    const { events, keys, columns } = input;
    const pendings = await input.memory.pendings();
    if (pendings.length > 0) {
      const taken = takenAway(events, keys);
      for (const { key, source, keyValues } of pendings) {
        if (!taken.has(imagePlace(source))) continue;
        addKey(
          keys,
          key,
          columns.map(({ name }) => keyValues.get(name) ?? null),
        );
      }
    }
    return new Waiting(input, pendings);
  }

  /** Keys whose standing row is to be written anew with values that the batch brings. */
  filledRows(folded: Folded, standingRow: Int32Array): ReadonlySet<number> {
    const filled = new Set<number>();
    if (this.#byKey.size === 0) return filled;
    const brought = this.#images(folded);
    for (const [key, waits] of this.#byKey) {
      const row = standingRow[key] ?? -1;
      if (row < 0 || folded.final[key] !== standing(row)) continue;
      if ([...waits.values()].some((source) => brought.has(imagePlace(source)))) filled.add(key);
    }
    return filled;
  }

  /** Where rows take their values from; reads the parked images that the batch asks for. */
  async doors(
    folded: Folded,
    standingRow: Int32Array,
    standingValue: ImageDoors['standing'],
  ): Promise<ImageDoors> {
    const brought = this.#images(folded);
    const parked = new Map<string, ParkedRow>();
    const todo = [...folded.carries.values()].flatMap((carry) => (carry.kind === 'parked' ? [carry] : []));
    const asked: ImageSource[] = [
      ...todo,
      ...[...this.#byKey.values()].flatMap((waits) => [...waits.values()]),
    ];
    for (let source = asked.pop(); source !== undefined; source = asked.pop()) {
      const place = imagePlace(source);
      if (brought.has(place) || parked.has(place)) continue;
      const image = await this.#input.memory.image(source);
      if (image === undefined) continue;
      parked.set(place, image);
      asked.push(...image.unknown.values());
    }
    const keyOfRow = new Map([...this.#byKey.keys()].map((key) => [standingRow[key] ?? -1, key]));
    return {
      standing: standingValue,
      image: (source) => brought.get(imagePlace(source)) ?? parked.get(imagePlace(source)),
      waits: (located, column) => this.#byKey.get(keyOfRow.get(located) ?? -1)?.get(column),
    };
  }

  /** What the commit notes: deletes, rows taken away, and what waits or waits no more; `asks`: something waits anew. */
  records(input: {
    readonly folded: Folded;
    readonly rows: NewRows;
    readonly doors: ImageDoors;
    /** The rows that are written. */
    readonly put: readonly RowCode[];
    readonly standingRow: Int32Array;
    /** Whether deletes are remembered. */
    readonly deletes: boolean;
    readonly nowMs: number;
  }): { readonly records: ReadonlyMap<string, readonly MemoryRecord[]>; readonly asks: boolean } {
    const { events, keys } = this.#input;
    const { folded, rows, doors, nowMs: atMs } = input;
    const notes = new Notes(events);
    if (input.deletes) {
      for (const { event, key } of folded.deaths) {
        const position = events.position(event);
        // A place that is a Kafka offset never comes again.
        if (!ordersAcrossPartitions(position)) continue;
        notes.add(event, { kind: 'delete', key: keys.texts[key] ?? '', position, atMs });
      }
    }
    for (const { event, key, row, position } of folded.buried) {
      if (row === NO_ROW) continue;
      const source = { key: keys.texts[key] ?? '', order: orderText(position) };
      const unknown = rows.waitsOf(row, doors);
      notes.add(event, { kind: 'image', ...source, row: rows.image(row, doors), unknown, atMs });
    }
    const asks = this.#noteWaits(input, notes);
    return { records: notes.byPartition, asks };
  }

  #noteWaits(
    { folded, rows, doors, put, standingRow, nowMs: atMs }: Parameters<Waiting['records']>[0],
    notes: Notes,
  ): boolean {
    const { keys } = this.#input;
    const keyOfRow = new Map([...this.#byKey.keys()].map((key) => [standingRow[key] ?? -1, key]));
    let asks = false;
    const written = new Set<number>();
    for (const row of put) {
      const key = (row < 0 ? keyOfRow.get(locatedOf(row)) : keys.keyOf[row]) ?? -1;
      written.add(key);
      const before = this.#byKey.get(key);
      const waits = row >= 0 && !rows.needsImages(row) ? NO_WAITS : rows.waitsOf(row, doors);
      if (before === undefined && waits.size === 0) continue;
      const event = Math.max(row, 0);
      const text = keys.texts[key] ?? '';
      const added = differing(waits, before ?? NO_WAITS);
      for (const [source, columns] of added) {
        const wait = { key: text, source, columns, keyValues: this.#keyValuesOf(key, row), atMs };
        notes.add(event, { kind: 'pending', ...wait });
      }
      for (const [source, columns] of differing(before ?? NO_WAITS, waits)) {
        notes.add(event, { kind: 'settled', key: text, source, columns, atMs });
      }
      if (waits.size > 0) asks = true;
    }
    for (const [key, before] of this.#byKey) {
      if (written.has(key) || folded.final[key] !== NO_ROW) continue;
      for (const [source, columns] of differing(before, NO_WAITS)) {
        notes.add(0, { kind: 'settled', key: keys.texts[key] ?? '', source, columns, atMs });
      }
    }
    return asks;
  }

  #keyValuesOf(key: number, row: RowCode): RowImage {
    const { events, columns } = this.#input;
    if (row < 0) return this.#keyValues.get(key) ?? new Map();
    const values = events.changes(row).keyValues(events.record[row] ?? 0, columns);
    return new Map(columns.map(({ name }, at) => [name, values[at] ?? null]));
  }

  /** The rows that key changes of the batch took away, by place. */
  #images(folded: Folded): ReadonlyMap<string, RowCode> {
    const { keys } = this.#input;
    return new Map(
      [...folded.released, ...folded.buried].map(({ key, row, position }) => [
        imagePlace({ key: keys.texts[key] ?? '', order: orderText(position) }),
        row,
      ]),
    );
  }
}

const NO_WAITS: ReadonlyMap<string, ImageSource> = new Map();

/** Places of the batch's deletes that are halves of key changes. */
function takenAway(events: Events, keys: NumberedKeys): ReadonlySet<string> {
  const places = new Set<string>();
  for (let event = 0; event < events.length; event++) {
    if (events.op(event) !== Op.delete || (events.flags(event) & Flag.newKey) === 0) continue;
    const key = keys.texts[keys.keyOf[event] ?? -1];
    if (key !== undefined) places.add(imagePlace({ key, order: orderText(events.position(event)) }));
  }
  return places;
}

/** Columns that wait in `a` and not for the same in `b`, by what they wait for. */
function differing(
  a: ReadonlyMap<string, ImageSource>,
  b: ReadonlyMap<string, ImageSource>,
): readonly (readonly [ImageSource, readonly string[]])[] {
  const groups = new Map<string, { source: ImageSource; columns: string[] }>();
  for (const [column, source] of a) {
    const other = b.get(column);
    const place = imagePlace(source);
    if (other !== undefined && imagePlace(other) === place) continue;
    const group = groups.get(place);
    if (group === undefined) groups.set(place, { source, columns: [column] });
    else group.columns.push(column);
  }
  return [...groups.values()].map(({ source, columns }) => [source, columns]);
}
