import { assert } from '../base/errors.js';

const ALPHABET = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#';

const DIGITS: ReadonlyMap<string, number> = new Map(
  [...ALPHABET].map((character, digit) => [character, digit]),
);

/** Z85 (ZeroMQ RFC 32): four bytes, the first most significant, as five characters. Takes whole groups only. */
export function encodeZ85(bytes: Uint8Array): string {
  assert(bytes.length % 4 === 0, 'Z85 takes whole groups of four bytes');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let text = '';
  for (let at = 0; at < bytes.length; at += 4) {
    let group = '';
    for (let rest = view.getUint32(at), i = 0; i < 5; i++, rest = Math.floor(rest / 85)) {
      group = ALPHABET.charAt(rest % 85) + group;
    }
    text += group;
  }
  return text;
}

/**
 * The bytes, or undefined for what is no Z85. A last group that begins with `#` is the padding of some
 * writers: as many `#` as bytes are missing from it. Standard Z85 never begins a group with that
 * character, as its value would not fit four bytes.
 */
export function decodeZ85(text: string): Uint8Array | undefined {
  if (text.length % 5 !== 0) return undefined;
  const bytes = new Uint8Array((text.length / 5) * 4);
  const view = new DataView(bytes.buffer);
  let missing = 0;
  for (let at = 0, to = 0; at < text.length; at += 5, to += 4) {
    const group = text.slice(at, at + 5);
    if (group.startsWith('#')) {
      if (at + 5 < text.length) return undefined;
      missing = paddingOf(group);
      if (missing > 3) return undefined;
    }
    let value = 0;
    for (const character of group.slice(missing)) {
      const digit = DIGITS.get(character);
      if (digit === undefined) return undefined;
      value = value * 85 + digit;
    }
    if (value > 0xffffffff) return undefined;
    view.setUint32(to, value);
    // A padded group holds its bytes at the low end.
    if (missing > 0) bytes.copyWithin(to, to + missing, to + 4);
  }
  return missing === 0 ? bytes : bytes.subarray(0, bytes.length - missing);
}

function paddingOf(group: string): number {
  let count = 0;
  while (group.charAt(count) === '#') count++;
  return count;
}
