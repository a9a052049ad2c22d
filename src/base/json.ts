import { assert } from './errors.js';

/**
 * A JSON value that loses no digit: an integer that a double holds exactly is a `number`, any other
 * integer is a `bigint`, and a literal with a fraction or exponent is a `number` unless a double would
 * give back another decimal value, in which case it is a `JsonNumber`.
 */
export type JsonValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | JsonNumber
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/** A JSON object; read its members with `ownMember` where a key comes from outside. */
export type JsonObject = { readonly [key: string]: JsonValue };

/** A number literal with a fraction or exponent whose digits do not fit a double. */
export class JsonNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Text that is not JSON. The message holds no part of the text, which may be row data. */
export class JsonSyntaxError extends Error {
  override readonly name = 'JsonSyntaxError';
  /** Index of the first UTF-16 unit that does not fit. */
  readonly position: number;

  constructor(what: string, position: number) {
    super(`${what} at position ${position}`);
    this.position = position;
  }
}

/** Nesting beyond this is refused: it bounds the stack of every recursive reader of a value. Schemas,
 * log actions and Debezium envelopes stay below a tenth of it. */
export const JSON_DEPTH_MAX = 1000;

/**
 * Reads one JSON text (RFC 8259), exactly. Of a key given twice the last value stays; `__proto__` is a
 * key like any other. Throws `JsonSyntaxError` and nothing else.
 */
export function parseJson(text: string): JsonValue {
  if (isPlain(text)) {
    try {
      const value: JsonValue = JSON.parse(text);
      return value;
    } catch {
      // The message of JSON.parse quotes the text; the parser below says where instead.
    }
  }
  return new ExactParser(text).parse();
}

/**
 * Writes a value so that `parseJson` gives it back: bigints and `JsonNumber`s as literals, minus zero as
 * `-0.0`. No spaces, members in the object's own order, those that are undefined left out.
 */
export function stringifyJson(value: JsonValue): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'object') return value === null ? 'null' : stringifyNested(value);
  if (typeof value === 'number') {
    assert(Number.isFinite(value), 'a JSON number is finite');
    return Object.is(value, -0) ? '-0.0' : String(value);
  }
  return value.toString();
}

/** Whether a value is an object with members: no array, no null, no number. */
export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof JsonNumber)
  );
}

/** The member of that name; what objects inherit (`constructor`, `toString`) is not a member. */
export function ownMember(object: JsonObject, key: string): JsonValue | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** The double nearest to a JSON number of any kind, or undefined for what is no number. */
export function jsonToDouble(value: JsonValue | undefined): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  return value instanceof JsonNumber ? Number(value.text) : undefined;
}

/** The integer that a JSON number stands for (also `3.0` or `3e2`), or undefined. */
export function jsonToBigInt(value: JsonValue | undefined): bigint | undefined {
  if (typeof value === 'bigint') return value;
  return typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : undefined;
}

function stringifyNested(value: JsonNumber | readonly JsonValue[] | JsonObject): string {
  if (value instanceof JsonNumber) return value.text;
  if (isArray(value)) {
    let text = '[';
    for (let i = 0; i < value.length; i++) {
      const element = value[i];
      text += (i === 0 ? '' : ',') + (element === undefined ? 'null' : stringifyJson(element));
    }
    return text + ']';
  }
  let text = '';
  for (const key of Object.keys(value)) {
    const member = value[key];
    if (member === undefined) continue;
    text += (text === '' ? '' : ',') + JSON.stringify(key) + ':' + stringifyJson(member);
  }
  return '{' + text + '}';
}

