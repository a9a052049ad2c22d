import type { TableBuilder } from '../../columnar/table-builder.js';
import {
  array,
  BINARY,
  BOOLEAN,
  DOUBLE,
  field,
  LONG,
  STRING,
  struct,
  TIMESTAMP,
} from '../../schema/build.js';
import { joinKey, keyPart } from '../../schema/key-text.js';
import type { DataType, StructField, StructType, Value } from '../../schema/types.js';
import {
  Flag,
  Op,
  type Changes,
  type ColumnsFound,
  type EventIdentity,
  type Half,
  type Origin,
  type RecordProblem,
  type RowAppender,
  type SourceColumn,
} from '../changes.js';
import { plainJson } from '../convert/plain-json.js';
import { Conversion } from '../convert/conversion.js';
import { withGuess } from '../infer.js';
import { untypedOf } from '../source-type.js';
import type { PlainValue } from '../../operations/plain-values.js';
import { unavailable, type Change, type ChangeOp, type ObjectRow, type ObjectValue } from './change.js';
import { isSnapshot } from '../position.js';
import type { RawRecord } from '../record.js';

const OPS: Readonly<Record<ChangeOp, Op>> = {
  read: Op.read,
  create: Op.create,
  update: Op.update,
  delete: Op.delete,
  truncate: Op.truncate,
  tombstone: Op.tombstone,
};

const NO_IMAGE: RecordProblem = {
  kind: 'envelope',
  reason: 'the change does not hold this image of the row',
};

/** Changes over row objects. What the objects do not hold (records, headers, who made the change) the original answers. */
export class ObjectChanges implements Changes {
  readonly topic: string;
  readonly partition: number;
  readonly length: number;
  readonly bytes: number;
  readonly op: Uint8Array;
  readonly flags: Uint8Array;
  readonly position: readonly string[];
  readonly #original: Changes;
  readonly #objects: readonly Change[];
  /** By object: the record it came from. */
  readonly #record: Int32Array;
  readonly #keyNames = new Map<string, readonly string[]>();
  readonly #problems = new Map<number, RecordProblem>();
  #declared: ReadonlyMap<string, SourceColumn> | undefined;

