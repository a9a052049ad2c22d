import { SluiceError, unreachable } from '../base/errors.js';
import type { DataType, StructType } from '../schema/types.js';
import { FEED_COLUMNS, hasChangeFeed } from './change-types.js';

/**
 * Refuses, with `SCHEMA_MISMATCH`, a schema that a Delta table cannot have: names that are empty or differ only by case,
 * types that this writer does not know, and, while the change feed is on, names that the feed keeps for itself.
 */
export function checkSchema(schema: StructType, configuration: Readonly<Record<string, string>>): void {
  checkStruct(schema, '');
  if (!hasChangeFeed(configuration)) return;
  for (const { name } of schema.fields) {
    if (!FEED_COLUMNS.includes(name.toLowerCase())) continue;
    throw new SluiceError('SCHEMA_MISMATCH', `column ${name} bears a name that the change feed adds itself`, {
      context: { column: name },
      hint: 'rename the column, or turn delta.enableChangeDataFeed off',
    });
  }
}

/** Refuses partition columns that are not there, repeated, of a type without text, or all of the table. */
export function checkPartitioning(schema: StructType, partitionColumns: readonly string[]): void {
  for (const [i, name] of partitionColumns.entries()) {
    const type = schema.fields.find((column) => column.name === name)?.type;
    const why =
      type === undefined
        ? 'is no column of the table'
        : partitionColumns.indexOf(name) !== i
          ? 'is named twice'
          : type.kind === 'primitive' || type.kind === 'decimal'
            ? undefined
            : `is of type ${type.kind}, which cannot part a table`;
    if (why !== undefined) {
      throw new SluiceError('SCHEMA_MISMATCH', `partition column ${name} ${why}`, {
        context: { column: name },
      });
    }
  }
  if (partitionColumns.length > 0 && partitionColumns.length === schema.fields.length) {
    throw new SluiceError('SCHEMA_MISMATCH', 'a table needs a column that does not part it');
  }
}

function checkStruct(struct: StructType, above: string): void {
  const seen = new Map<string, string>();
  for (const { name, type } of struct.fields) {
    const column = above + name;
    if (name === '') throw new SluiceError('SCHEMA_MISMATCH', `a column ${above} has no name`);
    const other = seen.get(name.toLowerCase());
    if (other !== undefined) {
      throw new SluiceError('SCHEMA_MISMATCH', `columns ${above}${other} and ${column} differ only by case`, {
        context: { column },
        hint: 'Delta tables do not tell names apart by case: leave one out, or rename it',
      });
    }
    seen.set(name.toLowerCase(), name);
    checkType(type, column);
  }
}

function checkType(type: DataType, column: string): void {
  switch (type.kind) {
    case 'struct':
      checkStruct(type, `${column}.`);
      break;
    case 'array':
      checkType(type.element, `${column}.element`);
      break;
    case 'map':
      checkType(type.key, `${column}.key`);
      checkType(type.value, `${column}.value`);
      break;
    case 'primitive':
      if (type.name !== 'variant') break;
      throw new SluiceError('SCHEMA_MISMATCH', `column ${column} is a variant, which Sluice does not write`, {
        context: { column },
      });
    case 'decimal':
      break;
    default:
      unreachable(type);
  }
}
