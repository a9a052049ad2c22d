import { formatType } from '../schema/type-text.js';
import type { DataType, StructField, StructType, Value } from '../schema/types.js';
import type { Expr } from './ast.js';
import { tryCastBetween } from './casts.js';
import { evaluator, type ReadColumn } from './evaluate.js';
import { invalid } from './invalid.js';
import { resolve } from './resolve.js';

/** A column, or a field inside one, and what it is to become. */
export type Assignment = { readonly target: Expr; readonly value: Expr };

/** A top-level column that assignments change, with its new value in a row. */
export type AssignedColumn = {
  readonly field: StructField;
  /**
   * Throws what `refuse` makes of a value that the column's type cannot hold.
   */
  readonly valueIn: (read: ReadColumn, refuse: (value: Value, as: string) => Error) => Value;
};

/**
 * Settles assignments over rows of `struct`: every value is computed from the row as it was. A value of another type is
 * cast, and refused if that would lose what it says, as Spark's store assignment does.
 *
 * @throws SluiceError EXPRESSION_INVALID for a target that is no column, one that is assigned twice or inside another, or
 *   a value that cannot become one of its type
 */
export function compileAssignments(
  assignments: readonly Assignment[],
  struct: StructType,
): readonly AssignedColumn[] {
  const settled = assignments.map((one) => settle(one, struct));
  refuseOverlaps(settled);
  const columns = new Map<number, Settled[]>();
  for (const one of settled) columns.set(one.index, [...(columns.get(one.index) ?? []), one]);
  return [...columns].map(([index, parts]) => assignedColumn(struct, index, parts));
}

type Settled = {
  readonly at: number;
  readonly index: number;
  /** Exact names from the column inwards; empty for the column itself. */
  readonly inner: readonly string[];
  readonly text: string;
  readonly type: DataType;
  readonly evaluate: (read: ReadColumn) => Value;
  readonly cast: (value: Value) => Value;
};

function settle({ target, value }: Assignment, struct: StructType): Settled {
  const place = resolve(target, struct);
  if (place.kind !== 'column') throw invalid(target.at, 'only a column, or a field of a struct, can be set');
  const typed = resolve(value, struct);
  const cast = tryCastBetween(typed.type, place.type);
  if (cast === undefined) {
    throw invalid(
      value.at,
      `${place.path.join('.')} is ${formatType(place.type)}, and ${formatType(typed.type)} cannot become that`,
    );
  }
  const [, ...inner] = place.path;
  return {
    at: target.at,
    index: place.index,
    inner,
    text: place.path.join('.'),
    type: place.type,
    evaluate: evaluator(typed),
    cast: cast.convert,
  };
}

function refuseOverlaps(settled: readonly Settled[]): void {
  for (const [i, one] of settled.entries()) {
    for (const other of settled.slice(i + 1)) {
      const [short, long] = one.inner.length <= other.inner.length ? [one, other] : [other, one];
      const meets = short.index === long.index && short.inner.every((name, at) => long.inner[at] === name);
      if (meets) throw invalid(other.at, `${other.text} is set together with ${one.text}`);
    }
  }
}

function assignedColumn(struct: StructType, index: number, parts: readonly Settled[]): AssignedColumn {
  const field = struct.fields[index];
  if (field === undefined) throw invalid(0, 'a column that is not there');
  const whole = parts.find(({ inner }) => inner.length === 0);
  return {
    field,
    valueIn: (row, refuse) => {
      if (whole !== undefined) return stored(whole, row, refuse);
      let value = row(index);
      for (const part of parts) value = withField(value, part.inner, stored(part, row, refuse));
      return value;
    },
  };
}

function stored(
  { evaluate, cast, type }: Settled,
  row: ReadColumn,
  refuse: (value: Value, as: string) => Error,
): Value {
  const value = evaluate(row);
  if (value === null) return null;
  const result = cast(value);
  if (result === null) throw refuse(value, formatType(type));
  return result;
}

/** The struct with one of its fields replaced; where there was no struct there is one now, all else in it null. */
function withField(value: Value, path: readonly string[], inner: Value): Value {
  const [name, ...rest] = path;
  if (name === undefined) return inner;
  const fields = isStruct(value) ? value : {};
  return { ...fields, [name]: withField(fields[name] ?? null, rest, inner) };
}

function isStruct(value: Value): value is Readonly<Record<string, Value>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
}