  constructor(original: Changes, objects: readonly Change[]) {
    this.topic = original.topic;
    this.partition = original.partition;
    this.length = objects.length;
    this.bytes = original.bytes;
    this.#original = original;
    this.#objects = objects;
    const byOffset = new Map(Array.from({ length: original.length }, (_, i) => [original.offset(i), i]));
    this.#record = Int32Array.from(objects, ({ offset }) => byOffset.get(offset) ?? -1);
    this.op = Uint8Array.from(objects, ({ op }) => OPS[op]);
    this.flags = Uint8Array.from(objects, (change, i) => this.#flagsOf(change, i));
    this.position = objects.map(({ position }) => position);
  }

  offset(i: number): number {
    return this.#change(i).offset;
  }

  timestamp(i: number): number {
    return this.#change(i).timestamp;
  }

  origin(i: number): Origin {
    const { source } = this.#change(i);
    const record = this.#record[i] ?? -1;
    const interned = record < 0 ? source : this.#original.origin(record);
    return sameOrigin(interned, source) ? interned : source;
  }

  keyFields(i: number): readonly string[] | undefined {
    const { key } = this.#change(i);
    if (key === null) return undefined;
    const names = Object.keys(key);
    const text = JSON.stringify(names);
    const known = this.#keyNames.get(text) ?? names;
    this.#keyNames.set(text, known);
    return known;
  }

  key(i: number, columns: readonly StructField[]): string | undefined {
    const values = this.keyValues(i, columns);
    if (values.length === 0 || values.length !== columns.length) return undefined;
    return joinKey(columns.map(({ type }, part) => keyPart(type, values[part] ?? null)));
  }

  keyValues(i: number, columns: readonly StructField[]): readonly Value[] {
    const { key } = this.#change(i);
    if (key === null) return [];
    const conversion = new Conversion();
    const values: Value[] = [];
    for (const { name, type, metadata } of columns) {
      const value = valueOf(key, name);
      const converted = value === unavailable ? undefined : convert(value, type, metadata, conversion);
      if (converted === undefined || converted === null) {
        const reason = conversion.problem?.reason ?? 'a field of the key is absent or null';
        this.#problems.set(i, { kind: 'key', reason, field: name });
        return [];
      }
      values.push(converted);
    }
    return values;
  }

  oldKey(i: number, columns: readonly StructField[]): string | undefined {
    const record = this.#record[i] ?? -1;
    return record < 0 ? undefined : this.#original.oldKey(record, columns);
  }

  newKey(i: number, columns: readonly StructField[]): string | undefined {
    const record = this.#record[i] ?? -1;
    return record < 0 ? undefined : this.#original.newKey(record, columns);
  }

  identity(i: number): EventIdentity {
    const record = this.#record[i] ?? -1;
    // An operator may have made several changes of one, or one of its own: their order tells them apart.
    let nth = 0;
    for (let other = i - 1; other >= 0 && this.offset(other) === this.offset(i); other--) nth++;
    const { kind, text } =
      record < 0
        ? ({ kind: 'ordinal', text: `@${this.offset(i)}` } as const)
        : this.#original.identity(record);
    return { kind, text: nth === 0 ? text : `${text}+${nth}` };
  }

  problem(i: number): RecordProblem | undefined {
    return this.#problems.get(i);
  }

  raw(i: number): RawRecord {
    return this.#original.raw(this.#record[i] ?? -1);
  }

  columns(rows: ArrayLike<number>, half: Half, known: StructType | undefined): ColumnsFound {
    const columns = new Map<string, SourceColumn>();
    const keyNames = new Set<string>();
    for (let k = 0; k < rows.length; k++) {
      const i = rows[k] ?? -1;
      const row = this.#change(i)[half];
      if (row === null) return { kind: 'problem', problem: { ...NO_IMAGE, field: half }, row: i };
      for (const name of this.keyFields(i) ?? []) keyNames.add(name);
      for (const name of Object.keys(row)) {
        const column = this.#column(name, valueOf(row, name), known, columns.get(name));
        if (column !== undefined) columns.set(name, { ...column, nullable: !keyNames.has(name) });
      }
    }
    return { kind: 'found', columns: [...columns.values()] };
  }

  appender(target: StructType, own: readonly string[] = []): RowAppender {
    return new ObjectAppender(target, own, {
      row: (i, half) => this.#change(i)[half],
      keyNames: (i) => this.keyFields(i) ?? [],
    });
  }

  /** The source's word first, then the table's; of what neither knows, what the value looks like. */
  #column(
    name: string,
    value: ObjectValue,
    known: StructType | undefined,
    found: SourceColumn | undefined,
  ): SourceColumn | undefined {
    const declared = this.#declaredColumns().get(name);
    if (declared?.declared === true) return declared;
    const had = known?.fields.find((one) => one.name === name)?.type ?? declared?.type;
    const guess = value === unavailable ? undefined : naturalType(value);
    const type = had === undefined ? (found?.type ?? guess) : withGuess(found?.type ?? had, guess);
    return type === undefined
      ? undefined
      : { name, declared: false, type, nullable: true, metadata: declared?.metadata ?? {} };
  }

