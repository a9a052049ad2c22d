import { isUtf8 } from 'node:buffer';
import { BRACE_CLOSE, BRACE_OPEN, COMMA, COLON, isNull, matches, skipSpace, skipValue } from './scan.js';
import { eachMember } from './shapes.js';

/** Schema halves whose bytes are kept for comparison; a topic has a handful, and one that has more is read the slow way. */
const PREFIXES_MAX = 32;

const SCHEMA = Buffer.from('"schema"');
const PAYLOAD = Buffer.from('"payload"');

/** Bytes up to the payload, and what its schema half says. */
type Prefix = { readonly bytes: Buffer; readonly schema: number };

/**
 * Finds the payload in a JSON message, with or without the schema half that Kafka Connect's `JsonConverter` writes
 * (`{"schema":…,"payload":…}`). A schema half that was seen before is recognised by its bytes and never parsed twice.
 */
export class HalfBook<T> {
  readonly #parse: (text: string) => T | undefined;
  readonly #byText = new Map<string, number>();
  readonly #schemas: (T | undefined)[] = [];
  #prefixes: Prefix[] = [];
  /** After `find`: the id of the schema half, or -1 where there is none. */
  schema = -1;
  #tail: 'none' | 'brace' | 'seen' = 'none';

  /** `parse` reads a schema half; undefined where it makes no sense. */
  constructor(parse: (text: string) => T | undefined) {
    this.#parse = parse;
  }

  /** How many schema halves are remembered. */
  get size(): number {
    return this.#schemas.length;
  }

  /** What the schema half with that id says; undefined for -1, and for one that makes no sense. */
  meaning(id: number): T | undefined {
    return this.#schemas[id];
  }

  /** The index of the payload's first byte, or -1 where the bytes are not JSON. Sets `schema`. */
  find(bytes: Buffer): number {
    const prefixes = this.#prefixes;
    for (let k = 0; k < prefixes.length; k++) {
      const prefix = prefixes[k];
      if (prefix === undefined || !startsWith(bytes, prefix.bytes)) continue;
      if (k > 0) {
        prefixes.splice(k, 1);
        prefixes.unshift(prefix);
      }
      this.schema = prefix.schema;
      this.#tail = 'brace';
      return prefix.bytes.length;
    }
    return this.#search(bytes);
  }

  /** Whether the message ends rightly after the payload, which ends at `end`. */
  closes(bytes: Buffer, end: number): boolean {
    if (this.#tail === 'seen') return true;
    let p = skipSpace(bytes, end);
    if (this.#tail === 'brace') {
      if (bytes[p] !== BRACE_CLOSE) return false;
      p = skipSpace(bytes, p + 1);
    }
    return p === bytes.length;
  }

  #search(bytes: Buffer): number {
    this.schema = -1;
    this.#tail = 'none';
    const start = skipSpace(bytes, 0);
    if (bytes[start] !== BRACE_OPEN) return start < bytes.length ? start : -1;
    const first = skipSpace(bytes, start + 1);
    if (matches(bytes, first, SCHEMA)) return this.#schemaFirst(bytes, first) ?? start;
    if (matches(bytes, first, PAYLOAD)) return this.#anyOrder(bytes, start) ?? start;
    return start;
  }

  /** The payload's index where the members are `schema` and `payload`; undefined where they are something else. */
  #schemaFirst(bytes: Buffer, first: number): number | undefined {
    const colon = skipSpace(bytes, first + SCHEMA.length);
    const from = skipSpace(bytes, colon + 1);
    if (bytes[colon] !== COLON || !mayBeSchema(bytes, from)) return undefined;
    const upTo = skipValue(bytes, from);
    if (upTo < 0) return undefined;
    const comma = skipSpace(bytes, upTo);
    const name = skipSpace(bytes, comma + 1);
    if (bytes[comma] !== COMMA || !matches(bytes, name, PAYLOAD)) return undefined;
    const second = skipSpace(bytes, name + PAYLOAD.length);
    if (bytes[second] !== COLON || !isUtf8(bytes.subarray(from, upTo))) return undefined;
    const payload = skipSpace(bytes, second + 1);
    this.schema = this.#idOf(bytes, from, upTo);
    this.#tail = 'brace';
    this.#prefixes.unshift({ bytes: Buffer.from(bytes.subarray(0, payload)), schema: this.schema });
    if (this.#prefixes.length > PREFIXES_MAX) this.#prefixes.pop();
    return payload;
  }

  #anyOrder(bytes: Buffer, start: number): number | undefined {
    let payload = -1;
    let schema: readonly [number, number] | undefined;
    let others = 0;
    const end = eachMember(bytes, start, (from, _upTo, value, valueEnd) => {
      if (matches(bytes, from, PAYLOAD)) payload = value;
      else if (matches(bytes, from, SCHEMA) && mayBeSchema(bytes, value)) schema = [value, valueEnd];
      else others++;
    });
    if (end < 0 || payload < 0 || schema === undefined || others > 0) return undefined;
    if (skipSpace(bytes, end) !== bytes.length) return -1;
    this.schema = this.#idOf(bytes, schema[0], schema[1]);
    this.#tail = 'seen';
    return payload;
  }

  #idOf(bytes: Buffer, from: number, upTo: number): number {
    if (isNull(bytes, from)) return -1;
    const text = bytes.toString('utf8', from, upTo);
    const known = this.#byText.get(text);
    if (known !== undefined) return known;
    const id = this.#schemas.length;
    this.#schemas.push(this.#parse(text));
    this.#byText.set(text, id);
    return id;
  }
}

/** A schema is an object or null: anything else is a column that happens to have the name. */
function mayBeSchema(bytes: Buffer, at: number): boolean {
  return bytes[at] === BRACE_OPEN || isNull(bytes, at);
}

function startsWith(bytes: Buffer, prefix: Buffer): boolean {
  const { length } = prefix;
  if (bytes.length <= length || bytes[length - 1] !== prefix[length - 1]) return false;
  return length <= SHORT_PREFIX
    ? matches(bytes, 0, prefix)
    : bytes.compare(prefix, 0, length, 0, length) === 0;
}

/** Up to this length comparing byte by byte is cheaper than the call that compares in bulk. */
const SHORT_PREFIX = 48;
