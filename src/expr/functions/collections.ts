import { array, BOOLEAN, INTEGER, LONG, map, STRING, struct, VOID } from '../../schema/build.js';
import type { DataType, StructField, Value } from '../../schema/types.js';
import { compareValues } from '../order.js';
import { commonType, isIntegral, scalarName } from '../types.js';
import { big, isList, list, text, type Arguments, type FunctionCall, type Resolve } from './define.js';

/** `of[key]`: an element from 0 on or a key's value; null where there is none. */
export function itemOf(of: DataType, key: DataType): FunctionCall | undefined {
  if (of.kind === 'array' && isIntegral(key)) {
    const apply = ([items, index]: readonly Value[]): Value => list(items)[Number(big(index))] ?? null;
    return { params: [of, LONG], result: of.element, apply };
  }
  if (of.kind !== 'map' || scalarName(of.key) === undefined) return undefined;
  return {
    params: [of, of.key],
    result: of.value,
    apply: ([entries, wanted]) => valueOf(entries, wanted ?? null),
  };
}

function valueOf(entries: Value | undefined, wanted: Value): Value {
  for (const entry of list(entries)) {
    const [key = null, value = null] = list(entry);
    if (key !== null && compareValues(key, wanted) === 0) return value;
  }
  return null;
}

/** Counts from 1, or from the end for a negative index; nothing stands at 0. */
const elementAt: Resolve = ({ types }) => {
  const [of, key] = types;
  if (of === undefined || key === undefined || types.length > 2) return undefined;
  if (of.kind !== 'array') return itemOf(of, key);
  if (!isIntegral(key)) return undefined;
  const apply = ([items, index]: readonly Value[]): Value => {
    const at = Number(big(index));
    const all = list(items);
    return (at > 0 ? all[at - 1] : at < 0 ? all[all.length + at] : null) ?? null;
  };
  return { params: [of, LONG], result: of.element, apply };
};

/** Spark's size of null is -1 outside of ANSI mode. */
const size: Resolve = ({ types }) =>
  types.length === 1 && (types[0]?.kind === 'array' || types[0]?.kind === 'map')
    ? { params: types, result: INTEGER, seesNulls: true, apply: ([of]) => (isList(of) ? of.length : -1) }
    : undefined;

const arraySize: Resolve = ({ types }) =>
  types.length === 1 && types[0]?.kind === 'array'
    ? { params: types, result: INTEGER, apply: ([of]) => list(of).length }
    : undefined;

/** Null where the value is not found but a null is. */
const contains: Resolve = ({ types }) => {
  const [of, wanted] = types;
  if (of?.kind !== 'array' || wanted === undefined || types.length !== 2) return undefined;
  const element = commonType(of.element, wanted);
  if (
    element === undefined ||
    scalarName(element) === undefined ||
    scalarName(element) !== scalarName(of.element)
  )
    return undefined;
  const apply = ([items, value = null]: readonly Value[]): Value => {
    const all = list(items);
    if (all.some((item) => item !== null && value !== null && compareValues(item, value) === 0)) return true;
    return all.includes(null) ? null : false;
  };
  return { params: [of, of.element], result: BOOLEAN, apply };
};

const makeArray: Resolve = ({ types }) => {
  let element: DataType | undefined = VOID;
  for (const type of types) element = element && commonType(element, type);
  if (element === undefined) return undefined;
  const found = element;
  return {
    params: types.map(() => found),
    result: array(found),
    seesNulls: true,
    apply: (items) => [...items],
  };
};

const namedStruct: Resolve = ({ types, literals }) => {
  if (types.length === 0 || types.length % 2 !== 0) return undefined;
  const fields: StructField[] = [];
  for (let index = 0; index < types.length; index += 2) {
    const name = literals[index];
    const type = types[index + 1];
    if (typeof name !== 'string' || type === undefined) return undefined;
    fields.push({ name, type, nullable: true, metadata: {} });
  }
  const apply = (args: readonly Value[]): Value =>
    Object.fromEntries(fields.map(({ name }, i) => [name, args[i * 2 + 1] ?? null]));
  return { params: types, result: struct(fields), seesNulls: true, apply };
};

const keysOrValues =
  (part: 0 | 1): Resolve =>
  ({ types }) => {
    const [of] = types;
    if (of?.kind !== 'map' || types.length > 1) return undefined;
    const apply = ([entries]: readonly Value[]): Value =>
      list(entries).map((entry) => list(entry)[part] ?? null);
    return { params: types, result: array(part === 0 ? of.key : of.value), apply };
  };

const makeMap: Resolve = ({ types }: Arguments) => {
  if (types.length % 2 !== 0) return undefined;
  let key: DataType | undefined = VOID;
  let value: DataType | undefined = VOID;
  for (const [index, type] of types.entries()) {
    if (index % 2 === 0) key = key && commonType(key, type);
    else value = value && commonType(value, type);
  }
  if (key === undefined || value === undefined) return undefined;
  const params = types.map((_, index) => (index % 2 === 0 ? key : value) ?? STRING);
  const apply = (args: readonly Value[]): Value => {
    const entries: Value[] = [];
    for (let index = 0; index < args.length; index += 2)
      entries.push([args[index] ?? null, args[index + 1] ?? null]);
    return entries;
  };
  return { params, result: map(key, value), seesNulls: true, apply };
};

/** The value of a struct's field. */
export function fieldOf(of: DataType, name: string): FunctionCall | undefined {
  if (of.kind === 'map' && scalarName(of.key) === 'string') {
    return { params: [of], result: of.value, apply: ([entries]) => valueOf(entries, name) };
  }
  if (of.kind !== 'struct') return undefined;
  const lower = name.toLowerCase();
  const found =
    of.fields.find((one) => one.name === name) ?? of.fields.find((one) => one.name.toLowerCase() === lower);
  if (found === undefined) return undefined;
  return { params: [of], result: found.type, apply: ([value]) => memberOf(value, found.name) };
}

function memberOf(value: Value | undefined, name: string): Value {
  if (typeof value !== 'object' || value === null || isList(value) || value instanceof Uint8Array)
    return null;
  return value[name] ?? null;
}

const split: Resolve = ({ types, literals }) => {
  const [, separator] = literals;
  // Only what means itself as a regular expression, which is what Spark takes it for.
  if (types.length !== 2 || typeof separator !== 'string' || !/^[^\\^$.*+?()[\]{}|]+$/.test(separator))
    return undefined;
  return {
    params: [STRING, STRING],
    result: array(STRING),
    apply: ([value]) => text(value).split(separator),
  };
};

export const COLLECTION_FUNCTIONS: readonly (readonly [string, Resolve])[] = [
  ['size', size],
  ['cardinality', size],
  ['array_size', arraySize],
  ['array_contains', contains],
  ['element_at', elementAt],
  ['array', makeArray],
  ['map', makeMap],
  ['map_keys', keysOrValues(0)],
  ['map_values', keysOrValues(1)],
  ['named_struct', namedStruct],
  ['split', split],
];
