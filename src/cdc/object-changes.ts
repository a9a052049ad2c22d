import { SluiceError } from '../base/errors.js';
import { reader } from '../columnar/cells.js';
import { TableBuilder } from '../columnar/table-builder.js';
import { BOOLEAN, field, LONG, STRING, struct } from '../schema/build.js';
import { toPlain, type PlainValue } from '../operations/plain-values.js';
import type { StructField, StructType } from '../schema/types.js';
import { Flag, Op, type Changes, type Half, type RecordProblem } from './changes.js';
import { unavailable, type Change, type ChangeOp, type ObjectRow } from './objects/change.js';
import { ObjectChanges } from './objects/from-objects.js';

export {
  unavailable,
  type Change,
  type ChangeOp,
  type ObjectRow,
  type ObjectValue,
} from './objects/change.js';

const NAMES: Readonly<Record<number, ChangeOp>> = {
  [Op.read]: 'read',
  [Op.create]: 'create',
  [Op.update]: 'update',
  [Op.delete]: 'delete',
  [Op.truncate]: 'truncate',
  [Op.tombstone]: 'tombstone',
};

/**
 * The changes of these records (all, if not said) as objects, in their order. Values have the types that
 * `Changes.columns` finds without a table at hand; records that are no row change are left out.
 *
 * Fails with `RECORD_INVALID`, naming topic, partition and offset, at a record whose values cannot be read.
 */
export function* changeObjects(
  changes: Changes,
  rows?: ArrayLike<number>,
): Generator<Change, void, undefined> {
  const chosen =
    rows === undefined ? Array.from({ length: changes.length }, (_, index) => index) : Array.from(rows);
  const after = new DecodedHalf(changes, chosen, 'after');
  const before = new DecodedHalf(changes, chosen, 'before');
  const keys = new KeyTypes(changes, [...after.schema.fields, ...before.schema.fields]);
  for (const i of chosen) {
    const op = NAMES[changes.op[i] ?? Op.foreign];
    if (op === undefined) continue;
    yield {
      op,
      key: keys.row(i),
      before: before.row(i),
      after: after.row(i),
      source: changes.origin(i),
      topic: changes.topic,
      partition: changes.partition,
      offset: changes.offset(i),
      timestamp: changes.timestamp(i),
      position: changes.position[i] ?? '',
    };
  }
}

/**
 * Changes as a sink takes them, from objects that `changeObjects(original)` gave or operators made of those, in
 * offset order. Columns have the types that the source says; of others the table's, and of new ones what
 * the value is: bigint and whole numbers LONG, other numbers DOUBLE, Uint8Array BINARY, Date TIMESTAMP.
 */
export function fromObjects(original: Changes, objects: readonly Change[]): Changes {
  return new ObjectChanges(original, objects);
}

/** One half of the rows, decoded. */
class DecodedHalf {
  readonly schema: StructType;
  readonly #rowOf = new Map<number, number>();
  readonly #placeholders = new Map<number, ReadonlySet<number>>();
  readonly #columns: readonly { readonly name: string; readonly read: (row: number) => PlainValue }[];

  constructor(changes: Changes, rows: readonly number[], half: Half) {
    const flag = half === 'after' ? Flag.after : Flag.before;
    const having = rows.filter(
      (i) => ((changes.flags[i] ?? 0) & flag) !== 0 && NAMES[changes.op[i] ?? 0] !== undefined,
    );
    this.schema = schemaOf(changes, having, half);
    const builder = new TableBuilder(this.schema);
    const appender = changes.appender(this.schema);
    for (const i of having) {
      const problem = appender.append(i, half, builder);
      if (problem !== undefined) throw invalid(changes, i, problem);
      if (appender.placeholders.length > 0) this.#placeholders.set(i, new Set(appender.placeholders));
      this.#rowOf.set(i, this.#rowOf.size);
    }
    const table = builder.finish();
    this.#columns = this.schema.fields.map(({ name, type }) => {
      const read = reader(table, name, type);
      return { name, read: (row) => toPlain(type, read(row)) };
    });
  }

  row(i: number): ObjectRow | null {
    const row = this.#rowOf.get(i);
    if (row === undefined) return null;
    const absent = this.#placeholders.get(i);
    return Object.fromEntries(
      this.#columns.map(({ name, read }, column) => [
        name,
        absent?.has(column) === true ? unavailable : read(row),
      ]),
    );
  }
}

/** Reads keys as objects: a field has the type of its column, or, among nothing but tombstones, one that it fits. */
class KeyTypes {
  readonly #changes: Changes;
  readonly #known: ReadonlyMap<string, StructField>;
  readonly #columns = new Map<readonly string[], readonly StructField[]>();

  constructor(changes: Changes, fields: readonly StructField[]) {
    this.#changes = changes;
    this.#known = new Map(fields.map((one) => [one.name, one]));
  }

  row(i: number): ObjectRow | null {
    const names = this.#changes.keyFields(i);
    if (names === undefined) return null;
    let columns = this.#columns.get(names);
    if (columns === undefined) {
      columns = names.map((name) => this.#known.get(name) ?? this.#fitting(i, name));
      this.#columns.set(names, columns);
    }
    const values = this.#changes.keyValues(i, columns);
    if (values.length === 0) throw invalid(this.#changes, i, this.#changes.problem(i));
    return Object.fromEntries(
      columns.map(({ name, type }, part) => [name, toPlain(type, values[part] ?? null)]),
    );
  }

  #fitting(i: number, name: string): StructField {
    const candidates = [LONG, BOOLEAN, STRING].map((type) => field(name, type));
    return (
      candidates.find((column) => this.#changes.keyValues(i, [column]).length > 0) ?? field(name, STRING)
    );
  }
}

function schemaOf(changes: Changes, rows: readonly number[], half: Half): StructType {
  if (rows.length === 0) return struct([]);
  const found = changes.columns(rows, half, undefined);
  if (found.kind === 'problem') throw invalid(changes, found.row, found.problem);
  return struct(found.columns.map(({ name, type, metadata }) => field(name, type, true, metadata)));
}

function invalid(changes: Changes, i: number, problem: RecordProblem | undefined): SluiceError {
  const { topic, partition } = changes;
  const reason = problem?.reason ?? 'the record cannot be read';
  return new SluiceError('RECORD_INVALID', `${topic}:${partition} offset ${changes.offset(i)}: ${reason}`, {
    context: { topic, partition, offset: changes.offset(i), column: problem?.field },
    hint: 'mend the record at its source, or let errors.tolerance=all put such records aside',
  });
}
