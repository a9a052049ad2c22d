import { createHash } from 'node:crypto';
import type { RawRecord } from '../cdc/record.js';
import type { LastRecord } from './settler.js';

/** What is remembered of a record that was applied: by it a topic that was made anew is told from the old one (R6). */
export function describeRecord({ key, value, offset, timestamp }: RawRecord): LastRecord {
  const hash = createHash('sha256');
  // The lengths keep (ab, c) and (a, bc) apart; -1 keeps null from empty.
  hash.update(`${key?.byteLength ?? -1},${value?.byteLength ?? -1};`);
  if (key !== null) hash.update(key);
  if (value !== null) hash.update(value);
  return {
    offset: Number(offset),
    timestampMs: Number(timestamp),
    hash: hash.digest('hex').slice(0, 32),
  };
}
