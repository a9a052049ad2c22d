import { unreachable } from '../base/errors.js';
import {
  array,
  BINARY,
  BOOLEAN,
  BYTE,
  DATE,
  decimal,
  DECIMAL_PRECISION_MAX,
  DOUBLE,
  field,
  FLOAT,
  INTEGER,
  LONG,
  map,
  SHORT,
  STRING,
  struct,
  TIMESTAMP,
  TIMESTAMP_NTZ,
} from '../schema/build.js';
import type { DataType } from '../schema/types.js';
import type { SourceType } from './source-type.js';

/** How source types that Delta has no equal for become Delta types. */
export type TypeOptions = {
  /** Decimals beyond 38 digits, or of no fixed scale: their digits as text, or refused. */
  readonly decimalOverflow: 'string' | 'fail';
  /** A wall clock's reading stays one, or is taken for UTC. */
  readonly timestampKind: 'ntz' | 'utc';
  /** Delta has no time of day: ISO text (`08:09:10.5`), or microseconds since midnight as LONG. */
  readonly timeAs: 'string' | 'micros';
};

export const DEFAULT_TYPES: TypeOptions = {
  decimalOverflow: 'string',
  timestampKind: 'ntz',
  timeAs: 'string',
};

/** The Delta type for a typed value of the source; undefined for `untyped`, and for what the options refuse. */
export function deltaType(source: SourceType, options: TypeOptions): DataType | undefined {
  switch (source.kind) {
    case 'untyped':
      return undefined;
    case 'integer':
      return source.bits === 64 ? LONG : source.bits === 32 ? INTEGER : source.bits === 16 ? SHORT : BYTE;
    case 'float':
      return source.bits === 64 ? DOUBLE : FLOAT;
    case 'boolean':
    case 'bit':
      return BOOLEAN;
    case 'string':
      return STRING;
    case 'bytes':
      return BINARY;
    case 'decimal':
      return decimalType(source.precision, source.scale, options);
    case 'variable-decimal':
      return options.decimalOverflow === 'string' ? STRING : undefined;
    case 'days':
    case 'iso-date':
      return DATE;
    case 'clock':
    case 'iso-clock':
      return options.timestampKind === 'ntz' ? TIMESTAMP_NTZ : TIMESTAMP;
    case 'instant':
      return TIMESTAMP;
    case 'time':
      return options.timeAs === 'micros' ? LONG : STRING;
    case 'iso-time':
      return STRING;
    case 'array': {
      const element = deltaType(source.element, options);
      return element === undefined ? undefined : array(element);
    }
    case 'map': {
      const key = deltaType(source.key, options);
      const value = deltaType(source.value, options);
      return key === undefined || value === undefined ? undefined : map(key, value);
    }
    case 'struct': {
      const fields = source.fields.map(({ name, type }) => ({ name, type: deltaType(type, options) }));
      const known = fields.flatMap(({ name, type }) => (type === undefined ? [] : [field(name, type)]));
      return known.length === fields.length && known.length > 0 ? struct(known) : undefined;
    }
    default:
      return unreachable(source);
  }
}

/** A decimal without a precision may have any number of digits; as many as Delta allows are then assumed. */
function decimalType(
  precision: number | undefined,
  scale: number,
  options: TypeOptions,
): DataType | undefined {
  const digits = precision ?? DECIMAL_PRECISION_MAX;
  if (scale < 0 || digits > DECIMAL_PRECISION_MAX || scale > digits || digits < 1) {
    return options.decimalOverflow === 'string' ? STRING : undefined;
  }
  return decimal(digits, scale);
}
