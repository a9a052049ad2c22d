import { isUtf8 } from 'node:buffer';
import { Op, type RecordProblem } from '../changes.js';
import {
  BRACE_CLOSE,
  BRACE_OPEN,
  COLON,
  COMMA,
  QUOTE,
  isNull,
  matches,
  skipSpace,
  skipString,
  skipValue,
} from '../json/scan.js';
import { eachMember } from '../json/shapes.js';
import type { TopicMemory } from './topic-memory.js';

const BEFORE = Buffer.from('"before"');
const AFTER = Buffer.from('"after"');
const SOURCE = Buffer.from('"source"');
const OP = Buffer.from('"op"');

const OPS: ReadonlyMap<number, Op> = new Map<number, Op>([
  [0x72, Op.read],
  [0x63, Op.create],
  [0x75, Op.update],
  [0x64, Op.delete],
  [0x74, Op.truncate],
  [0x6d, Op.foreign],
]);

/** From this length on a look at the schema half costs more than a view that leaves it out. */
const SCHEMA_WORTH_SKIPPING = 512;

const NOT_UTF8: RecordProblem = { kind: 'json', reason: 'the value is not UTF-8' };
const NOT_JSON: RecordProblem = { kind: 'json', reason: 'the value is not JSON' };
const NO_ENVELOPE: RecordProblem = {
  kind: 'envelope',
  reason: 'the value is no change event of Debezium: it has no "op"',
};
const BAD_SCHEMA: RecordProblem = { kind: 'envelope', reason: 'the schema half of the value cannot be read' };
const BAD_OP: RecordProblem = {
  kind: 'envelope',
  reason: 'the event has an operation that is not known',
  field: 'op',
};
const NO_SOURCE: RecordProblem = {
  kind: 'envelope',
  reason: 'the event has no source block',
  field: 'source',
};
const NO_AFTER: RecordProblem = {
  kind: 'envelope',
  reason: 'the event has no row after the change',
  field: 'after',
};
const BAD_BEFORE: RecordProblem = {
  kind: 'envelope',
  reason: 'the row before the change is no object',
  field: 'before',
};
const BAD_AFTER: RecordProblem = {
  kind: 'envelope',
  reason: 'the row after the change is no object, or names a column twice',
  field: 'after',
};

/**
 * Reads the envelope of one change event in one pass over its bytes: where the images of the row are, what was done,
 * and (through the topic's `SourceReader`) where it stands in the source's history. The fields are those of the
 * event read last.
 */
export class EnvelopeReader {
  op: Op = Op.foreign;
  problem: RecordProblem | undefined;
  /** Index of the `before` object's first byte, -1 where there is none. */
  before = -1;
  after = -1;
  /** Id of the `after` object's shape, -1 where there is none. */
  afterShape = -1;
  schema = -1;
  unavailable = false;
  /** The source block was read: it is known whose event this is, even if it is bad. */
  sourced = false;
  /** The payload is null: a tombstone with a schema half. */
  empty = false;

  read(bytes: Buffer, memory: TopicMemory): void {
    this.op = Op.bad;
    this.problem = undefined;
    this.before = -1;
    this.after = -1;
    this.afterShape = -1;
    this.schema = -1;
    this.unavailable = false;
    this.empty = false;
    this.sourced = false;
    this.problem = this.#read(bytes, memory);
    if (this.problem !== undefined) this.op = Op.bad;
  }

