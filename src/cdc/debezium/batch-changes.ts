import type { StructField, StructType, Value } from '../../schema/types.js';
import {
  Flag,
  Op,
  type Changes,
  type ColumnsFound,
  type EventIdentity,
  type Half,
  type Origin,
  type RecordProblem,
  type RowAppender,
} from '../changes.js';
import { assert } from '../../base/errors.js';
import { headerText, type RawRecord } from '../record.js';
import type { Batch, Settings } from './batch.js';
import { findColumns } from './columns.js';
import { EnvelopeReader } from './envelope-reader.js';
import { identityOf } from './event-identity.js';
import { KeyLocator, KeyReader } from './key-reader.js';
import { PositionWriter } from './position-writer.js';
import { BatchAppender } from './row-appender.js';
import type { TopicMemory } from './topic-memory.js';

export const OLD_KEY_HEADER = '__debezium.oldkey';
export const NEW_KEY_HEADER = '__debezium.newkey';

const NO_ORIGIN: Origin = { connector: '', name: '', db: '', schema: '', table: '' };

/** The changes in a run of Debezium's records. */
export class BatchChanges implements Changes {
  readonly topic: string;
  readonly partition: number;
  readonly length: number;
  readonly bytes: number;
  readonly op: Uint8Array;
  readonly flags: Uint8Array;
  readonly position: readonly string[];
  readonly #batch: Batch;
  readonly #keys: KeyReader;
  readonly #problems: Map<number, RecordProblem>;

  constructor(
    topic: string,
    partition: number,
    records: readonly RawRecord[],
    memory: TopicMemory,
    settings: Settings,
  ) {
    this.topic = topic;
    this.partition = partition;
    this.length = records.length;
    const peek = new Peek(records, memory, settings);
    peek.run();
    this.bytes = peek.byteCount;
    this.op = peek.op;
    this.flags = peek.flags;
    this.position = peek.positions.finish();
    this.#problems = peek.problems;
    this.#batch = peek.batch;
    this.#keys = new KeyReader(peek.batch);
  }

  offset(i: number): number {
    return Number(this.raw(i).offset);
  }

  timestamp(i: number): number {
    return Number(this.raw(i).timestamp);
  }

  origin(i: number): Origin {
    return this.#batch.origins[i] ?? NO_ORIGIN;
  }

  keyFields(i: number): readonly string[] | undefined {
    return this.#batch.memory.keyShapes.shape(this.#batch.keyShape[i] ?? -1)?.names;
  }

  key(i: number, columns: readonly StructField[]): string | undefined {
    const text = this.#keys.text(i, columns);
    if (text === undefined) this.#remember(i);
    return text;
  }

  keyValues(i: number, columns: readonly StructField[]): readonly Value[] {
    const values = this.#keys.values(i, columns);
    if (values.length === 0) this.#remember(i);
    return values;
  }

  oldKey(i: number, columns: readonly StructField[]): string | undefined {
    return this.#headerKey(i, OLD_KEY_HEADER, columns);
  }

  newKey(i: number, columns: readonly StructField[]): string | undefined {
    return this.#headerKey(i, NEW_KEY_HEADER, columns);
  }

  identity(i: number): EventIdentity {
    const { memory, beforeAt, afterAt } = this.#batch;
    const { value } = this.raw(i);
    assert(value !== null, 'a row change has a value');
    const start = memory.values.find(value);
    return identityOf({
      bytes: value,
      start,
      op: this.op[i] ?? 0,
      before: beforeAt[i] ?? -1,
      after: afterAt[i] ?? -1,
    });
  }

  problem(i: number): RecordProblem | undefined {
    return this.#problems.get(i);
  }

  raw(i: number): RawRecord {
    const record = this.#batch.records[i];
    if (record === undefined) throw new RangeError(`no record ${i}`);
    return record;
  }

  columns(rows: ArrayLike<number>, half: Half, known: StructType | undefined): ColumnsFound {
    return findColumns(this.#batch, rows, half, known);
  }

  appender(target: StructType, own: readonly string[] = []): RowAppender {
    return new BatchAppender(this.#batch, this.flags, target, own);
  }

  #headerKey(i: number, name: string, columns: readonly StructField[]): string | undefined {
    const header = headerText(this.raw(i), name);
    if (header === undefined) return undefined;
    const text = this.#keys.headerText(i, header, columns);
    if (text === undefined) this.#remember(i);
    return text;
  }

  #remember(i: number): void {
    const { problem } = this.#keys;
    if (problem !== undefined && !this.#problems.has(i)) this.#problems.set(i, problem);
  }
}

/** One pass over the records: fills the arrays. */
class Peek {
  readonly op: Uint8Array;
  readonly flags: Uint8Array;
  readonly positions: PositionWriter;
  readonly problems = new Map<number, RecordProblem>();
  readonly batch: Batch;
  byteCount = 0;
  readonly #origins: Origin[] = [];

