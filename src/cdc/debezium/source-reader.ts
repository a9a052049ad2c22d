import { unreachable } from '../../base/errors.js';
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
import { eachMember, readString } from '../json/shapes.js';
import type { Origin } from '../changes.js';

/** What a member of `source` is good for. */
type Role = 'skip' | OriginPart | NumberPart | 'file' | 'snapshot';
type OriginPart = keyof Origin;
type NumberPart = 'ts_ms' | 'lsn' | 'pos' | 'row';

const ROLES: ReadonlyMap<string, Role> = new Map<string, Role>([
  ['connector', 'connector'],
  ['name', 'name'],
  ['db', 'db'],
  ['schema', 'schema'],
  ['table', 'table'],
  ['collection', 'table'],
  ['ts_ms', 'ts_ms'],
  ['lsn', 'lsn'],
  ['pos', 'pos'],
  ['row', 'row'],
  ['file', 'file'],
  ['snapshot', 'snapshot'],
]);

/** A member of the block as it was last seen. */
type Member = {
  readonly token: Buffer;
  readonly role: Role;
  /** The bytes of its value the last time, for roles whose values hardly ever change. */
  value: Buffer;
};

/** A 64-bit number as two unsigned words; absent ones are zero, which sorts lowest. */
export class Words {
  high = 0;
  low = 0;

  get isZero(): boolean {
    return this.high === 0 && this.low === 0;
  }

  set(value: number): void {
    this.high = Math.floor(value / 0x1_0000_0000);
    this.low = value >>> 0;
  }

  setBig(value: bigint): void {
    this.high = Number((value >> 32n) & 0xffff_ffffn);
    this.low = Number(value & 0xffff_ffffn);
  }
}

/**
 * Reads the `source` block of change events: who made the change, and where it stands in the history. The block
 * of one table's events differs in a few numbers only, so the rest is compared with the block before and not read.
 */
export class SourceReader {
  readonly #origins: Map<string, Origin>;
  readonly #parts: Record<OriginPart, string> = { connector: '', name: '', db: '', schema: '', table: '' };
  #members: Member[] = [];
  #originChanged = true;

  /** After `read`, for the block read last. */
  origin: Origin = { connector: '', name: '', db: '', schema: '', table: '' };
  readonly timeMs = new Words();
  readonly lsn = new Words();
  readonly pos = new Words();
  row = 0;
  /** The number at the end of a binlog file's name. */
  file = 0;
  snapshot = false;

  /** Whether the block says where in the source's history it stands; connectors that we cannot order need not. */
  get placed(): boolean {
    switch (this.origin.connector) {
      case 'postgresql':
        return !this.lsn.isZero;
      case 'mysql':
      case 'mariadb':
        return this.file !== 0 || !this.pos.isZero;
      default:
        return true;
    }
  }

  /** `origins` interns: readers that share it give the same object for the same table. */
  constructor(origins: Map<string, Origin>) {
    this.#origins = origins;
  }

  /** Reads the block at `at`. Returns the index after it, or -1 where it is no object or broken. */
  read(bytes: Buffer, at: number): number {
    let end = this.#readAs(bytes, at);
    if (end < 0) {
      if (!this.#learn(bytes, at)) return -1;
      end = this.#readAs(bytes, at);
      if (end < 0) return -1;
    }
    if (this.#originChanged) this.#intern();
    return end;
  }

  #readAs(bytes: Buffer, at: number): number {
    const members = this.#members;
    const count = members.length;
    if (bytes[at] !== BRACE_OPEN) return -1;
    let p = at + 1;
    if (count === 0) {
      p = skipSpace(bytes, p);
      return bytes[p] === BRACE_CLOSE ? p + 1 : -1;
    }
    for (let m = 0; m < count; m++) {
      const member = members[m];
      if (member === undefined) return -1;
      if ((bytes[p] ?? 0) <= 0x20) p = skipSpace(bytes, p);
      if (!matches(bytes, p, member.token)) return -1;
      p += member.token.length;
      if (bytes[p] !== COLON) p = skipSpace(bytes, p);
      if (bytes[p++] !== COLON) return -1;
      if ((bytes[p] ?? 0) <= 0x20) p = skipSpace(bytes, p);
      p = this.#value(bytes, p, member);
      if (p < 0) return -1;
      if ((bytes[p] ?? 0) <= 0x20) p = skipSpace(bytes, p);
      if (bytes[p++] !== (m === count - 1 ? BRACE_CLOSE : COMMA)) return -1;
    }
    return p;
  }

  /** Takes in a member's value and returns the index after it. */
  #value(bytes: Buffer, at: number, member: Member): number {
    switch (member.role) {
      case 'skip':
        return skipValue(bytes, at);
      case 'ts_ms':
        return readWords(bytes, at, this.timeMs);
      case 'lsn':
        return readWords(bytes, at, this.lsn);
      case 'pos':
        return readWords(bytes, at, this.pos);
      case 'row': {
        const end = readWords(bytes, at, ROW);
        this.row = ROW.low;
        return end;
      }
      case 'file':
      case 'snapshot':
      case 'connector':
      case 'name':
      case 'db':
      case 'schema':
      case 'table':
        return this.#text(bytes, at, member, member.role);
      default:
        return unreachable(member.role);
    }
  }

