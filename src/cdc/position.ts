import { unreachable } from '../base/errors.js';

/**
 * The text of `__position`: a row's place in its source's history, as fixed-width ASCII whose order is the
 * order of the history (docs/architecture.md, "Position").
 *
 *     1 00000000 0000000002319c88 ; - ; 01a2099a0e1c
 *     │ │        │                  │   └ source.ts_ms, 12 hex digits
 *     │ │        │                  └ s: from a snapshot, -: streamed
 *     │ │        └ the source's own numbers, hex
 *     │ └ epoch, 8 hex digits
 *     └ format
 *
 * What stands before the first ';' is compared; what stands behind it is only remembered.
 */
export type Place =
  /** PostgreSQL: `source.lsn`, 16 hex digits. */
  | { readonly kind: 'postgres'; readonly lsn: bigint }
  /** MySQL and MariaDB: the number in `source.file` (8), `source.pos` (16), `source.row` (8). */
  | { readonly kind: 'mysql'; readonly file: bigint; readonly pos: bigint; readonly row: bigint }
  /** A connector whose order we do not know: the Kafka offset (16), which orders one partition. */
  | { readonly kind: 'offset'; readonly offset: bigint };

export type Position = {
  readonly place: Place;
  /** Rises when the source's numbers start anew; compared before them. */
  readonly epoch: number;
  readonly snapshot: boolean;
  /** `source.ts_ms`, 0 if the source gave none. */
  readonly sourceTimeMs: number;
};

/** Length of the compared part, by format digit. */
const ORDER_WIDTH: Readonly<Record<string, number>> = { '1': 25, '2': 41, '9': 25 };
const UINT64_MAX = 0xffff_ffff_ffff_ffffn;
const UINT32_MAX = 0xffff_ffffn;
const TIME_MAX = 0xffff_ffff_ffff;

/** Numbers beyond their width are clamped to it, and so is a time before 1970 or beyond 48 bits. */
export function formatPosition(position: Position): string {
  const { place } = position;
  const epoch = hex(BigInt(position.epoch), 8);
  const flag = position.snapshot ? 's' : '-';
  const time = Math.min(Math.max(Math.trunc(position.sourceTimeMs), 0), TIME_MAX);
  const tail = `;${flag};${time.toString(16).padStart(12, '0')}`;
  switch (place.kind) {
    case 'postgres':
      return `1${epoch}${hex(place.lsn, 16)}${tail}`;
    case 'mysql':
      return `2${epoch}${hex(place.file, 8)}${hex(place.pos, 16)}${hex(place.row, 8)}${tail}`;
    case 'offset':
      return `9${epoch}${hex(place.offset, 16)}${tail}`;
    default:
      return unreachable(place);
  }
}

/** The parts of a position text; undefined if it is none. */
export function parsePosition(text: string): Position | undefined {
  const match = /^([129])([0-9a-f]{8})([0-9a-f]+);([s-]);([0-9a-f]{12})$/.exec(text);
  if (match === null) return undefined;
  const [, format = '', epoch = '', numbers = '', flag, time = ''] = match;
  if (1 + epoch.length + numbers.length !== ORDER_WIDTH[format]) return undefined;
  return {
    place: parsePlace(format, numbers),
    epoch: Number.parseInt(epoch, 16),
    snapshot: flag === 's',
    sourceTimeMs: Number.parseInt(time, 16),
  };
}

/** The part of a position that is compared: of two positions of one format, the greater text is the later place. */
export function orderText(position: string): string {
  const end = position.indexOf(';');
  return end < 0 ? position : position.slice(0, end);
}

/** The same place in another epoch. */
export function withEpoch(position: string, epoch: number): string {
  return `${position.slice(0, 1)}${hex(BigInt(epoch), 8)}${position.slice(9)}`;
}

/**
 * Whether a place orders rows of different partitions: the source's own numbers do, a Kafka offset orders its partition
 * only.
 */
export function ordersAcrossPartitions(position: string): boolean {
  return position !== '' && !position.startsWith('9');
}

/**
 * Negative, zero or positive as `a` is before, at or after `b`: by epoch, then by format, then by the
 * source's numbers. A total order of all position texts; '' (no position) is before any other.
 */
export function comparePositions(a: string, b: string): number {
  const orderA = orderText(a);
  const orderB = orderText(b);
  if (orderA.charCodeAt(0) !== orderB.charCodeAt(0) && orderA !== '' && orderB !== '') {
    const epochA = orderA.slice(1, 9);
    const epochB = orderB.slice(1, 9);
    if (epochA !== epochB) return epochA < epochB ? -1 : 1;
  }
  if (orderA === orderB) return 0;
  return orderA < orderB ? -1 : 1;
}

/** Whether the row came from a snapshot (R12). */
export function isSnapshot(position: string): boolean {
  const end = position.indexOf(';');
  return end >= 0 && position.charCodeAt(end + 1) === 0x73;
}

/** `source.ts_ms` as a text whose order is time's; '' where the position has none. */
export function sourceTimeText(position: string): string {
  return position.indexOf(';') < 0 ? '' : position.slice(-12);
}

/** `source.ts_ms` of the change that wrote the row; undefined if the source gave none. */
export function sourceTimeMs(position: string): number | undefined {
  const end = position.indexOf(';');
  if (end < 0) return undefined;
  const time = Number.parseInt(position.slice(end + 3), 16);
  return time > 0 ? time : undefined;
}

function parsePlace(format: string, numbers: string): Place {
  const at = (from: number, upTo: number): bigint => BigInt(`0x${numbers.slice(from, upTo)}`);
  if (format === '1') return { kind: 'postgres', lsn: at(0, 16) };
  if (format === '2') return { kind: 'mysql', file: at(0, 8), pos: at(8, 24), row: at(24, 32) };
  return { kind: 'offset', offset: at(0, 16) };
}

function hex(value: bigint, digits: 8 | 16): string {
  const max = digits === 8 ? UINT32_MAX : UINT64_MAX;
  const clamped = value < 0n ? 0n : value > max ? max : value;
  return clamped.toString(16).padStart(digits, '0');
}