  #read(bytes: Buffer, memory: TopicMemory): RecordProblem | undefined {
    const { values } = memory;
    const start = values.find(bytes);
    if (start < 0) return NOT_JSON;
    // A schema half is checked when it is learned; it may be most of the bytes.
    if (!isUtf8(start < SCHEMA_WORTH_SKIPPING ? bytes : bytes.subarray(start))) return NOT_UTF8;
    this.schema = values.schema;
    if (this.schema >= 0 && values.meaning(this.schema) === undefined) return BAD_SCHEMA;
    if (bytes[start] !== BRACE_OPEN) return this.#noObject(bytes, start, memory);
    return this.#members(bytes, start, memory);
  }

  #members(bytes: Buffer, start: number, memory: TopicMemory): RecordProblem | undefined {
    let source = -1;
    let op = -1;
    let bad: RecordProblem | undefined;
    let p = skipSpace(bytes, start + 1);
    if (bytes[p] === BRACE_CLOSE) return NO_ENVELOPE;
    for (;;) {
      const name = p;
      if (bytes[p] !== QUOTE) return NOT_JSON;
      p = skipString(bytes, p);
      if (p < 0) return NOT_JSON;
      const length = p - name;
      if (bytes[p] !== COLON) p = skipSpace(bytes, p);
      if (bytes[p++] !== COLON) return NOT_JSON;
      if ((bytes[p] ?? 0) <= 0x20) p = skipSpace(bytes, p);
      if (length === 7 && matches(bytes, name, AFTER)) {
        const at = p;
        if (bytes[at] === BRACE_OPEN) {
          const shape = memory.rows.walk(bytes, at);
          if (shape === undefined) {
            bad = BAD_AFTER;
            p = skipValue(bytes, at);
          } else {
            this.after = at;
            this.afterShape = shape.id;
            this.unavailable = memory.rows.unavailable;
            p = memory.rows.end;
          }
        } else {
          if (!isNull(bytes, at)) bad = BAD_AFTER;
          p = skipValue(bytes, at);
        }
      } else if (length === 8 && matches(bytes, name, BEFORE)) {
        if (bytes[p] === BRACE_OPEN) this.before = p;
        else if (!isNull(bytes, p)) bad = BAD_BEFORE;
        p = skipValue(bytes, p);
      } else if (length === 8 && matches(bytes, name, SOURCE)) {
        source = p;
        p = bytes[p] === BRACE_OPEN ? memory.source.read(bytes, p) : skipValue(bytes, p);
        if (bytes[source] !== BRACE_OPEN) source = -1;
      } else if (length === 4 && matches(bytes, name, OP)) {
        op = p;
        p = skipValue(bytes, p);
      } else {
        p = skipValue(bytes, p);
      }
      if (p < 0) return NOT_JSON;
      if ((bytes[p] ?? 0) <= 0x20) p = skipSpace(bytes, p);
      const c = bytes[p++];
      if (c === BRACE_CLOSE) break;
      if (c !== COMMA) return NOT_JSON;
      if (bytes[p] !== QUOTE) p = skipSpace(bytes, p);
    }
    if (!memory.values.closes(bytes, p)) return NOT_JSON;
    if (op < 0) return this.#foreign(bytes, start);
    this.sourced = source >= 0;
    return this.#judge(bytes, op, source, bad);
  }

  #judge(
    bytes: Buffer,
    op: number,
    source: number,
    bad: RecordProblem | undefined,
  ): RecordProblem | undefined {
    const known = bytes[op] === QUOTE && bytes[op + 2] === QUOTE ? OPS.get(bytes[op + 1] ?? 0) : undefined;
    if (known === undefined) return BAD_OP;
    this.op = known;
    if (known === Op.foreign) return undefined;
    if (source < 0) return NO_SOURCE;
    if (bad !== undefined) return bad;
    if (this.after < 0 && (known === Op.read || known === Op.create || known === Op.update)) return NO_AFTER;
    return undefined;
  }

  #noObject(bytes: Buffer, start: number, memory: TopicMemory): RecordProblem | undefined {
    const end = skipValue(bytes, start);
    if (end < 0 || !memory.values.closes(bytes, end)) return NOT_JSON;
    if (!isNull(bytes, start)) return NO_ENVELOPE;
    this.op = Op.foreign;
    this.empty = true;
    return undefined;
  }

  /** An object without `op` is no change: one of Debezium's other messages, or something else. */
  #foreign(bytes: Buffer, start: number): RecordProblem | undefined {
    const names = new Set<string>();
    eachMember(bytes, start, (from, upTo) => names.add(bytes.toString('utf8', from + 1, upTo - 1)));
    if (!isForeignMessage(names)) return NO_ENVELOPE;
    this.op = Op.foreign;
    return undefined;
  }
}

/**
 * Whether an object with these members is a message of Debezium's that changes no row: a transaction's border, a
 * schema change, a heartbeat (Debezium docs, "Transaction metadata", "Schema change topic", "Heartbeat").
 */
function isForeignMessage(names: ReadonlySet<string>): boolean {
  if (names.has('status') && names.has('id') && names.has('data_collections')) return true;
  if (names.has('databaseName') && (names.has('ddl') || names.has('tableChanges'))) return true;
  return (
    names.size > 0 && [...names].every((name) => name === 'ts_ms' || name === 'ts_us' || name === 'ts_ns')
  );
}