  /** What the original's rows were decoded as. */
  #declaredColumns(): ReadonlyMap<string, SourceColumn> {
    if (this.#declared !== undefined) return this.#declared;
    const columns = new Map<string, SourceColumn>();
    for (const half of ['before', 'after'] as const) {
      const flag = half === 'after' ? Flag.after : Flag.before;
      const rows = Array.from({ length: this.#original.length }, (_, i) => i).filter(
        (i) => ((this.#original.flags[i] ?? 0) & flag) !== 0 && this.#original.op[i] !== Op.bad,
      );
      const found = rows.length === 0 ? undefined : this.#original.columns(rows, half, undefined);
      if (found?.kind === 'found') for (const column of found.columns) columns.set(column.name, column);
    }
    this.#declared = columns;
    return columns;
  }

  #flagsOf({ before, after, position }: Change, i: number): number {
    const record = this.#record[i] ?? -1;
    const held = after !== null && Object.values(after).includes(unavailable);
    return (
      (before === null ? 0 : Flag.before) |
      (after === null ? 0 : Flag.after) |
      (held ? Flag.placeholder : 0) |
      (isSnapshot(position) ? Flag.snapshot : 0) |
      ((this.#original.flags[record] ?? 0) & (Flag.oldKey | Flag.newKey))
    );
  }

  #change(i: number): Change {
    const change = this.#objects[i];
    if (change === undefined) throw new RangeError(`no change ${i}`);
    return change;
  }
}

/** What an appender asks of the changes it reads. */
type Rows = {
  row(i: number, half: Half): ObjectRow | null;
  keyNames(i: number): readonly string[];
};

class ObjectAppender implements RowAppender {
  readonly placeholders: number[] = [];
  readonly outOfRange: ReadonlyMap<string, number> = new Map();
  readonly #target: StructType;
  readonly #own: ReadonlySet<string>;
  readonly #rows: Rows;
  readonly #conversion = new Conversion();

  constructor(target: StructType, own: readonly string[], rows: Rows) {
    this.#target = target;
    this.#own = new Set(own);
    this.#rows = rows;
  }

  append(i: number, half: Half, builder: TableBuilder): RecordProblem | undefined {
    this.placeholders.length = 0;
    const row = this.#rows.row(i, half);
    if (row === null) return { ...NO_IMAGE, field: half };
    const keyNames = this.#rows.keyNames(i);
    const cells: [number, Value][] = [];
    for (const { name, type, metadata } of this.#target.fields) {
      const index = this.#own.has(name) ? -1 : builder.schema.fields.findIndex((one) => one.name === name);
      if (index < 0) continue;
      const value = valueOf(row, name);
      const isKey = keyNames.includes(name);
      if (value === unavailable && !isKey) this.placeholders.push(index);
      this.#conversion.problem = undefined;
      const cell = value === unavailable ? null : convert(value, type, metadata, this.#conversion);
      if (cell === undefined) return { ...(this.#conversion.problem ?? NO_IMAGE), field: name };
      if (cell === null && isKey)
        return { kind: 'key', reason: 'a field of the key is null in the row', field: name };
      cells.push([index, cell]);
    }
    for (const [index, cell] of cells) builder.column(index).append(cell);
    return undefined;
  }
}

/** Exactly what the column holds, or undefined with the conversion's problem set. */
function convert(
  value: Exclude<ObjectValue, typeof unavailable>,
  type: DataType,
  metadata: StructField['metadata'],
  conversion: Conversion,
): Value | undefined {
  return conversion.convert(plainJson(value), untypedOf(metadata), type);
}

function valueOf(row: ObjectRow, name: string): ObjectValue {
  return Object.hasOwn(row, name) ? (row[name] ?? null) : null;
}

function naturalType(value: PlainValue | Date): DataType | undefined {
  if (value === null) return undefined;
  if (typeof value === 'string') return STRING;
  if (typeof value === 'boolean') return BOOLEAN;
  if (typeof value === 'bigint') return LONG;
  if (typeof value === 'number') return Number.isSafeInteger(value) ? LONG : DOUBLE;
  return nestedType(value);
}

function nestedType(
  value: Exclude<PlainValue, null | boolean | number | bigint | string> | Date,
): DataType | undefined {
  if (value instanceof Uint8Array) return BINARY;
  if (value instanceof Date) return TIMESTAMP;
  if (isList(value)) {
    const element = value.map(naturalType).find((type) => type !== undefined);
    return element === undefined ? undefined : array(element);
  }
  const fields: StructField[] = [];
  for (const [name, member] of Object.entries(value)) {
    const type = naturalType(member);
    if (type !== undefined) fields.push(field(name, type));
  }
  return fields.length === 0 ? undefined : struct(fields);
}

function isList(value: PlainValue): value is readonly PlainValue[] {
  return Array.isArray(value);
}

function sameOrigin(a: Origin, b: Origin): boolean {
  return (
    a === b ||
    (a.connector === b.connector &&
      a.name === b.name &&
      a.db === b.db &&
      a.schema === b.schema &&
      a.table === b.table)
  );
}
