import type { ArrowTable } from '../../columnar/arrow.js';
import { reader } from '../../columnar/cells.js';
import { TableBuilder } from '../../columnar/table-builder.js';
import { Flag, type RowAppender } from '../../cdc/changes.js';
import { assert, must } from '../../base/errors.js';
import type { StructType, Value } from '../../schema/types.js';
import type { BadRecord } from '../settler.js';
import type { Events } from './events.js';
import { NO_ROW, locatedOf, type CarrySource, type RowCode } from './fold.js';
import { OFFSET_COLUMN, PARTITION_COLUMN } from './schema-plan.js';

/** A row image kept from an earlier commit: values by column name. */
export type ParkedImage = ReadonlyMap<string, Value>;

/** Where values that the stream left out are taken from. */
export type ImageDoors = {
  /** The image of a located row, by column index of the schema; undefined if it was not read. */
  readonly standing: (located: number, column: number) => Value;
  readonly parked: (key: string, position: string) => ParkedImage | undefined;
};

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

  /** The rows of these events, in their order; call `decode` with those that `needsImages` first. */
  build(events: Iterable<number>, doors: ImageDoors): ArrowTable {
    const builder = new TableBuilder(this.#options.schema);
    for (const event of events) {
      if (this.#decoded.has(event)) this.#appendCarried(event, builder, doors);
      else this.#append(event, builder);
    }
    return builder.finish();
  }

  needsImages(event: number): boolean {
    return (this.#options.events.flags(event) & Flag.placeholder) !== 0;
  }

  /** One value of a row that `decode` was given. */
  value(code: RowCode, column: number, doors: ImageDoors): Value {
    let at = code;
    for (;;) {
      if (at === NO_ROW) return this.#nothing();
      if (at < 0) return doors.standing(locatedOf(at), column);
      const decoded = must(this.#decoded.get(at), 'decoded event');
      if (!decoded.placeholders.has(column)) return must(this.#lent[column], 'column')(decoded.row);
      const source = this.#options.carries.get(at);
      if (source === undefined || source.kind === 'missing') return this.#nothing();
      if (source.kind === 'parked') return this.#parked(source, column, doors);
      at = source.row;
    }
  }

  #parked(source: Extract<CarrySource, { kind: 'parked' }>, column: number, doors: ImageDoors): Value {
    const image = doors.parked(source.key, source.position);
    if (image === undefined) return this.#nothing();
    return image.get(must(this.#options.schema.fields[column], 'column').name) ?? null;
  }

  #nothing(): null {
    this.#missing++;
    return null;
  }

  #appendCarried(event: number, builder: TableBuilder, doors: ImageDoors): void {
    for (let column = 0; column < this.#options.schema.fields.length; column++) {
      builder.column(column).append(this.value(event, column, doors));
    }
  }

  #append(event: number, builder: TableBuilder): boolean {
    const { events } = this.#options;
    const { changes } = events.sliceOf(event);
    const record = events.record[event] ?? 0;
    const problem = this.#appenderOf(event).append(record, 'after', builder);
    if (problem !== undefined) {
      const { topic, partition } = changes;
      this.#bad.push({ topic, partition, offset: changes.offset(record), index: record, problem });
      return false;
    }
    this.#appendOwn(event, builder);
    return true;
  }

  #appendOwn(event: number, builder: TableBuilder): void {
    const { events } = this.#options;
    const { position, partition, offset } = this.#own;
    if (position >= 0) builder.column(position).append(events.position(event));
    if (partition < 0) return;
    const { changes } = events.sliceOf(event);
    builder.column(partition).append(changes.partition);
    builder.column(offset).append(BigInt(changes.offset(events.record[event] ?? 0)));
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
