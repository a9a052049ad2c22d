import { unreachable } from '../../base/errors.js';
import { formatType } from '../../schema/type-text.js';
import { isWidening } from '../../schema/type-changes.js';
import type { DataType, StructField } from '../../schema/types.js';
import { mappingMode, physicalName, type MappingMode } from '../../table/column-mapping.js';
import type { TableLayout } from '../../table/layout.js';

export type ShowOptions = {
  /**
   * Whether a column that bears another name counts as the same: it does where all rows are shown under one schema, and
   * not for someone who was given rows under the old name.
   */
  readonly renamed: 'same' | 'other';
};

/**
 * Why rows that were written under one schema cannot be shown whole under another, in words such as `column a is dropped`;
 * undefined if they can. Columns that are new (null in older rows) and types that have widened are no obstacle, at any
 * depth of structs; a column that is gone, of another type, no longer nullable, or parts the table where it did not is.
 */
export function obstacle(from: TableLayout, to: TableLayout, options: ShowOptions): string | undefined {
  const sides = { from: modeOf(from), to: modeOf(to), ...options };
  return fieldsObstacle(from.schema.fields, to.schema.fields, '', sides) ?? partsObstacle(from, to);
}

type Sides = ShowOptions & { readonly from: MappingMode; readonly to: MappingMode };

function modeOf({ configuration }: TableLayout): MappingMode {
  return mappingMode(configuration);
}

/**
 * What tells a field from others whatever it is called: its physical name, which is the name itself where nothing is
 * mapped, and Delta takes names that differ by case for one.
 */
function identity(field: StructField, mode: MappingMode): string {
  return physicalName(field, mode).toLowerCase();
}

function fieldsObstacle(
  from: readonly StructField[],
  to: readonly StructField[],
  parent: string,
  sides: Sides,
): string | undefined {
  const later = new Map(to.map((field) => [identity(field, sides.to), field]));
  for (const field of from) {
    const column = `column ${parent}${field.name}`;
    const key = identity(field, sides.from);
    const now = later.get(key);
    later.delete(key);
    if (now === undefined) return `${column} is dropped`;
    if (now.name !== field.name && sides.renamed === 'other') return `${column} is renamed to ${now.name}`;
    if (field.nullable && !now.nullable) return `${column} may not be null any more`;
    const inside = typeObstacle(field.type, now.type, `${parent}${field.name}`, sides);
    if (inside !== undefined) return inside;
  }
  for (const added of later.values()) {
    if (!added.nullable) return `column ${parent}${added.name} is new and may not be null`;
  }
  return undefined;
}

function typeObstacle(from: DataType, to: DataType, column: string, sides: Sides): string | undefined {
  const changed = `column ${column} changes from ${formatType(from)} to ${formatType(to)}`;
  switch (from.kind) {
    case 'struct':
      return to.kind === 'struct' ? fieldsObstacle(from.fields, to.fields, `${column}.`, sides) : changed;
    case 'array':
      if (to.kind !== 'array' || (from.containsNull && !to.containsNull)) return changed;
      return typeObstacle(from.element, to.element, `${column}.element`, sides);
    case 'map':
      if (to.kind !== 'map' || (from.valueContainsNull && !to.valueContainsNull)) return changed;
      return (
        typeObstacle(from.key, to.key, `${column}.key`, sides) ??
        typeObstacle(from.value, to.value, `${column}.value`, sides)
      );
    case 'decimal':
    case 'primitive':
      // A column of void has never held a value.
      if (from.kind === 'primitive' && from.name === 'void') return undefined;
      return isWidening(from, to) ? undefined : changed;
    default:
      return unreachable(from);
  }
}

/** Files tell the values of partition columns in the log alone: where these change, older files cannot be read. */
function partsObstacle(from: TableLayout, to: TableLayout): string | undefined {
  const before = partIdentities(from);
  const after = partIdentities(to);
  if (before.length === after.length && before.every((name, i) => name === after[i])) return undefined;
  const names = to.partitionColumns.length === 0 ? 'nothing' : to.partitionColumns.join(', ');
  return `the table is partitioned by ${names} from there on`;
}

function partIdentities(layout: TableLayout): readonly string[] {
  return layout.partitionColumns.map((name) => {
    const field = layout.schema.fields.find((one) => one.name === name);
    return field === undefined ? name : identity(field, modeOf(layout));
  });
}
