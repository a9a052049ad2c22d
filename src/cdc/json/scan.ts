/**
 * Finding one's way through JSON bytes without making a value of them. Every function takes the index of a
 * token's first byte and returns the index after the token, or -1 where the bytes are not JSON. The
 * bytes are UTF-8 that was checked before: only then is no byte of a longer character mistaken for syntax.
 */

export const QUOTE = 0x22;
export const COMMA = 0x2c;
export const MINUS = 0x2d;
export const COLON = 0x3a;
export const BRACKET_OPEN = 0x5b;
export const BACKSLASH = 0x5c;
export const BRACKET_CLOSE = 0x5d;
export const BRACE_OPEN = 0x7b;
export const BRACE_CLOSE = 0x7d;
const LETTER_F = 0x66;
const LETTER_N = 0x6e;
const LETTER_T = 0x74;

/** Strings longer than this are searched by the runtime's own `indexOf`: half as long is slower, for the call has a price; twice as long is slower on texts of a line. */
const NATIVE_SEARCH_FROM = 40;

/** The index of the first byte at or after `at` that is no white space. */
export function skipSpace(bytes: Buffer, at: number): number {
  let p = at;
  while (p < bytes.length) {
    const c = bytes[p] ?? 0;
    if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) break;
    p++;
  }
  return p;
}

/** `at` is the opening quote. Control characters and escapes inside are left for those who read the string. */
export function skipString(bytes: Buffer, at: number): number {
  const near = Math.min(bytes.length, at + NATIVE_SEARCH_FROM);
  for (let p = at + 1; p < near; p++) {
    const c = bytes[p] ?? 0;
    if (c === QUOTE) return p + 1;
    if (c === BACKSLASH) p++;
  }
  // The loop may have stepped over an escape across its end: search from a byte that no backslash hides.
  let from = near;
  if (isEscaped(bytes, from, at)) from++;
  for (;;) {
    const p = bytes.indexOf(QUOTE, from);
    if (p < 0) return -1;
    if (!isEscaped(bytes, p, at)) return p + 1;
    from = p + 1;
  }
}

/** A number by JSON's grammar. */
export function skipNumber(bytes: Buffer, at: number): number {
  let p = at;
  if (bytes[p] === MINUS) p++;
  if (bytes[p] === 0x30) p++;
  else {
    const digits = skipDigits(bytes, p);
    if (digits === p) return -1;
    p = digits;
  }
  const c = p < bytes.length ? (bytes[p] ?? 0) : 0;
  return c === 0x2e || c === 0x65 || c === 0x45 ? skipFraction(bytes, p) : p;
}

/** Whether the number token `[from, upTo)` is written without fraction and exponent. */
export function isIntegerToken(bytes: Buffer, from: number, upTo: number): boolean {
  for (let p = from; p < upTo; p++) {
    const c = bytes[p] ?? 0;
    if (c !== MINUS && (c < 0x30 || c > 0x39)) return false;
  }
  return true;
}

/** `null`, `true` or `false`. */
export function skipLiteral(bytes: Buffer, at: number): number {
  switch (bytes[at] ?? 0) {
    case LETTER_N:
      return bytes[at + 1] === 0x75 && bytes[at + 2] === 0x6c && bytes[at + 3] === 0x6c ? at + 4 : -1;
    case LETTER_T:
      return bytes[at + 1] === 0x72 && bytes[at + 2] === 0x75 && bytes[at + 3] === 0x65 ? at + 4 : -1;
    case LETTER_F:
      return bytes[at + 1] === 0x61 &&
        bytes[at + 2] === 0x6c &&
        bytes[at + 3] === 0x73 &&
        bytes[at + 4] === 0x65
        ? at + 5
        : -1;
    default:
      return -1;
  }
}

/**
 * Any value. Of an object or array only strings and the pairing of brackets are looked at; what lies
 * between is for those who read it. Needs no stack, so nesting has no bound.
 */
export function skipValue(bytes: Buffer, at: number): number {
  switch (bytes[at] ?? 0) {
    case QUOTE:
      return skipString(bytes, at);
    case BRACE_OPEN:
    case BRACKET_OPEN:
      return skipNested(bytes, at);
    case LETTER_N:
    case LETTER_T:
    case LETTER_F:
      return skipLiteral(bytes, at);
    default:
      return skipNumber(bytes, at);
  }
}

/** Whether the token `[at, upTo)` is `null`. Tokens were skipped before, so the first byte tells. */
export function isNull(bytes: Buffer, at: number): boolean {
  return bytes[at] === LETTER_N;
}

/** Whether the bytes at `at` are these; false where they would reach past the end. */
export function matches(bytes: Buffer, at: number, expected: Uint8Array): boolean {
  if (at + expected.length > bytes.length) return false;
  for (let k = 0; k < expected.length; k++) {
    if (bytes[at + k] !== expected[k]) return false;
  }
  return true;
}

function skipNested(bytes: Buffer, at: number): number {
  let depth = 0;
  let p = at;
  while (p < bytes.length) {
    const c = bytes[p] ?? 0;
    if (c === QUOTE) {
      p = skipString(bytes, p);
      if (p < 0) return -1;
      continue;
    }
    p++;
    if (c === BRACE_OPEN || c === BRACKET_OPEN) depth++;
    else if (c === BRACE_CLOSE || c === BRACKET_CLOSE) {
      depth--;
      if (depth === 0) return p;
    }
  }
  return -1;
}

function skipFraction(bytes: Buffer, at: number): number {
  let p = at;
  if (bytes[p] === 0x2e) {
    const digits = skipDigits(bytes, p + 1);
    if (digits === p + 1) return -1;
    p = digits;
  }
  if (p < bytes.length && (bytes[p] === 0x65 || bytes[p] === 0x45)) {
    p++;
    if (p < bytes.length && (bytes[p] === 0x2b || bytes[p] === MINUS)) p++;
    const digits = skipDigits(bytes, p);
    if (digits === p) return -1;
    p = digits;
  }
  return p;
}

function skipDigits(bytes: Buffer, at: number): number {
  let p = at;
  while (p < bytes.length) {
    const c = bytes[p] ?? 0;
    if (c < 0x30 || c > 0x39) break;
    p++;
  }
  return p;
}

/** Whether an odd number of backslashes stands right before `p`, inside the string that opens at `open`. */
function isEscaped(bytes: Buffer, p: number, open: number): boolean {
  let back = p - 1;
  while (back > open && bytes[back] === BACKSLASH) back--;
  return (p - 1 - back) % 2 === 1;
}
