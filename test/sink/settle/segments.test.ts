import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Op, type Changes } from '../../../src/cdc/changes.js';
import { cutAtTruncates } from '../../../src/sink/settle/segments.js';
import type { Slice } from '../../../src/sink/settler.js';

/** A slice of nothing but operations: all that cutting looks at. */
function sliceOf(partition: number, base: number, ops: readonly number[]): Slice {
  const changes = {
    topic: 't',
    partition,
    length: ops.length,
    op: Uint8Array.from(ops),
    offset: (i: number) => base + i,
  } as unknown as Changes;
  const rows = Uint32Array.from(ops, (_, at) => at);
  return { topic: 't', partition, base, next: base + ops.length, changes, rows };
}

function offsetsOf(slice: Slice): number[] {
  return [...slice.rows].map((record) => slice.changes.offset(record));
}

describe('cutting a batch at its truncates', () => {
  test('R15: a truncate is a segment of its own, between what came before and after it', () => {
    const segments = cutAtTruncates([sliceOf(0, 10, [Op.create, Op.truncate, Op.create, Op.create])], true);
    expect(segments.map(({ kind }) => kind)).toEqual(['rows', 'truncate', 'rows']);
    const ranges = segments.map((segment) => (segment.kind === 'rows' ? segment.slices : [segment.slice]));
    expect(ranges.flat().map(({ base, next }) => [base, next])).toEqual([
      [10, 11],
      [11, 12],
      [12, 14],
    ]);
  });

  test('truncates that are turned off stay inside the rows', () => {
    const slices = [sliceOf(0, 0, [Op.truncate, Op.create])];
    expect(cutAtTruncates(slices, false)).toEqual([{ kind: 'rows', slices }]);
  });

  test('the segments tile each partition, in order, whatever is truncated where', () => {
    const ops = fc.array(fc.constantFrom(Op.create, Op.delete, Op.truncate), { maxLength: 8 });
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(2), ops), { maxLength: 6 }), (parts) => {
        const next = new Map<number, number>();
        const slices = parts.map(([partition, list]) => {
          const base = next.get(partition) ?? 0;
          next.set(partition, base + list.length);
          return sliceOf(partition, base, list);
        });
        const at = new Map<number, number>();
        const seen = new Map<number, number[]>();
        for (const segment of cutAtTruncates(slices, true)) {
          for (const slice of segment.kind === 'rows' ? segment.slices : [segment.slice]) {
            expect(slice.base).toBe(at.get(slice.partition) ?? 0);
            at.set(slice.partition, slice.next);
            seen.set(slice.partition, [...(seen.get(slice.partition) ?? []), ...offsetsOf(slice)]);
            const truncates = [...slice.rows].filter((record) => slice.changes.op[record] === Op.truncate);
            expect(truncates.length).toBe(segment.kind === 'rows' ? 0 : 1);
          }
        }
        for (const [partition, end] of next) {
          expect(at.get(partition) ?? 0).toBe(end);
          expect(seen.get(partition) ?? []).toEqual(Array.from({ length: end }, (_, offset) => offset));
        }
      }),
    );
  });
});
