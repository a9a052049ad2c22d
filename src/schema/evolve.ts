import { unreachable } from '../base/errors.js';
import type { JsonValue } from '../base/json.js';
import { field } from './build.js';
import { typeToJson } from './schema-string.js';
import type { DataType, StructField, StructType } from './types.js';
import { widen } from './widening.js';

/** A column of rows about to be written. */
export type WantedColumn = { readonly name: string; readonly type: DataType };

/** A column, or a place inside one as a dotted path, whose type becomes a wider one. */
export type Widened = { readonly column: string; readonly from: DataType; readonly to: DataType };

/** What has to happen to a table's schema before rows of the wanted columns fit into it. */
export type Evolution =
  | { readonly kind: 'same' }
  | {
      readonly kind: 'evolved';
      readonly schema: StructType;
      /** Columns and nested fields that are new, as dotted paths. */
      readonly added: readonly string[];
      readonly widened: readonly Widened[];
    }
  | {
      readonly kind: 'impossible';
      readonly column: string;
      readonly have: DataType;
      readonly want: DataType;
    };

/**
 * The smallest schema that holds the table's rows and the wanted ones. Columns that are new come last, in
 * the order wanted, and are nullable; so do new fields of structs, at any depth. A type becomes wider only
 * as `widen` says, and each such step is recorded in the field's `delta.typeChanges` (Delta protocol, "Type
 * Widening"): the caller enables the feature in the same commit. Nothing is narrowed, dropped or renamed,
 * and no NOT NULL is lifted.
 *
 * Where column mapping is on, the caller gives new fields their ids and physical names. A wanted `void`
 * fits into every column and makes none; a column that has been `void` takes the wanted type. Names match
 * exactly; one that differs from another only by case is `impossible`, since Delta could not tell the two
 * apart.
 */
export function planEvolution(current: StructType, wanted: readonly WantedColumn[]): Evolution {
  const plan = new EvolutionPlan();
  let fields = current.fields;
  for (const { name, type } of wanted) fields = plan.withField(fields, name, type, '');
  if (plan.impossible !== undefined) return { kind: 'impossible', ...plan.impossible };
  if (fields === current.fields) return { kind: 'same' };
  return { kind: 'evolved', schema: { ...current, fields }, added: plan.added, widened: plan.widened };
}

/** Where a type stands: its column as a dotted path, and below its nearest field as `fieldPath` wants it. */
type Place = { readonly column: string; readonly fieldPath: string; readonly changes: JsonValue[] };

/**
 * Collects what changes while it walks the schema. What stays the same stays the same object, so that
 * identity tells whether anything happened.
 */
class EvolutionPlan {
  readonly added: string[] = [];
  readonly widened: Widened[] = [];
  /** The first misfit; whatever is planned after it is not used. */
  impossible: { readonly column: string; readonly have: DataType; readonly want: DataType } | undefined;

  withField(
    fields: readonly StructField[],
    name: string,
    want: DataType,
    parent: string,
  ): readonly StructField[] {
    const column = parent === '' ? name : `${parent}.${name}`;
    const index = fields.findIndex((one) => one.name.toLowerCase() === name.toLowerCase());
    const have = fields[index];
    if (have === undefined) {
      const type = withoutVoid(want);
      if (type === undefined) return fields;
      this.added.push(column);
      return [...fields, field(name, type)];
    }
    if (have.name !== name) {
      this.#refuse(column, have.type, want);
      return fields;
    }
    const evolved = this.#field(have, want, column);
    return evolved === have ? fields : fields.with(index, evolved);
  }

  #field(have: StructField, want: DataType, column: string): StructField {
    const changes: JsonValue[] = [];
    const type = this.#type(have.type, want, { column, fieldPath: '', changes });
    if (type === have.type) return have;
    if (changes.length === 0) return { ...have, type };
    return { ...have, type, metadata: withTypeChanges(have.metadata, changes) };
  }

  #type(have: DataType, want: DataType, place: Place): DataType {
    if (isVoid(want)) return have;
    if (isVoid(have)) return this.#fromVoid(have, want, place.column);
    if (have.kind === 'struct' && want.kind === 'struct') return this.#struct(have, want, place.column);
    if (have.kind === 'array' && want.kind === 'array') {
      const element = this.#type(have.element, want.element, inside(place, 'element'));
      return element === have.element ? have : { ...have, element };
    }
    if (have.kind === 'map' && want.kind === 'map') {
      const key = this.#type(have.key, want.key, inside(place, 'key'));
      const value = this.#type(have.value, want.value, inside(place, 'value'));
      return key === have.key && value === have.value ? have : { ...have, key, value };
    }
    if (isAtomic(have) && isAtomic(want)) {
      const to = widen(have, want);
      if (to === have) return have;
      if (to !== undefined) return this.#widened(have, to, place);
    }
    return this.#refuse(place.column, have, want);
  }

  #struct(have: StructType, want: StructType, column: string): StructType {
    let fields = have.fields;
    for (const { name, type } of want.fields) fields = this.withField(fields, name, type, column);
    return fields === have.fields ? have : { ...have, fields };
  }

  #fromVoid(have: DataType, want: DataType, column: string): DataType {
    const type = withoutVoid(want);
    if (type === undefined) return have;
    this.added.push(column);
    return type;
  }

  #widened(from: DataType, to: DataType, { column, fieldPath, changes }: Place): DataType {
    this.widened.push({ column, from, to });
    changes.push({
      toType: typeToJson(to),
      fromType: typeToJson(from),
      ...(fieldPath === '' ? {} : { fieldPath }),
    });
    return to;
  }

  #refuse(column: string, have: DataType, want: DataType): DataType {
    this.impossible ??= { column, have, want };
    return have;
  }
}

function inside({ column, fieldPath, changes }: Place, part: 'element' | 'key' | 'value'): Place {
  return {
    column: `${column}.${part}`,
    fieldPath: fieldPath === '' ? part : `${fieldPath}.${part}`,
    changes,
  };
}

function withTypeChanges(
  metadata: StructField['metadata'],
  changes: readonly JsonValue[],
): StructField['metadata'] {
  const earlier = metadata[TYPE_CHANGES];
  return { ...metadata, [TYPE_CHANGES]: [...(Array.isArray(earlier) ? earlier : []), ...changes] };
}

const TYPE_CHANGES = 'delta.typeChanges';

/** The type less its parts without any value, which Parquet can't hold; undefined where nothing is left. */
function withoutVoid(type: DataType): DataType | undefined {
  if (isVoid(type)) return undefined;
  switch (type.kind) {
    case 'array': {
      const element = withoutVoid(type.element);
      return element && { ...type, element };
    }
    case 'map': {
      const key = withoutVoid(type.key);
      const value = withoutVoid(type.value);
      return key && value && { ...type, key, value };
    }
    case 'struct': {
      const fields = type.fields.flatMap((one) => {
        const kept = withoutVoid(one.type);
        return kept === undefined ? [] : [{ ...one, type: kept }];
      });
      return fields.length === 0 ? undefined : { ...type, fields };
    }
    case 'primitive':
    case 'decimal':
      return type;
    default:
      return unreachable(type);
  }
}

function isVoid(type: DataType): boolean {
  return type.kind === 'primitive' && type.name === 'void';
}

function isAtomic(type: DataType): type is Extract<DataType, { kind: 'primitive' | 'decimal' }> {
  return type.kind === 'primitive' || type.kind === 'decimal';
}