  constructor(records: readonly RawRecord[], memory: TopicMemory, settings: Settings) {
    const count = records.length;
    this.op = new Uint8Array(count);
    this.flags = new Uint8Array(count);
    this.positions = new PositionWriter(count);
    this.batch = {
      memory,
      settings,
      records,
      schema: new Int32Array(count).fill(-1),
      beforeAt: new Int32Array(count).fill(-1),
      afterAt: new Int32Array(count).fill(-1),
      afterShape: new Int32Array(count).fill(-1),
      keySchema: new Int32Array(count).fill(-1),
      keyShape: new Int32Array(count).fill(-1),
      keyAt: new Int32Array(count).fill(-1),
      origins: this.#origins,
    };
  }

  run(): void {
    const { records, memory } = this.batch;
    const envelope = new EnvelopeReader();
    const locator = new KeyLocator();
    for (let i = 0; i < records.length; i++) {
      const record = records[i];
      if (record === undefined) break;
      const { key, value } = record;
      this.byteCount += (key?.length ?? 0) + (value?.length ?? 0);
      if (value === null) this.#tombstone(i, record);
      else {
        envelope.read(value, memory);
        this.#event(i, record, envelope);
      }
      if (this.op[i] !== Op.foreign && this.op[i] !== Op.bad && key !== null) this.#key(i, key, locator);
    }
  }

  #tombstone(i: number, record: RawRecord): void {
    this.#origins.push(NO_ORIGIN);
    this.positions.none();
    this.flags[i] = headerFlags(record);
    // Without a key it concerns no row: what follows a delete from a table that has no key.
    this.op[i] = record.key === null ? Op.foreign : Op.tombstone;
  }

  #event(i: number, record: RawRecord, envelope: EnvelopeReader): void {
    if (envelope.empty || envelope.op === Op.bad || envelope.op === Op.foreign) {
      if (envelope.empty) {
        this.#tombstone(i, record);
        return;
      }
      this.#origins.push(envelope.sourced ? this.batch.memory.source.origin : NO_ORIGIN);
      this.positions.none();
      this.op[i] = envelope.op;
      if (envelope.problem !== undefined) this.problems.set(i, envelope.problem);
      return;
    }
    const { batch } = this;
    const { source } = batch.memory;
    if (!source.placed) {
      this.#origins.push(source.origin);
      this.positions.none();
      this.op[i] = Op.bad;
      this.problems.set(i, NO_PLACE);
      return;
    }
    this.op[i] = envelope.op;
    this.flags[i] =
      (envelope.before >= 0 ? Flag.before : 0) |
      (envelope.after >= 0 ? Flag.after : 0) |
      (envelope.unavailable ? Flag.placeholder : 0) |
      (source.snapshot ? Flag.snapshot : 0) |
      headerFlags(record);
    batch.schema[i] = envelope.schema;
    batch.beforeAt[i] = envelope.before;
    batch.afterAt[i] = envelope.after;
    batch.afterShape[i] = envelope.afterShape;
    this.#origins.push(source.origin);
    this.positions.write(source, Number(record.offset));
  }

  #key(i: number, key: Buffer, locator: KeyLocator): void {
    const { batch } = this;
    const problem = locator.locate(key, batch.memory);
    if (problem !== undefined) {
      this.op[i] = Op.bad;
      this.problems.set(i, problem);
      return;
    }
    batch.keySchema[i] = locator.schema;
    batch.keyShape[i] = locator.shape;
    batch.keyAt[i] = locator.at;
    if (this.op[i] === Op.tombstone && locator.shape < 0) this.op[i] = Op.foreign;
  }
}

/** Without its place a change can be told neither from a late one nor from a repeat. */
const NO_PLACE: RecordProblem = {
  kind: 'envelope',
  reason: "the event's source block does not say where in the source's history it stands",
  field: 'source',
};

function headerFlags(record: RawRecord): number {
  const { headers } = record;
  if (headers === undefined) return 0;
  return (
    (headers[OLD_KEY_HEADER] === undefined ? 0 : Flag.oldKey) |
    (headers[NEW_KEY_HEADER] === undefined ? 0 : Flag.newKey)
  );
}
