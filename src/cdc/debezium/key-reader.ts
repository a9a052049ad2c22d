import { isUtf8 } from 'node:buffer';
import { isJsonObject, ownMember, parseJson, type JsonObject, type JsonValue } from '../../base/json.js';
import { joinKey, keyPart } from '../../schema/key-text.js';
import type { DataType, StructField, Value } from '../../schema/types.js';
import type { RecordProblem } from '../changes.js';
import { readText, readValue } from '../convert/cell-writers.js';
import { Conversion } from '../convert/conversion.js';
import { BRACE_OPEN, isIntegerToken, isNull, MINUS, QUOTE, skipSpace, skipValue } from '../json/scan.js';
import type { Shape } from '../json/shapes.js';
import { untypedOf, type SourceType } from '../source-type.js';
import type { Batch } from './batch.js';
import type { TopicMemory } from './topic-memory.js';

const NOT_JSON: RecordProblem = { kind: 'key', reason: 'the record key is not JSON, or names a field twice' };
const BAD_SCHEMA: RecordProblem = { kind: 'key', reason: 'the schema half of the record key cannot be read' };
const NO_OBJECT: RecordProblem = { kind: 'key', reason: 'the record key is no object with fields' };
const ABSENT: RecordProblem = { kind: 'key', reason: 'a field of the key is absent from the record key' };
const NULL_PART: RecordProblem = { kind: 'key', reason: 'a field of the key is null' };
const BAD_HEADER: RecordProblem = { kind: 'key', reason: 'the header of a key change cannot be read' };

/** Where the fields of a record key are. The fields are those of the key located last. */
export class KeyLocator {
  schema = -1;
  shape = -1;
  at = -1;

  /** Finds the key's object; a null in its place counts as no key. A problem: it is neither. */
  locate(bytes: Buffer, memory: TopicMemory): RecordProblem | undefined {
    this.schema = -1;
    this.shape = -1;
    this.at = -1;
    if (!isAscii(bytes) && !isUtf8(bytes)) return NOT_JSON;
    const { keys, keyShapes } = memory;
    const start = keys.find(bytes);
    if (start < 0) return NOT_JSON;
    if (keys.schema >= 0 && keys.meaning(keys.schema) === undefined && !isNull(bytes, start))
      return BAD_SCHEMA;
    if (bytes[start] !== BRACE_OPEN) return this.#noObject(bytes, start, memory);
    const shape = keyShapes.walk(bytes, start);
    if (shape === undefined || !keys.closes(bytes, keyShapes.end)) return NOT_JSON;
    this.schema = keys.schema;
    this.shape = shape.id;
    this.at = start;
    return undefined;
  }

  #noObject(bytes: Buffer, start: number, memory: TopicMemory): RecordProblem | undefined {
    const end = skipValue(bytes, start);
    if (end < 0 || !memory.keys.closes(bytes, end)) return NOT_JSON;
    return isNull(bytes, start) ? undefined : NO_OBJECT;
  }
}

/** How a field of a key becomes a key part. */
type Part = { readonly name: string; readonly source: SourceType; readonly target: DataType };

/** Reads record keys and key headers of one batch, always as the text that the table's own key columns give. */
export class KeyReader {
  readonly #batch: Batch;
  readonly #conversion = new Conversion();
  /** After a question that was answered with undefined: why, if there was a key at all. */
  problem: RecordProblem | undefined;
  #columns: readonly StructField[] | undefined;
  #schema = -1;
  #parts: readonly Part[] = [];

  constructor(batch: Batch) {
    this.#batch = batch;
  }

  /** Canonical text of record `i`'s key. */
  text(i: number, columns: readonly StructField[]): string | undefined {
    this.problem = undefined;
    const bytes = this.#batch.records[i]?.key;
    const shape = this.#batch.memory.keyShapes.shape(this.#batch.keyShape[i] ?? -1);
    if (bytes === undefined || bytes === null || shape === undefined) return undefined;
    const parts = this.#partsFor(columns, this.#batch.keySchema[i] ?? -1);
    const at = this.#batch.keyAt[i] ?? 0;
    const [only] = parts;
    if (only !== undefined && parts.length === 1) return this.#partText(bytes, at, shape, only);
    if (parts.length === 0) return undefined;
    const texts: string[] = [];
    for (const part of parts) {
      const text = this.#partText(bytes, at, shape, part);
      if (text === undefined) return undefined;
      texts.push(text);
    }
    return joinKey(texts);
  }

  /** The values of record `i`'s key; empty where it has none. */
  values(i: number, columns: readonly StructField[]): readonly Value[] {
    this.problem = undefined;
    const bytes = this.#batch.records[i]?.key;
    const shape = this.#batch.memory.keyShapes.shape(this.#batch.keyShape[i] ?? -1);
    if (bytes === undefined || bytes === null || shape === undefined) return [];
    const values: Value[] = [];
    for (const part of this.#partsFor(columns, this.#batch.keySchema[i] ?? -1)) {
      const at = this.#find(bytes, this.#batch.keyAt[i] ?? 0, shape, part);
      const value = at < 0 ? undefined : this.#value(bytes, at, skipValue(bytes, at), part);
      if (value === undefined) return [];
      values.push(value);
    }
    return values;
  }

