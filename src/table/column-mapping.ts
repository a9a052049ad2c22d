import { unreachable } from '../base/errors.js';
import { tableProperty } from '../protocol/properties.js';
import type { DataType, StructField, StructType } from '../schema/types.js';

/** Delta protocol, "Column Mapping": how a table's columns are found in its files. */
export type MappingMode = 'none' | 'name' | 'id';

/** The mode that a table's properties name. */
export function mappingMode(configuration: Readonly<Record<string, string>>): MappingMode {
  return tableProperty(configuration, 'columnMappingMode');
}

/** The name of a field in files, stats and partition values. */
export function physicalName(field: StructField, mode: MappingMode): string {
  if (mode === 'none') return field.name;
  const name = field.metadata['delta.columnMapping.physicalName'];
  return typeof name === 'string' ? name : field.name;
}

/** The field's mapping id, undefined if it has none. */
export function fieldId(field: StructField): number | undefined {
  const id = field.metadata['delta.columnMapping.id'];
  return typeof id === 'number' ? id : undefined;
}

/** A struct under its physical names at every level, and the way back from each of its fields. */
export type Mapped = {
  readonly physical: StructType;
  /** The logical name of a field of `physical`, nested ones included. */
  readonly logicalName: (field: StructField) => string;
};

/** The struct as files have it; ids and other metadata stay. */
export function mapped(struct: StructType, mode: MappingMode): Mapped {
  if (mode === 'none') return { physical: struct, logicalName: ({ name }) => name };
  const logical = new Map<StructField, string>();
  const physicalField = (field: StructField): StructField => {
    const physical = { ...field, name: physicalName(field, mode), type: physicalType(field.type) };
    logical.set(physical, field.name);
    return physical;
  };
  const physicalType = (type: DataType): DataType => {
    switch (type.kind) {
      case 'struct':
        return { kind: 'struct', fields: type.fields.map(physicalField) };
      case 'array':
        return { ...type, element: physicalType(type.element) };
      case 'map':
        return { ...type, key: physicalType(type.key), value: physicalType(type.value) };
      case 'decimal':
      case 'primitive':
        return type;
      default:
        return unreachable(type);
    }
  };
  return {
    physical: { kind: 'struct', fields: struct.fields.map(physicalField) },
    logicalName: (field) => logical.get(field) ?? field.name,
  };
}

/** The names of a column, from the outside in, as files and stats have them. */
export function physicalNames(
  names: readonly string[],
  struct: StructType,
  mode: MappingMode,
): readonly string[] {
  let fields = struct.fields;
  return names.map((name) => {
    const field = fields.find((one) => one.name === name);
    fields = field?.type.kind === 'struct' ? field.type.fields : [];
    return field === undefined ? name : physicalName(field, mode);
  });
}
