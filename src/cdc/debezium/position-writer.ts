import type { SourceReader, Words } from './source-reader.js';

/** The longest position text: MySQL's. */
const WIDTH_MAX = 41 + 2 + 1 + 12;

const ONE = 0x31;
const TWO = 0x32;
const NINE = 0x39;
const SEMICOLON = 0x3b;
const DASH = 0x2d;
const LETTER_S = 0x73;

/**
 * Writes the position texts of a run of records (format: `position.ts`). All go into one buffer, which becomes one
 * string at the end: each text is a slice of it, for a fraction of what a string of its own costs.
 */
export class PositionWriter {
  readonly #bytes: Buffer;
  readonly #ends: Uint32Array;
  #at = 0;
  #count = 0;

  constructor(count: number) {
    this.#bytes = Buffer.allocUnsafe(count * WIDTH_MAX);
    this.#ends = new Uint32Array(count);
  }

  /** The next record has no position. */
  none(): void {
    this.#ends[this.#count++] = this.#at;
  }

  /** The next record's position is what `source` read last; `offset` orders what the connector does not. */
  write(source: SourceReader, offset: number): void {
    switch (source.origin.connector) {
      case 'postgresql':
        this.#open(ONE);
        this.#words(source.lsn);
        break;
      case 'mysql':
      case 'mariadb':
        this.#open(TWO);
        this.#hex(source.file, 8);
        this.#words(source.pos);
        this.#hex(source.row, 8);
        break;
      default:
        this.#open(NINE);
        this.#hex(Math.floor(offset / 0x1_0000_0000), 8);
        this.#hex(offset, 8);
    }
    const bytes = this.#bytes;
    bytes[this.#at++] = SEMICOLON;
    bytes[this.#at++] = source.snapshot ? LETTER_S : DASH;
    bytes[this.#at++] = SEMICOLON;
    const { high, low } = source.timeMs;
    // Forty-eight bits are the year 10889.
    this.#hex(high > 0xffff ? 0xffff : high, 4);
    this.#hex(high > 0xffff ? 0xffff_ffff : low, 8);
    this.#ends[this.#count++] = this.#at;
  }

  /** The texts of all records so far, '' where there was none. */
  finish(): string[] {
    const all = this.#bytes.toString('latin1', 0, this.#at);
    const texts: string[] = [];
    let from = 0;
    for (let i = 0; i < this.#count; i++) {
      const upTo = this.#ends[i] ?? 0;
      texts.push(all.substring(from, upTo));
      from = upTo;
    }
    return texts;
  }

  /** Format digit and epoch. */
  #open(format: number): void {
    const bytes = this.#bytes;
    let at = this.#at;
    bytes[at++] = format;
    for (let k = 0; k < 8; k++) bytes[at++] = 0x30;
    this.#at = at;
  }

  #words(words: Words): void {
    this.#hex(words.high, 8);
    this.#hex(words.low, 8);
  }

  #hex(value: number, digits: number): void {
    const bytes = this.#bytes;
    let at = this.#at;
    for (let shift = (digits - 1) * 4; shift >= 0; shift -= 4) {
      const digit = (value >>> shift) & 15;
      bytes[at++] = digit < 10 ? 0x30 + digit : 0x57 + digit;
    }
    this.#at = at;
  }
}