// Array.isArray does not narrow readonly arrays.
function isArray(value: readonly JsonValue[] | JsonObject): value is readonly JsonValue[] {
  return Array.isArray(value);
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const MINUS = 0x2d;
const DOT = 0x2e;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Every decimal of at most this many significant digits survives the way through a double. */
const DOUBLE_DIGITS = 15;

/**
 * Whether JSON.parse reads the text exactly: no number outside a string has more digits than a double
 * keeps or an exponent of three digits (which may leave its range), and the nesting is within bounds.
 * Says nothing about syntax.
 */
function isPlain(text: string): boolean {
  const end = text.length;
  let depth = 0;
  for (let at = 0; at < end; at++) {
    const unit = text.charCodeAt(at);
    if (unit === QUOTE) {
      at = closingQuote(text, at + 1);
      if (at < 0) return false;
    } else if (isDigit(unit)) {
      const numberEnd = endOfNumber(text, at);
      if (numberEnd < 0) return false;
      at = numberEnd - 1;
    } else if (unit === OPEN_BRACE || unit === OPEN_BRACKET) {
      if (++depth > JSON_DEPTH_MAX) return false;
    } else if (unit === CLOSE_BRACE || unit === CLOSE_BRACKET) {
      depth--;
    }
  }
  return true;
}

/** Index behind the number that begins at `start`, or -1 where a double may not hold it. */
function endOfNumber(text: string, start: number): number {
  let at = start;
  let digits = 0;
  for (; ; at++) {
    const unit = text.charCodeAt(at);
    if (isDigit(unit)) digits++;
    else if (unit !== DOT) break;
  }
  if (digits > DOUBLE_DIGITS) return -1;
  if (!isExponent(text.charCodeAt(at))) return at;
  const sign = text.charCodeAt(at + 1);
  const exponent = sign === MINUS || sign === 0x2b ? at + 2 : at + 1;
  at = exponent;
  while (isDigit(text.charCodeAt(at))) at++;
  return at - exponent > 2 ? -1 : at;
}

/** Index of the quote that ends the string whose first unit is at `start`, or -1. */
function closingQuote(text: string, start: number): number {
  for (let at = text.indexOf('"', start); at >= 0; at = text.indexOf('"', at + 1)) {
    let backslashes = 0;
    while (at - 1 - backslashes >= start && text.charCodeAt(at - 1 - backslashes) === BACKSLASH)
      backslashes++;
    if (backslashes % 2 === 0) return at;
  }
  return -1;
}

function isDigit(unit: number): boolean {
  return unit >= 0x30 && unit <= 0x39;
}

function isExponent(unit: number): boolean {
  return unit === 0x65 || unit === 0x45;
}

class ExactParser {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): JsonValue {
    this.#skipSpace();
    const value = this.#value();
    this.#skipSpace();
    if (this.#at < this.#text.length) throw this.#unexpected();
    return value;
  }

  #value(): JsonValue {
    const unit = this.#text.charCodeAt(this.#at);
    switch (unit) {
      case QUOTE:
        return this.#string();
      case OPEN_BRACE:
        return this.#object();
      case OPEN_BRACKET:
        return this.#array();
      case 0x74:
        return this.#word('true', true);
      case 0x66:
        return this.#word('false', false);
      case 0x6e:
        return this.#word('null', null);
      default:
        if (unit === MINUS || isDigit(unit)) return this.#number();
        throw this.#unexpected();
    }
  }

  #object(): JsonValue {
    this.#enter();
    const object: Record<string, JsonValue> = {};
    this.#skipSpace();
    if (!this.#skip(CLOSE_BRACE)) {
      do {
        this.#skipSpace();
        if (this.#text.charCodeAt(this.#at) !== QUOTE) throw this.#unexpected();
        const key = this.#string();
        this.#skipSpace();
        if (!this.#skip(COLON)) throw this.#unexpected();
        this.#skipSpace();
        setMember(object, key, this.#value());
        this.#skipSpace();
      } while (this.#skip(COMMA));
      if (!this.#skip(CLOSE_BRACE)) throw this.#unexpected();
    }
    this.#depth--;
    return object;
  }

  #array(): JsonValue {
    this.#enter();
    const array: JsonValue[] = [];
    this.#skipSpace();
    if (!this.#skip(CLOSE_BRACKET)) {
      do {
        this.#skipSpace();
        array.push(this.#value());
        this.#skipSpace();
      } while (this.#skip(COMMA));
      if (!this.#skip(CLOSE_BRACKET)) throw this.#unexpected();
    }
    this.#depth--;
    return array;
  }

  #string(): string {
    const start = this.#at;
    let escaped = false;
    for (let at = start + 1; ; at++) {
      const unit = this.#text.charCodeAt(at);
      if (unit === QUOTE) {
        this.#at = at + 1;
        if (!escaped) return this.#text.slice(start + 1, at);
        const unescaped: string = JSON.parse(this.#text.slice(start, at + 1));
        return unescaped;
      }
      if (unit === BACKSLASH) {
        this.#at = at;
        at += this.#escapeLength() - 1;
        escaped = true;
      } else if (!(unit >= 0x20)) {
        // Raw control characters, and NaN past the end of the text.
        this.#at = at;
        throw this.#unexpected();
      }
    }
  }

  #escapeLength(): number {
    const kind = this.#text.charAt(this.#at + 1);
    if (kind !== '' && '"\\/bfnrt'.includes(kind)) return 2;
    if (kind === 'u' && /^[0-9a-fA-F]{4}$/.test(this.#text.slice(this.#at + 2, this.#at + 6))) return 6;
    throw this.#unexpected();
  }

  #number(): JsonValue {
    NUMBER.lastIndex = this.#at;
    const match = NUMBER.exec(this.#text);
    if (match === null) throw this.#unexpected();
    const literal = match[0];
    this.#at += literal.length;
    return match[1] === undefined && match[2] === undefined ? integer(literal) : fraction(literal);
  }

  #word<T extends JsonValue>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) throw this.#unexpected();
    this.#at += word.length;
    return value;
  }

  #enter(): void {
    this.#at++;
    if (++this.#depth > JSON_DEPTH_MAX) {
      throw new JsonSyntaxError(`nesting beyond ${JSON_DEPTH_MAX}`, this.#at - 1);
    }
  }

  #skip(unit: number): boolean {
    if (this.#text.charCodeAt(this.#at) !== unit) return false;
    this.#at++;
    return true;
  }

  #skipSpace(): void {
    for (; ; this.#at++) {
      const unit = this.#text.charCodeAt(this.#at);
      if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) return;
    }
  }

  #unexpected(): JsonSyntaxError {
    const what = this.#at >= this.#text.length ? 'unexpected end of JSON' : 'unexpected character in JSON';
    return new JsonSyntaxError(what, this.#at);
  }
}

const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;

function setMember(object: Record<string, JsonValue>, key: string, value: JsonValue): void {
  if (key === '__proto__') {
    // Assignment would change the prototype instead.
    Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
  } else {
    object[key] = value;
  }
}

function integer(literal: string): number | bigint {
  const value = Number(literal);
  return Number.isSafeInteger(value) ? value : BigInt(literal);
}

function fraction(literal: string): number | JsonNumber {
  const value = Number(literal);
  if (!Number.isFinite(value)) return new JsonNumber(literal);
  return decimalOf(literal) === decimalOf(String(value)) ? value : new JsonNumber(literal);
}

/** A text that two literals share exactly if they stand for the same decimal value, sign apart. */
function decimalOf(literal: string): string {
  const [mantissa = '', exponent = '0'] = literal.toLowerCase().split('e');
  const [whole = '', part = ''] = mantissa.replace('-', '').split('.');
  const digits = (whole + part).replace(/^0+/, '');
  const trimmed = digits.replace(/0+$/, '');
  if (trimmed === '') return '0';
  // A literal's exponent may have any number of digits itself.
  return `${trimmed}e${BigInt(exponent) - BigInt(part.length) + BigInt(digits.length - trimmed.length)}`;
}
