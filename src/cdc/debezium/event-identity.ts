import { createHash } from 'node:crypto';
import { BRACE_OPEN, QUOTE, matches, skipValue } from '../json/scan.js';
import { eachMember } from '../json/shapes.js';
import type { EventIdentity } from '../changes.js';

const TRANSACTION = Buffer.from('"transaction"');
const TOTAL_ORDER = Buffer.from('"total_order"');

/** Where the parts of one event lie in its bytes. */
export type EventParts = {
  readonly bytes: Buffer;
  /** Index of the payload's first byte. */
  readonly start: number;
  readonly op: number;
  /** Indexes of the images' first bytes, -1 for none. */
  readonly before: number;
  readonly after: number;
};

/**
 * What tells an event from the others at its place: `transaction.total_order` (Debezium docs, "Transaction metadata")
 * where the connector gives it, else a digest of the operation and both images.
 */
export function identityOf({ bytes, start, op, before, after }: EventParts): EventIdentity {
  let order: string | undefined;
  eachMember(bytes, start, (from, _upTo, value) => {
    if (matches(bytes, from, TRANSACTION) && bytes[value] === BRACE_OPEN) order = totalOrder(bytes, value);
  });
  if (order !== undefined) return { kind: 'ordinal', text: order };
  const hash = createHash('sha1');
  hash.update(`${op}`);
  for (const at of [before, after]) {
    hash.update(at < 0 ? '-' : '+');
    if (at >= 0) hash.update(bytes.subarray(at, skipValue(bytes, at)));
  }
  return { kind: 'content', text: hash.digest('base64url').slice(0, 20) };
}

function totalOrder(bytes: Buffer, at: number): string | undefined {
  let order: string | undefined;
  eachMember(bytes, at, (from, _upTo, value, valueEnd) => {
    if (!matches(bytes, from, TOTAL_ORDER)) return;
    const quoted = bytes[value] === QUOTE ? 1 : 0;
    const text = bytes.toString('latin1', value + quoted, valueEnd - quoted);
    if (/^\d{1,20}$/.test(text)) order = text;
  });
  return order;
}