  #text(bytes: Buffer, at: number, member: Member, role: OriginPart | 'file' | 'snapshot'): number {
    const { value } = member;
    if (value.length > 0 && matches(bytes, at, value)) return at + value.length;
    const end = skipValue(bytes, at);
    if (end < 0) return -1;
    const text =
      bytes[at] === QUOTE
        ? readString(bytes, at, end)
        : isNull(bytes, at)
          ? ''
          : bytes.toString('latin1', at, end);
    if (text === undefined) return -1;
    // Only a string ends where it ends: 1 would also match the start of 12.
    member.value = bytes[at] === QUOTE ? Buffer.from(bytes.subarray(at, end)) : NOTHING;
    if (role === 'file') this.file = numericSuffix(text);
    else if (role === 'snapshot') this.snapshot = text !== '' && text !== 'false';
    else if (this.#parts[role] !== text) {
      this.#parts[role] = text;
      this.#originChanged = true;
    }
    return end;
  }

  /** Learns the members of another layout and forgets all values. */
  #learn(bytes: Buffer, at: number): boolean {
    const members: Member[] = [];
    const end = eachMember(bytes, at, (from, upTo) => {
      const token = Buffer.from(bytes.subarray(from, upTo));
      members.push({
        token,
        role: ROLES.get(readString(token, 0, token.length) ?? '') ?? 'skip',
        value: NOTHING,
      });
    });
    if (end < 0) return false;
    this.#members = members;
    for (const part of ORIGIN_PARTS) this.#parts[part] = '';
    this.timeMs.set(0);
    this.lsn.set(0);
    this.pos.set(0);
    this.row = 0;
    this.file = 0;
    this.snapshot = false;
    this.#originChanged = true;
    return true;
  }

  #intern(): void {
    const key = JSON.stringify(ORIGIN_PARTS.map((part) => this.#parts[part]));
    let origin = this.#origins.get(key);
    if (origin === undefined) {
      origin = { ...this.#parts };
      this.#origins.set(key, origin);
    }
    this.origin = origin;
    this.#originChanged = false;
  }
}

const ORIGIN_PARTS: readonly OriginPart[] = ['connector', 'name', 'db', 'schema', 'table'];
const NOTHING = Buffer.alloc(0);
const ROW = new Words();

/** Reads a number that is not negative; null, text that is no number, or a fraction count as zero, and what is greater than 64 bits as the greatest. */
function readWords(bytes: Buffer, at: number, words: Words): number {
  let p = at;
  let value = 0;
  // Fifteen digits and the start of a sixteenth stay below 2^53.
  for (; p < bytes.length && p - at < 15; p++) {
    const digit = (bytes[p] ?? 0) - 0x30;
    if (!(digit >= 0 && digit <= 9)) break;
    value = value * 10 + digit;
  }
  const c = bytes[p];
  if (p > at && (c === COMMA || c === BRACE_CLOSE)) {
    words.set(value);
    return p;
  }
  const end = bytes[at] === QUOTE ? skipString(bytes, at) : skipValue(bytes, at);
  if (end < 0) return -1;
  const text = bytes.toString('latin1', at, end).replaceAll('"', '');
  if (/^\d{1,40}$/.test(text)) words.setBig(min(BigInt(text), UINT64_MAX));
  else words.set(0);
  return end;
}

const UINT64_MAX = 0xffff_ffff_ffff_ffffn;

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

/** 12 of `binlog.000012`; 0 where the name ends in no number. */
function numericSuffix(name: string): number {
  const match = /(\d{1,10})$/.exec(name);
  return match === null ? 0 : Math.min(Number(match[1]), 0xffff_ffff);
}
