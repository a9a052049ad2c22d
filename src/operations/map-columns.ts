import { randomUUID } from 'node:crypto';
import { unreachable } from '../base/errors.js';
import type { DataType, StructField, StructType } from '../schema/types.js';

const ID = 'delta.columnMapping.id';
const PHYSICAL_NAME = 'delta.columnMapping.physicalName';

/** Table properties of column mapping. */
export const MAPPING_MODE = 'delta.columnMapping.mode';
export const MAX_COLUMN_ID = 'delta.columnMapping.maxColumnId';

/** Characters that Delta Spark does not take in a name without column mapping. */
const UNMAPPABLE = /[ ,;{}()\n\t=]/;

/** Whether a name, at any depth, can only be held under column mapping. */
export function needsMapping(type: DataType): boolean {
  switch (type.kind) {
    case 'struct':
      return type.fields.some((field) => UNMAPPABLE.test(field.name) || needsMapping(field.type));
    case 'array':
      return needsMapping(type.element);
    case 'map':
      return needsMapping(type.key) || needsMapping(type.value);
    case 'decimal':
    case 'primitive':
      return false;
    default:
      return unreachable(type);
  }
}

/**
 * The schema with an id and a physical name for each field at each depth that has none yet: ids go on from the greatest
 * one ever given. A field that `before` has without a mapping keeps its name in the files; a new one gets a name that
 * nothing else ever had, so that a column dropped and added again is another one. Delta protocol, "Column Mapping".
 */
export function mapColumns(
  schema: StructType,
  known: { readonly maxColumnId: number; readonly before: StructType | undefined },
): { readonly schema: StructType; readonly maxColumnId: number } {
  const mapper = new Mapper(Math.max(known.maxColumnId, greatestId(schema)));
  const mapped = mapper.struct(schema, known.before);
  return { schema: mapped, maxColumnId: mapper.maxColumnId };
}

class Mapper {
  maxColumnId: number;

  constructor(maxColumnId: number) {
    this.maxColumnId = maxColumnId;
  }

  struct(struct: StructType, before: StructType | undefined): StructType {
    const fields = struct.fields.map((field) => this.#field(field, before));
    return { ...struct, fields };
  }

  #field(field: StructField, parent: StructType | undefined): StructField {
    const before = parent?.fields.find(({ name }) => name === field.name);
    // Outer fields are numbered before those inside them, as Spark does.
    const metadata = field.metadata[ID] === undefined ? this.#named(field, before) : field.metadata;
    return { ...field, metadata, type: this.#type(field.type, before?.type) };
  }

  #named(field: StructField, before: StructField | undefined): StructField['metadata'] {
    const physicalName = before === undefined ? `col-${randomUUID()}` : field.name;
    return { ...field.metadata, [ID]: ++this.maxColumnId, [PHYSICAL_NAME]: physicalName };
  }

  #type(type: DataType, before: DataType | undefined): DataType {
    switch (type.kind) {
      case 'struct':
        return this.struct(type, before?.kind === 'struct' ? before : undefined);
      case 'array': {
        const element = before?.kind === 'array' ? before.element : undefined;
        return { ...type, element: this.#type(type.element, element) };
      }
      case 'map': {
        const inside = before?.kind === 'map' ? before : undefined;
        return {
          ...type,
          key: this.#type(type.key, inside?.key),
          value: this.#type(type.value, inside?.value),
        };
      }
      case 'decimal':
      case 'primitive':
        return type;
      default:
        return unreachable(type);
    }
  }
}

function greatestId(type: DataType): number {
  switch (type.kind) {
    case 'struct':
      return type.fields.reduce((greatest, field) => {
        const id = field.metadata[ID];
        return Math.max(greatest, typeof id === 'number' ? id : 0, greatestId(field.type));
      }, 0);
    case 'array':
      return greatestId(type.element);
    case 'map':
      return Math.max(greatestId(type.key), greatestId(type.value));
    case 'decimal':
    case 'primitive':
      return 0;
    default:
      return unreachable(type);
  }
}
