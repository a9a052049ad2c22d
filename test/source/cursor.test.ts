import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Cursor, FetchClock } from '../../src/source/kafka/cursor.js';

function opened(position: number): Cursor {
  const cursor = new Cursor('t', 0);
  cursor.open(position, 1);
  return cursor;
}

describe('a cursor', () => {
  test('R1: takes a fetch from its position, and of one from below it only what is new', () => {
    expect(opened(10).take(10, 15)).toEqual({ kind: 'take', base: 10, next: 15 });
    expect(opened(10).take(3, 15)).toEqual({ kind: 'take', base: 10, next: 15 });
    expect(opened(10).take(3, 10)).toEqual({ kind: 'ignore' });
  });

  test('R1: repeats a fetch from above its position, however little above', () => {
    const cursor = opened(10);
    expect(cursor.take(11, 15)).toEqual({ kind: 'refetch', to: 10 });
    expect(cursor.take(200, 300)).toEqual({ kind: 'refetch', to: 10 });
    expect(cursor.refetches).toBe(2);
    expect(cursor.take(10, 12)).toEqual({ kind: 'take', base: 10, next: 12 });
    expect(cursor.refetches).toBe(0);
  });

  test('R1: takes nothing before it is opened, nor once its offset is lost', () => {
    const cursor = new Cursor('t', 0);
    expect(cursor.take(0, 5)).toEqual({ kind: 'ignore' });
    cursor.open(5, 1);
    cursor.lose();
    expect(cursor.take(5, 9)).toEqual({ kind: 'ignore' });
    expect(cursor.takeEmpty({ first: 5, last: 8 }, new FetchClock())).toEqual({ kind: 'ignore' });
    expect(cursor.position).toBe(5);
  });

  test('R2: moves past offsets without a record', () => {
    const clock = new FetchClock();
    expect(opened(10).takeEmpty({ first: 10, last: 12 }, clock)).toEqual({
      kind: 'take',
      base: 10,
      next: 13,
    });
    expect(opened(10).takeEmpty({ first: undefined, last: 10 }, clock)).toEqual({
      kind: 'take',
      base: 10,
      next: 11,
    });
  });

  test('R2: offsets without a record that begin above its position count only if no older fetch may have brought them', () => {
    const clock = new FetchClock();
    clock.began('1', 0);
    const cursor = new Cursor('t', 0);
    cursor.open(10, clock.now());
    expect(cursor.takeEmpty({ first: 20, last: 30 }, clock)).toEqual({ kind: 'refetch', to: 10 });
    clock.began('1', 1);
    expect(cursor.takeEmpty({ first: 20, last: 30 }, clock)).toEqual({ kind: 'take', base: 10, next: 31 });
  });

  test('a node that is no longer fetched from is forgotten', () => {
    const clock = new FetchClock();
    clock.began('gone', 0);
    const moment = clock.now();
    clock.began('here', FetchClock.forgottenAfterMs);
    expect(clock.allBegunSince(moment)).toBe(false);
    clock.began('here', FetchClock.forgottenAfterMs + 1);
    expect(clock.allBegunSince(moment)).toBe(true);
  });

  /**
   * A log with holes, read through two nodes. A seek may come at any moment, also while a fetch from
   * before it is still on its way; a fetch brings records, or only offsets, and then does not say where it
   * began. What is taken must lie in what was fetched: nothing readable may be passed by.
   */
  test('R1, R2: whatever the order of fetches and seeks, nothing is skipped and the ranges tile', () => {
    const length = 40;
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('begin' as const),
        node: fc.integer({ min: 0, max: 1 }),
        size: fc.integer({ min: 1, max: 12 }),
      }),
      fc.record({ kind: fc.constant('end' as const), node: fc.integer({ min: 0, max: 1 }) }),
      fc.record({ kind: fc.constant('seek' as const), to: fc.integer({ min: 0, max: length - 1 }) }),
      fc.record({
        kind: fc.constant('rejoin' as const),
        group: fc.integer({ min: 0, max: length }),
        to: fc.integer({ min: 0, max: length - 1 }),
      }),
    );
    fc.assert(
      fc.property(
        fc.array(fc.boolean(), { minLength: length, maxLength: length }),
        fc.array(step, { maxLength: 80 }),
        (readable, steps) => {
          const clock = new FetchClock();
          const cursor = new Cursor('t', 0);
          cursor.open(0, clock.now());
          // Where the client would fetch next; a seek moves it when the next fetch begins.
          let client = 0;
          let pending: number | undefined;
          let expected = 0;
          const inFlight = new Map<number, { from: number; upTo: number }>();
          for (const move of steps) {
            switch (move.kind) {
              case 'begin': {
                if (inFlight.has(move.node)) break;
                clock.began(String(move.node), 0);
                client = pending ?? client;
                pending = undefined;
                if (client < length)
                  inFlight.set(move.node, { from: client, upTo: Math.min(length, client + move.size) });
                break;
              }
              case 'end': {
                const fetch = inFlight.get(move.node);
                inFlight.delete(move.node);
                if (fetch === undefined) break;
                const offsets = Array.from({ length: fetch.upTo - fetch.from }, (_, i) => fetch.from + i);
                const records = offsets.filter((offset) => readable[offset]);
                // Of a stretch that holds nothing, only its last offset is left by a marker.
                const first = records[0] ?? fetch.upTo - 1;
                const verdict =
                  records.length > 0
                    ? cursor.take(fetch.from, fetch.upTo)
                    : cursor.takeEmpty({ first, last: fetch.upTo - 1 }, clock);
                if (verdict.kind === 'refetch') pending = verdict.to;
                client = fetch.upTo;
                if (verdict.kind !== 'take') break;
                if (verdict.base !== expected)
                  throw new Error(`went on at ${verdict.base} instead of ${expected}`);
                expected = verdict.next;
                const skipped = readable.slice(verdict.base, fetch.from).includes(true);
                if (skipped)
                  throw new Error(`took [${verdict.base}, ${verdict.next}) from a fetch at ${fetch.from}`);
                break;
              }
              case 'rejoin':
              case 'seek': {
                // A join moves the client to the group's offset first; the seek comes after.
                if (move.kind === 'rejoin') client = move.group;
                cursor.open(move.to, clock.now());
                pending = move.to;
                expected = move.to;
                break;
              }
            }
          }
          expect(cursor.position).toBe(expected);
        },
      ),
      { numRuns: Number(process.env['FC_RUNS'] ?? 2000) },
    );
  });
});
