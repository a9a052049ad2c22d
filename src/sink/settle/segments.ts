import { Op } from '../../cdc/changes.js';
import { partitionKey } from '../../source/change-source.js';
import type { Slice } from '../settler.js';

/**
 * A stretch of a batch that is one commit: rows of any number of partitions, or one truncate (R15: a truncate is a
 * commit of its own, so that no change file has to hold the whole table).
 */
export type Segment =
  | { readonly kind: 'rows'; readonly slices: readonly Slice[] }
  | { readonly kind: 'truncate'; readonly slice: Slice; readonly record: number };

/**
 * Cuts a batch at its truncates. Segments come in an order in which each partition's records keep theirs; ranges of
 * one partition still tile. With truncates turned off they are left inside the rows, where they change nothing.
 */
export function cutAtTruncates(slices: readonly Slice[], truncates: boolean): readonly Segment[] {
  if (!truncates || !slices.some(hasTruncate)) return slices.length === 0 ? [] : [{ kind: 'rows', slices }];
  const queues = new Map<string, Slice[]>();
  for (const slice of slices) {
    const key = partitionKey(slice.topic, slice.partition);
    const queue = queues.get(key);
    if (queue === undefined) queues.set(key, [slice]);
    else queue.push(slice);
  }
  const segments: Segment[] = [];
  while ([...queues.values()].some((queue) => queue.length > 0)) {
    const rows: Slice[] = [];
    const cuts: Segment[] = [];
    for (const queue of queues.values()) takeUpToTruncate(queue, rows, cuts);
    if (rows.length > 0) segments.push({ kind: 'rows', slices: rows });
    segments.push(...cuts);
  }
  return segments;
}

function hasTruncate(slice: Slice): boolean {
  return firstTruncate(slice) >= 0;
}

function firstTruncate(slice: Slice): number {
  return slice.rows.findIndex((record) => slice.changes.op[record] === Op.truncate);
}

function takeUpToTruncate(queue: Slice[], rows: Slice[], cuts: Segment[]): void {
  for (let slice = queue.shift(); slice !== undefined; slice = queue.shift()) {
    const at = firstTruncate(slice);
    if (at < 0) {
      rows.push(slice);
      continue;
    }
    const record = slice.rows[at] ?? 0;
    const offset = slice.changes.offset(record);
    if (offset > slice.base) rows.push({ ...slice, next: offset, rows: slice.rows.slice(0, at) });
    cuts.push({
      kind: 'truncate',
      record,
      slice: { ...slice, base: offset, next: offset + 1, rows: slice.rows.slice(at, at + 1) },
    });
    if (offset + 1 < slice.next) {
      queue.unshift({ ...slice, base: offset + 1, rows: slice.rows.slice(at + 1) });
    }
    return;
  }
}
