import type { UnavailableValue } from '../unavailable.js';
import {
  BRACE_CLOSE,
  BRACE_OPEN,
  BRACKET_OPEN,
  COLON,
  COMMA,
  QUOTE,
  matches,
  skipSpace,
  skipString,
  skipValue,
} from './scan.js';

/** The names of an object's members in the order they were written: what the rows of one table have in common. */
export type Shape = {
  readonly id: number;
  readonly names: readonly string[];
  /** Each name as it stands in the bytes, quotes included. */
  readonly tokens: readonly Buffer[];
};

/** Shapes that are tried before the names are read: two for rows with and without an optional member, twice that for two tables in one topic; each costs a few comparisons where it does not fit. */
const RECENT_MAX = 4;

/**
 * Recognises objects by the shapes of those before. Rows of a table come in the same shape again and again, so the
 * expected names are compared as bytes, and neither names nor values become strings.
 */
export class ShapeBook {
  readonly #unavailable: UnavailableValue | undefined;
  readonly #byTokens = new Map<string, Shape>();
  readonly #shapes: Shape[] = [];
  readonly #recent: Shape[] = [];
  /** After `walk`: the index after the object. */
  end = -1;
  /** After `walk`: whether a member holds the unavailable value. */
  unavailable = false;

  constructor(unavailable?: UnavailableValue) {
    this.#unavailable = unavailable;
  }

  /** How many shapes are remembered. */
  get size(): number {
    return this.#shapes.length;
  }

  /** The shape with that id. */
  shape(id: number): Shape | undefined {
    return this.#shapes[id];
  }

  /**
   * Walks the object at `at` and sets `end` and `unavailable`. Undefined: no object, or one that names a member
   * twice or is broken on its top level.
   */
  walk(bytes: Buffer, at: number): Shape | undefined {
    const recent = this.#recent;
    for (let r = 0; r < recent.length; r++) {
      const shape = recent[r];
      if (shape === undefined) break;
      const end = this.#walkAs(shape, bytes, at);
      if (end < 0) continue;
      if (r > 0) {
        recent[r] = recent[0] ?? shape;
        recent[0] = shape;
      }
      this.end = end;
      return shape;
    }
    const shape = this.#learn(bytes, at);
    if (shape !== undefined) {
      recent.unshift(shape);
      if (recent.length > RECENT_MAX) recent.pop();
    }
    return shape;
  }

  /** The index after the object at `at` if its members are the shape's, in order; else -1. */
  #walkAs(shape: Shape, bytes: Buffer, at: number): number {
    const { tokens } = shape;
    const count = tokens.length;
    if (bytes[at] !== BRACE_OPEN) return -1;
    let p = at + 1;
    this.unavailable = false;
    for (let f = 0; f < count; f++) {
      const token = tokens[f];
      if (token === undefined) return -1;
      p = spaceAt(bytes, p);
      if (!matches(bytes, p, token)) return -1;
      p = spaceAt(bytes, p + token.length);
      if (bytes[p] !== COLON) return -1;
      const from = spaceAt(bytes, p + 1);
      p = skipValue(bytes, from);
      if (p < 0) return -1;
      const first = bytes[from];
      if (first === QUOTE || first === BRACKET_OPEN || first === BRACE_OPEN) this.#look(bytes, from, p);
      p = spaceAt(bytes, p);
      if (bytes[p++] !== (f === count - 1 ? BRACE_CLOSE : COMMA)) return -1;
    }
    if (count > 0) return p;
    p = spaceAt(bytes, p);
    return bytes[p] === BRACE_CLOSE ? p + 1 : -1;
  }

  #look(bytes: Buffer, from: number, upTo: number): void {
    const value = this.#unavailable;
    if (value === undefined || this.unavailable) return;
    this.unavailable =
      bytes[from] === QUOTE ? value.isString(bytes, from, upTo) : value.isNested(bytes, from, upTo);
  }

  #learn(bytes: Buffer, at: number): Shape | undefined {
    const tokens: Buffer[] = [];
    this.unavailable = false;
    const end = eachMember(bytes, at, (from, upTo, value, valueEnd) => {
      tokens.push(bytes.subarray(from, upTo));
      const first = bytes[value];
      if (first === QUOTE || first === BRACKET_OPEN || first === BRACE_OPEN)
        this.#look(bytes, value, valueEnd);
    });
    if (end < 0) return undefined;
    this.end = end;
    const text = tokens.map((token) => token.toString('latin1')).join('');
    const known = this.#byTokens.get(text);
    if (known !== undefined) return known;
    const names: string[] = [];
    for (const token of tokens) {
      const name = readString(token, 0, token.length);
      if (name === undefined) return undefined;
      names.push(name);
    }
    if (new Set(names).size !== names.length) return undefined;
    // Copies: a slice would keep the whole fetch alive.
    const shape: Shape = {
      id: this.#shapes.length,
      names,
      tokens: tokens.map((token) => Buffer.from(token)),
    };
    this.#shapes.push(shape);
    this.#byTokens.set(text, shape);
    return shape;
  }
}

/**
 * Calls `member` with each member's name token `[from, upTo)` and the index of its value. Returns the index after the
 * object at `at`, or -1 where it is none.
 */
export function eachMember(
  bytes: Buffer,
  at: number,
  member: (from: number, upTo: number, value: number, valueEnd: number) => void,
): number {
  if (bytes[at] !== BRACE_OPEN) return -1;
  let p = skipSpace(bytes, at + 1);
  if (bytes[p] === BRACE_CLOSE) return p + 1;
  for (;;) {
    if (bytes[p] !== QUOTE) return -1;
    const from = p;
    p = skipString(bytes, p);
    if (p < 0) return -1;
    const upTo = p;
    p = skipSpace(bytes, p);
    if (bytes[p] !== COLON) return -1;
    const value = skipSpace(bytes, p + 1);
    p = skipValue(bytes, value);
    if (p < 0) return -1;
    member(from, upTo, value, p);
    p = skipSpace(bytes, p);
    const c = bytes[p];
    if (c === BRACE_CLOSE) return p + 1;
    if (c !== COMMA) return -1;
    p = skipSpace(bytes, p + 1);
  }
}

/** The text of the string token `[from, upTo)`; undefined if it is no JSON string, or holds half a surrogate pair. */
export function readString(bytes: Buffer, from: number, upTo: number): string | undefined {
  try {
    const text: unknown = JSON.parse(bytes.toString('utf8', from, upTo));
    return typeof text === 'string' && !LONE_SURROGATE.test(text) ? text : undefined;
  } catch {
    // Not a string by JSON's grammar; the caller names the field.
    return undefined;
  }
}

/** Half of a surrogate pair, which UTF-8 cannot hold. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/** `skipSpace`, with the usual case of none inlined. */
function spaceAt(bytes: Buffer, p: number): number {
  return (bytes[p] ?? 0) > 0x20 ? p : skipSpace(bytes, p);
}
