import { stringifyJson, type JsonObject, type JsonValue } from '../base/json.js';
import type { DataType, StructType, Value } from '../schema/types.js';
import { boundJson } from './stats-values.js';

/**
 * The JSON of `add.stats` from a checkpoint's `stats_parsed`, which has the same layout in columns of the
 * values' own types. Undefined if there is no number of records in it.
 */
export function statsOfColumns(value: Value, type: StructType): string | undefined {
  const numRecords = count(member(value, 'numRecords'));
  if (numRecords === undefined) return undefined;
  const tightBounds = member(value, 'tightBounds');
  return stringifyJson({
    numRecords,
    minValues: part(value, type, 'minValues', (inner, leaf) => boundJson(inner, leaf, 'min')),
    maxValues: part(value, type, 'maxValues', (inner, leaf) => boundJson(inner, leaf, 'max')),
    nullCount: part(value, type, 'nullCount', (_, leaf) => count(leaf)),
    ...(typeof tightBounds === 'boolean' ? { tightBounds } : {}),
  });
}

type Leaf = (type: DataType, value: Value) => JsonValue | undefined;

function part(value: Value, type: StructType, name: string, leaf: Leaf): JsonObject {
  const inner = type.fields.find((field) => field.name === name)?.type;
  return inner?.kind === 'struct' ? members(member(value, name), inner, leaf) : {};
}

function members(value: Value | undefined, type: StructType, leaf: Leaf): JsonObject {
  const entries: [string, JsonValue][] = [];
  for (const field of type.fields) {
    const inner = member(value, field.name);
    if (inner === undefined || inner === null || Number.isNaN(inner)) continue;
    const json = field.type.kind === 'struct' ? members(inner, field.type, leaf) : leaf(field.type, inner);
    if (json !== undefined) entries.push([field.name, json]);
  }
  return Object.fromEntries(entries);
}

function count(value: Value | undefined): number | undefined {
  if (typeof value === 'bigint') return Number(value);
  return typeof value === 'number' ? value : undefined;
}

function member(value: Value | undefined, name: string): Value | undefined {
  if (typeof value !== 'object' || value === null || isList(value) || value instanceof Uint8Array)
    return undefined;
  return value[name];
}

function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}