  /**
   * Canonical text of a key that stands in a header of record `i`. Kafka Connect's default header converter writes strings
   * without escaping control characters, so the text may be no JSON; and decimals as numbers.
   */
  headerText(i: number, header: string, columns: readonly StructField[]): string | undefined {
    this.problem = undefined;
    const object = readHeader(header);
    if (object === undefined) {
      this.problem = BAD_HEADER;
      return undefined;
    }
    const texts: string[] = [];
    for (const part of this.#partsFor(columns, this.#batch.keySchema[i] ?? -1)) {
      const json = ownMember(object, part.name);
      const text = json === undefined ? this.#fail(ABSENT, part) : this.#textOf(json, part);
      if (text === undefined) return undefined;
      texts.push(text);
    }
    return texts.length === 0 ? undefined : joinKey(texts);
  }

  /** The text of one field, for the common types straight from the bytes. */
  #partText(bytes: Buffer, at: number, shape: Shape, part: Part): string | undefined {
    const from = this.#find(bytes, at, shape, part);
    if (from < 0) return undefined;
    const upTo = skipValue(bytes, from);
    if (upTo < 0) return this.#fail(NOT_JSON, part);
    const { target } = part;
    if (target.kind === 'primitive') {
      if (bytes[from] === QUOTE && target.name === 'string' && isText(part.source)) {
        const text = readText(bytes, from, upTo);
        return text ?? this.#fail(NOT_JSON, part);
      }
      const digits = target.name === 'long' ? 18 : target.name === 'integer' ? 9 : 0;
      if (
        upTo - from <= digits &&
        bytes[from] !== MINUS &&
        isIntegerToken(bytes, from, upTo) &&
        part.source.kind !== 'time'
      ) {
        return bytes.toString('latin1', from, upTo);
      }
    }
    const json = readValue(bytes, from, upTo);
    return json === undefined ? this.#fail(NOT_JSON, part) : this.#textOf(json, part);
  }

  #textOf(json: JsonValue, part: Part): string | undefined {
    const value = this.#convert(json, part);
    return value === undefined ? undefined : keyPart(part.target, value);
  }

  #value(bytes: Buffer, from: number, upTo: number, part: Part): Value | undefined {
    const json = upTo < 0 ? undefined : readValue(bytes, from, upTo);
    return json === undefined ? this.#fail(NOT_JSON, part) : this.#convert(json, part);
  }

  #convert(json: JsonValue, part: Part): Value | undefined {
    if (part.target.kind !== 'primitive' && part.target.kind !== 'decimal') {
      return this.#fail({ kind: 'key', reason: 'a key column of a nested type' }, part);
    }
    const value = this.#conversion.convert(json, part.source, part.target);
    if (value === null) return this.#fail(NULL_PART, part);
    if (value !== undefined) return value;
    const why = this.#conversion.problem;
    return this.#fail({ kind: 'key', reason: why?.reason ?? NOT_JSON.reason }, part);
  }

  /** The index of a field's value, or -1 with `problem` set. */
  #find(bytes: Buffer, at: number, shape: Shape, part: Part): number {
    const { names, tokens } = shape;
    let p = at + 1;
    for (let f = 0; f < names.length; f++) {
      p = spaceAt(bytes, p) + (tokens[f]?.length ?? 0);
      p = spaceAt(bytes, spaceAt(bytes, p) + 1);
      if (names[f] === part.name) return p;
      p = spaceAt(bytes, skipValue(bytes, p)) + 1;
    }
    this.problem = { ...ABSENT, field: part.name };
    return -1;
  }

  #fail(problem: RecordProblem, part: Part): undefined {
    this.problem = { ...problem, field: part.name };
    return undefined;
  }

  #partsFor(columns: readonly StructField[], schema: number): readonly Part[] {
    if (columns !== this.#columns || schema !== this.#schema) {
      const fields = this.#batch.memory.keys.meaning(schema);
      this.#columns = columns;
      this.#schema = schema;
      this.#parts = columns.map(({ name, type, metadata }) => {
        const source = fields?.find((field) => field.name === name)?.type ?? untypedOf(metadata);
        return { name, source, target: type };
      });
    }
    return this.#parts;
  }
}

function isText(source: SourceType): boolean {
  return source.kind === 'string' || source.kind === 'untyped';
}

function readHeader(text: string): JsonObject | undefined {
  for (const candidate of [text, text.includes('"') ? escapeControls(text) : text]) {
    try {
      const json = parseJson(candidate);
      return isJsonObject(json) ? json : undefined;
    } catch {
      // The next candidate, or the caller, who names the record.
    }
  }
  return undefined;
}

/** The text with the control characters inside its strings escaped, as JSON wants them. */
function escapeControls(text: string): string {
  let inside = false;
  let escaped = '';
  for (let i = 0; i < text.length; i++) {
    const c = text[i] ?? '';
    const unit = text.charCodeAt(i);
    if (inside && unit < 0x20) {
      escaped += `\\u${unit.toString(16).padStart(4, '0')}`;
      continue;
    }
    escaped += c;
    if (c === '"') inside = !inside;
    else if (c === '\\' && inside) escaped += text[++i] ?? '';
  }
  return escaped;
}

/** Whether all bytes are ASCII; only worth asking of something short. */
function isAscii(bytes: Buffer): boolean {
  if (bytes.length > 64) return false;
  for (let p = 0; p < bytes.length; p++) {
    if ((bytes[p] ?? 0) > 0x7f) return false;
  }
  return true;
}

function spaceAt(bytes: Buffer, p: number): number {
  return (bytes[p] ?? 0) > 0x20 ? p : skipSpace(bytes, p);
}
