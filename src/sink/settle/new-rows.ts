import type { ArrowTable } from '../../columnar/arrow.js';
import { reader } from '../../columnar/cells.js';
import { TableBuilder } from '../../columnar/table-builder.js';
import { Flag, type RowAppender } from '../../cdc/changes.js';
import { assert, must } from '../../base/errors.js';
import type { StructType, Value } from '../../schema/types.js';
import type { BadRecord } from '../settler.js';
import type { Events } from './events.js';
import type { ParkedRow } from './memory/memory.js';
import type { ImageSource, Origin, RowImage } from './memory/records.js';
import { NO_ROW, locatedOf, type CarrySource, type RowCode } from './fold.js';
import { OFFSET_COLUMN, PARTITION_COLUMN } from './schema-plan.js';

/** Where values that the stream left out are taken from. */
export type ImageDoors = {
  /** The value of a located row, by column index of the schema. */
  readonly standing: (located: number, column: number) => Value;
  /** The row that a key change took away: one of this batch, or one that was parked; undefined if it has not been seen. */
  readonly image: (source: ImageSource) => RowCode | ParkedRow | undefined;
  /** The image that a column of a located row waits for. */
  readonly waits: (located: number, column: string) => ImageSource | undefined;
};

/** Where a value of a row is. */
type Found =
  | { readonly kind: 'cell'; readonly row: RowCode }
  | { readonly kind: 'image'; readonly image: RowImage }
  /** The image that holds it has not been seen yet (R16). */
  | { readonly kind: 'waits'; readonly source: ImageSource }
  /** Nobody holds it (R23). */
  | { readonly kind: 'nowhere' };

export type RowsOptions = {
  readonly events: Events;
  readonly schema: StructType;
  readonly positionColumn: string | undefined;
  readonly keyed: boolean;
  readonly carries: ReadonlyMap<number, CarrySource>;
};

/**
 * Reads events' `after` halves into rows of a schema, our own columns included, in two steps: `decode` reads the halves
 * that have unavailable values or lend some, and tells which located rows are lenders; `build` then makes the rows.
 */
export class NewRows {
  readonly #options: RowsOptions;
  readonly #appenders: readonly RowAppender[];
  /** Indexes of our own columns, -1 where the table has none. */
  readonly #own: { readonly position: number; readonly partition: number; readonly offset: number };
  readonly #bad: BadRecord[] = [];
  readonly #decoded = new Map<number, { readonly row: number; readonly placeholders: ReadonlySet<number> }>();
  #lent: readonly ((row: number) => Value)[] = [];
  #missing = 0;

