import { matches } from './json/scan.js';

/** What Debezium writes for an unchanged column whose value the database did not give it, unless configured otherwise. */
export const UNAVAILABLE_VALUE = '__debezium_unavailable_value';

/**
 * Recognises the unavailable-value placeholder in each of the shapes that Debezium gives it, as tokens of JSON as
 * Kafka Connect writes it (without white space): the text itself; its bytes in base64, for binary
 * columns; an array of either as its only element; an array of its bytes as integers, for arrays of numbers; a map of
 * one entry from the text to the text (Debezium docs, PostgreSQL connector, "Toasted values").
 */
export class UnavailableValue {
  readonly text: string;
  readonly base64: string;
  readonly #textToken: Buffer;
  readonly #base64Token: Buffer;
  readonly #nested: readonly Buffer[];

  /** `text` as in the connector's `unavailable.value.placeholder`; after the prefix `hex:` the bytes stand in hexadecimal. */
  constructor(text: string) {
    const bytes = text.startsWith('hex:') ? Buffer.from(text.slice(4), 'hex') : Buffer.from(text, 'utf8');
    this.text = bytes.toString('utf8');
    this.base64 = bytes.toString('base64');
    const quoted = JSON.stringify(this.text);
    this.#textToken = Buffer.from(quoted);
    this.#base64Token = Buffer.from(JSON.stringify(this.base64));
    this.#nested = [
      `[${quoted}]`,
      `[${JSON.stringify(this.base64)}]`,
      `[${[...bytes].join(',')}]`,
      `{${quoted}:${quoted}}`,
    ].map((token) => Buffer.from(token));
  }

  /** Whether the string token `[from, upTo)` is the text, or its bytes in base64. */
  isString(bytes: Buffer, from: number, upTo: number): boolean {
    const length = upTo - from;
    if (length === this.#textToken.length && matches(bytes, from, this.#textToken)) return true;
    return length === this.#base64Token.length && matches(bytes, from, this.#base64Token);
  }

  /** Whether the string token `[from, upTo)` is the text itself. */
  isText(bytes: Buffer, from: number, upTo: number): boolean {
    return upTo - from === this.#textToken.length && matches(bytes, from, this.#textToken);
  }

  /** Whether the array or object token `[from, upTo)` stands for the unavailable value. */
  isNested(bytes: Buffer, from: number, upTo: number): boolean {
    for (const token of this.#nested) {
      if (upTo - from === token.length && matches(bytes, from, token)) return true;
    }
    return false;
  }
}
