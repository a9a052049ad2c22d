import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Op } from '../../src/cdc/changes.js';
import { compareChange, type Verdict } from '../../src/cdc/compare.js';
import { formatPosition } from '../../src/cdc/position.js';

function at(lsn: number, kind: 'stream' | 'snapshot' = 'stream', epoch = 0): string {
  return formatPosition({
    place: { kind: 'postgres', lsn: BigInt(lsn) },
    epoch,
    snapshot: kind === 'snapshot',
    sourceTimeMs: 1,
  });
}

const alive = (position: string | null) => ({ position, dead: false });
const dead = (position: string | null) => ({ position, dead: true });
const change = (op: number, position: string) => ({ op, position });

describe('whether a change is news', () => {
  test.each([
    ['a later update', change(Op.update, at(11)), alive(at(10)), 'newer'],
    ['an earlier update', change(Op.update, at(9)), alive(at(10)), 'stale'],
    ['the same update', change(Op.update, at(10)), alive(at(10)), 'repeat'],
    ['the same create', change(Op.create, at(10)), alive(at(10)), 'repeat'],
    ['a later delete', change(Op.delete, at(11)), alive(at(10)), 'newer'],
    ['an earlier delete', change(Op.delete, at(9)), alive(at(10)), 'stale'],
    ['the same delete', change(Op.delete, at(10)), dead(at(10)), 'repeat'],
    ['a create after a delete', change(Op.create, at(11)), dead(at(10)), 'newer'],
    ['a create from before a delete', change(Op.create, at(9)), dead(at(10)), 'stale'],
    ['anything over a row without a position', change(Op.update, at(0)), alive(null), 'newer'],
    ['an update in a later epoch', change(Op.update, at(1, 'stream', 1)), alive(at(10)), 'newer'],
    ['an update from an earlier epoch', change(Op.update, at(11)), alive(at(10, 'stream', 1)), 'stale'],
  ] as const)('%s is decided by its place', (_title, event, standing, verdict: Verdict) => {
    expect(compareChange(event, standing)).toBe(verdict);
  });

  test('R12: a streamed change beats a snapshot row whatever the LSN', () => {
    // The transaction wrote at 90 and committed after the snapshot was taken at 100.
    expect(compareChange(change(Op.update, at(90)), alive(at(100, 'snapshot')))).toBe('newer');
    expect(compareChange(change(Op.delete, at(90)), alive(at(100, 'snapshot')))).toBe('newer');
    expect(compareChange(change(Op.update, at(100)), alive(at(100, 'snapshot')))).toBe('newer');
  });

  test('R12: a snapshot row beats a standing row only if its LSN is greater', () => {
    expect(compareChange(change(Op.read, at(101, 'snapshot')), alive(at(100)))).toBe('newer');
    expect(compareChange(change(Op.read, at(100, 'snapshot')), alive(at(100)))).toBe('stale');
    expect(compareChange(change(Op.read, at(99, 'snapshot')), alive(at(100)))).toBe('stale');
    expect(compareChange(change(Op.read, at(99, 'snapshot')), dead(at(100)))).toBe('stale');
    expect(compareChange(change(Op.read, at(101, 'snapshot')), alive(at(100, 'snapshot')))).toBe('newer');
    expect(compareChange(change(Op.read, at(99, 'snapshot')), alive(at(100, 'snapshot')))).toBe('stale');
  });

  test('R12: a snapshot row delivered again is a repeat', () => {
    expect(compareChange(change(Op.read, at(100, 'snapshot')), alive(at(100, 'snapshot')))).toBe('repeat');
  });

  test('R22: an equal tombstone does not block the create of a key change', () => {
    const create = { ...change(Op.create, at(10)), fromOldKey: true };
    expect(compareChange(create, dead(at(10)))).toBe('newer');
  });

  test('R22: the delete of a key change, seen again after its create, changes nothing', () => {
    expect(compareChange(change(Op.delete, at(10)), alive(at(10)))).toBe('stale');
  });

  test('R22: a history replayed any number of times ends as it ended the first time', () => {
    const event = fc.record({ op: fc.constantFrom(Op.create, Op.update, Op.delete), lsn: fc.nat(6) });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 12 }), fc.nat(12), (events, from) => {
        // One place, one operation, deletes first: what a source writes.
        const ordered = [
          ...new Map(events.map((one) => [`${one.lsn} ${one.op === Op.delete}`, one])).values(),
        ].toSorted((a, b) => a.lsn - b.lsn || Number(b.op === Op.delete) - Number(a.op === Op.delete));
        const once = fold(ordered, undefined);
        const again = fold(ordered.slice(from), once.standing);
        expect(again.standing).toEqual(once.standing);
        expect(again.applied).toBe(0);
      }),
    );
  });

  test('of two streamed changes at different places exactly one is newer than the other', () => {
    const op = fc.constantFrom(Op.create, Op.update, Op.delete);
    fc.assert(
      fc.property(fc.nat(20), fc.nat(20), op, op, (a, b, opA, opB) => {
        fc.pre(a !== b);
        const forward = compareChange(change(opB, at(b)), {
          position: at(a),
          dead: opA === Op.delete,
          op: opA,
        });
        const backward = compareChange(change(opA, at(a)), {
          position: at(b),
          dead: opB === Op.delete,
          op: opB,
        });
        expect([forward, backward].toSorted()).toEqual(['newer', 'stale']);
      }),
    );
  });
});

type Folded = {
  readonly standing: { readonly position: string; readonly dead: boolean } | undefined;
  readonly applied: number;
};

function fold(events: readonly { op: number; lsn: number }[], start: Folded['standing']): Folded {
  let standing = start;
  let applied = 0;
  for (const { op, lsn } of events) {
    const position = at(lsn);
    if (standing !== undefined && compareChange({ op, position }, standing) !== 'newer') continue;
    standing = { position, dead: op === Op.delete };
    applied++;
  }
  return { standing, applied };
}