  constructor(options: RowsOptions) {
    this.#options = options;
    const own = [options.positionColumn, ...(options.keyed ? [] : [PARTITION_COLUMN, OFFSET_COLUMN])];
    const names = own.filter((name) => name !== undefined);
    this.#appenders = options.events.slices.map((slice) => slice.changes.appender(options.schema, names));
    const indexOf = (name: string): number => options.schema.fields.findIndex((one) => one.name === name);
    this.#own = {
      position: options.positionColumn === undefined ? -1 : indexOf(options.positionColumn),
      partition: options.keyed ? -1 : indexOf(PARTITION_COLUMN),
      offset: options.keyed ? -1 : indexOf(OFFSET_COLUMN),
    };
  }

  /** Records whose values their columns cannot hold. Empty: all is well. */
  get bad(): readonly BadRecord[] {
    return this.#bad;
  }

  /** Unavailable values that nobody holds: they became null (R23). */
  get missing(): number {
    return this.#missing;
  }

  /** Values that their column's type cannot hold and that became null, by column. */
  get nulled(): ReadonlyMap<string, number> {
    const sum = new Map<string, number>();
    for (const appender of this.#appenders) {
      for (const [column, count] of appender.outOfRange) sum.set(column, (sum.get(column) ?? 0) + count);
    }
    return sum;
  }

  /** Decodes what rows with unavailable values are made of; gives the located rows whose images they need. */
  decode(rows: Iterable<RowCode>): ReadonlySet<number> {
    const located = new Set<number>();
    const builder = new TableBuilder(this.#options.schema);
    const todo = [...rows];
    for (let code = todo.pop(); code !== undefined; code = todo.pop()) {
      if (code === NO_ROW || this.#decoded.has(code)) continue;
      if (code < 0) {
        located.add(locatedOf(code));
        continue;
      }
      if (!this.#append(code, builder)) continue;
      const placeholders = new Set(this.#appenderOf(code).placeholders);
      this.#decoded.set(code, { row: builder.length - 1, placeholders });
      const source = placeholders.size > 0 ? this.#options.carries.get(code) : undefined;
      if (source?.kind === 'row') todo.push(source.row);
    }
    const table = builder.finish();
    this.#lent = readers(table, this.#options.schema);
    return located;
  }

  /** These rows, in their order; call `decode` with the events that `needsImages` and the located rows first. */
  build(rows: Iterable<RowCode>, doors: ImageDoors): ArrowTable {
    const builder = new TableBuilder(this.#options.schema);
    for (const row of rows) {
      if (row < 0 || this.#decoded.has(row)) this.#appendCarried(row, builder, doors);
      else this.#append(row, builder);
    }
    return builder.finish();
  }

  /** Rows of events whose values are all there; those with an origin say that they came from there. */
  from(rows: Iterable<{ readonly event: number; readonly origin?: Origin }>): ArrowTable {
    const builder = new TableBuilder(this.#options.schema);
    for (const { event, origin } of rows) this.#append(event, builder, origin);
    return builder.finish();
  }

  needsImages(event: number): boolean {
    return (this.#options.events.flags(event) & Flag.placeholder) !== 0;
  }

  /** A row that `decode` was given, by column; columns that wait for an image are null in it. */
  image(code: RowCode, doors: ImageDoors): ReadonlyMap<string, Value> {
    return new Map(
      this.#options.schema.fields.map(({ name }, column) => [name, this.#value(code, column, doors)]),
    );
  }

  /** Columns of a row that `decode` was given which wait for an image, and for which. */
  waitsOf(code: RowCode, doors: ImageDoors): ReadonlyMap<string, ImageSource> {
    const waits = new Map<string, ImageSource>();
    this.#options.schema.fields.forEach(({ name }, column) => {
      const found = this.#find(code, column, doors);
      if (found.kind === 'waits') waits.set(name, found.source);
    });
    return waits;
  }

  #value(code: RowCode, column: number, doors: ImageDoors): Value {
    const found = this.#find(code, column, doors);
    switch (found.kind) {
      case 'cell':
        if (found.row < 0) return doors.standing(locatedOf(found.row), column);
        return must(this.#lent[column], 'column')(must(this.#decoded.get(found.row), 'decoded event').row);
      case 'image':
        return found.image.get(this.#nameOf(column)) ?? null;
      case 'waits':
        return null;
      case 'nowhere':
        this.#missing++;
        return null;
    }
  }

  #find(code: RowCode, column: number, doors: ImageDoors): Found {
    let at = code;
    for (;;) {
      let source: ImageSource;
      if (at === NO_ROW) return { kind: 'nowhere' };
      if (at < 0) {
        const waits = doors.waits(locatedOf(at), this.#nameOf(column));
        if (waits === undefined) return { kind: 'cell', row: at };
        source = waits;
      } else {
        const decoded = must(this.#decoded.get(at), 'decoded event');
        if (!decoded.placeholders.has(column)) return { kind: 'cell', row: at };
        const carry = this.#options.carries.get(at);
        if (carry === undefined || carry.kind === 'missing') return { kind: 'nowhere' };
        if (carry.kind === 'row') {
          at = carry.row;
          continue;
        }
        source = carry;
      }
      const found = this.#image(source, column, doors);
      if (typeof found !== 'number') return found;
      at = found;
    }
  }

  /** The image of a source, through images that were waiting themselves; a row of the batch is gone on with. */
  #image(first: ImageSource, column: number, doors: ImageDoors): Found | RowCode {
    let source = first;
    for (;;) {
      const image = doors.image(source);
      if (image === undefined) return { kind: 'waits', source: { key: source.key, order: source.order } };
      if (typeof image === 'number') return image;
      const next = image.unknown.get(this.#nameOf(column));
      if (next === undefined) return { kind: 'image', image: image.row };
      source = next;
    }
  }

  #nameOf(column: number): string {
    return must(this.#options.schema.fields[column], 'column').name;
  }

  #appendCarried(code: RowCode, builder: TableBuilder, doors: ImageDoors): void {
    for (let column = 0; column < this.#options.schema.fields.length; column++) {
      builder.column(column).append(this.#value(code, column, doors));
    }
  }

  #append(event: number, builder: TableBuilder, origin?: Origin): boolean {
    const { events } = this.#options;
    const { changes } = events.sliceOf(event);
    const record = events.record[event] ?? 0;
    const problem = this.#appenderOf(event).append(record, 'after', builder);
    if (problem !== undefined) {
      const { topic, partition } = changes;
      this.#bad.push({ topic, partition, offset: changes.offset(record), index: record, problem });
      return false;
    }
    this.#appendOwn(origin ?? events.origin(event), builder);
    return true;
  }

  #appendOwn(origin: Origin, builder: TableBuilder): void {
    const { position, partition, offset } = this.#own;
    if (position >= 0) builder.column(position).append(origin.position);
    if (partition < 0) return;
    builder.column(partition).append(origin.partition);
    builder.column(offset).append(BigInt(origin.offset));
  }

  #appenderOf(event: number): RowAppender {
    return must(this.#appenders[this.#options.events.slice[event] ?? -1], 'appender');
  }
}

/** One reader a column of the schema; a column that the table lacks reads as null. */
export function readers(table: ArrowTable, schema: StructType): readonly ((row: number) => Value)[] {
  const names = new Set(table.schema.fields.map((one) => one.name));
  return schema.fields.map(({ name, type }) => (names.has(name) ? reader(table, name, type) : () => null));
}

/** The images of located rows that were read, as a lender of values. */
export function standingImages(
  table: ArrowTable | undefined,
  rowOf: ReadonlyMap<number, number>,
  schema: StructType,
): ImageDoors['standing'] {
  if (table === undefined) return () => null;
  const columns = readers(table, schema);
  return (located, column) => {
    const row = rowOf.get(located);
    assert(row !== undefined, 'an image is lent only by a row that was read');
    return must(columns[column], 'column')(row);
  };
}
