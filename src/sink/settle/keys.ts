import { Op, type Changes } from '../../cdc/changes.js';
import { KeySetBuilder } from '../../operations/merge/key-set.js';
import type { StructField, Value } from '../../schema/types.js';
import type { BadRecord, Slice, TableOptions } from '../settler.js';
import type { Events } from './events.js';

/** Whether records change rows of a table with a key, and which columns make it. */
export type KeysFound =
  | { readonly kind: 'keyed'; readonly columns: readonly string[] }
  | { readonly kind: 'keyless' }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'bad-records'; readonly records: readonly BadRecord[] };

/**
 * The key columns that a batch's records name (Debezium documentation, "Change event keys"), held against those that the
 * table was made with. A record whose key has other fields, or none where the table has one, is bad; `unknown`: no
 * record says, and neither does the table.
 */
export function findKeys(
  slices: readonly Slice[],
  known: readonly string[] | undefined,
  options: TableOptions,
): KeysFound {
  if (options.primaryKey.mode === 'none') return { kind: 'keyless' };
  let expected = options.primaryKey.fields.length > 0 ? options.primaryKey.fields : known;
  const fixed = options.primaryKey.fields.length > 0;
  const bad: BadRecord[] = [];
  let last: readonly string[] | undefined;
  for (const slice of slices) {
    for (const record of slice.rows) {
      if (!changesRow(slice.changes.op[record] ?? Op.foreign)) continue;
      const fields = slice.changes.keyFields(record);
      if (expected === undefined) expected = fields ?? [];
      // Field lists are interned, so that most records cost one comparison of references.
      if (fields === last && fields !== undefined) continue;
      const problem = misfit(fields, expected, fixed);
      if (problem === undefined) last = fields;
      else bad.push(badKey(slice, record, problem));
    }
  }
  if (bad.length > 0) return { kind: 'bad-records', records: bad };
  if (expected === undefined) return { kind: 'unknown' };
  return expected.length === 0 ? { kind: 'keyless' } : { kind: 'keyed', columns: expected };
}

/** Whether a record of this operation inserts, updates or deletes one row. */
export function changesRow(op: number): boolean {
  return op === Op.read || op === Op.create || op === Op.update || op === Op.delete;
}

/** The keys of a batch as numbers: `keyOf` by event (-1: it concerns no row), `texts` by number. */
export type NumberedKeys = {
  readonly keyOf: Int32Array;
  readonly texts: string[];
  readonly numbers: Map<string, number>;
  readonly set: KeySetBuilder;
  readonly bad: readonly BadRecord[];
};

/** Numbers the distinct keys of the events, in order of first sight. */
export function numberKeys(events: Events, columns: readonly StructField[]): NumberedKeys {
  const keyOf = new Int32Array(events.length).fill(-1);
  const numbers = new Map<string, number>();
  const texts: string[] = [];
  const set = new KeySetBuilder(columns, numbers);
  const byNumber = isOneInteger(columns);
  const bad: BadRecord[] = [];
  let event = 0;
  for (const slice of events.slices) {
    const { changes } = slice;
    for (const record of slice.rows) {
      const at = event++;
      if (!changesRow(changes.op[record] ?? Op.foreign)) continue;
      const text = changes.key(record, columns);
      if (text === undefined) {
        bad.push(badKey(slice, record, changes.problem(record)?.reason ?? 'the record has no key'));
        continue;
      }
      let number = numbers.get(text);
      if (number === undefined) {
        number = texts.length;
        numbers.set(text, number);
        texts.push(text);
        // Fifteen digits are a safe integer.
        if (byNumber && text.length <= 15) set.addInteger(Number(text));
        else set.add(text, changes.keyValues(record, columns));
      }
      keyOf[at] = number;
    }
  }
  return { keyOf, texts, numbers, set, bad };
}

/** Adds a key that no event of the batch has; one that is there is left alone. */
export function addKey({ numbers, texts, set }: NumberedKeys, text: string, values: readonly Value[]): void {
  if (numbers.has(text)) return;
  numbers.set(text, texts.length);
  texts.push(text);
  set.add(text, values);
}

function isOneInteger(columns: readonly StructField[]): boolean {
  const [first] = columns;
  if (columns.length !== 1 || first?.type.kind !== 'primitive') return false;
  return ['byte', 'short', 'integer', 'long'].includes(first.type.name);
}

/** Records that cannot be read at all. */
export function unreadable(slices: readonly Slice[]): readonly BadRecord[] {
  const bad: BadRecord[] = [];
  for (const slice of slices) {
    for (const record of slice.rows) {
      if (slice.changes.op[record] !== Op.bad) continue;
      bad.push(badRecord(slice, record, slice.changes));
    }
  }
  return bad;
}

function badRecord(slice: Slice, record: number, changes: Changes): BadRecord {
  const { topic, partition } = slice;
  const problem = changes.problem(record) ?? { kind: 'envelope', reason: 'the record cannot be read' };
  return { topic, partition, offset: changes.offset(record), index: record, problem };
}

function badKey({ topic, partition, changes }: Slice, record: number, reason: string): BadRecord {
  const offset = changes.offset(record);
  return { topic, partition, offset, index: record, problem: { kind: 'key', reason } };
}

function misfit(
  fields: readonly string[] | undefined,
  expected: readonly string[],
  fixed: boolean,
): string | undefined {
  if (fields === undefined) return expected.length === 0 ? undefined : 'the record key is missing';
  if (fixed) {
    const missing = expected.filter((name) => !fields.includes(name));
    return missing.length === 0 ? undefined : `the record key lacks ${missing.join(', ')}`;
  }
  if (fields.length === expected.length && expected.every((name) => fields.includes(name))) return undefined;
  return expected.length === 0
    ? 'the record has a key and the table has none'
    : `the record key is (${fields.join(', ')}) and the table's is (${expected.join(', ')})`;
}
