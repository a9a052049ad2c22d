import type { RawRecord } from '../cdc/record.js';

/** What a record costs in memory besides its key and value: the message object, its offset and time as text, its headers. */
const RECORD_BYTES = 160;

/** What a record costs in memory, about. */
export function sizeOf({ key, value }: RawRecord): number {
  return RECORD_BYTES + (key === null ? 0 : key.length) + (value === null ? 0 : value.length);
}

/** What these records cost in memory, about. */
export function bytesOf(records: readonly RawRecord[]): number {
  let bytes = 0;
  for (const record of records) bytes += sizeOf(record);
  return bytes;
}

/** The records at or above `offset`, of records in offset order. The same array where that is all of them. */
export function recordsFrom(records: readonly RawRecord[], offset: number): readonly RawRecord[] {
  const first = records[0];
  if (first === undefined || Number(first.offset) >= offset) return records;
  let [low, high] = [0, records.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (Number(records[middle]?.offset) < offset) low = middle + 1;
    else high = middle;
  }
  return records.slice(low);
}
