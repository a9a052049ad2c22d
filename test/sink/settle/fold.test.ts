import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Flag, Op, type Changes } from '../../../src/cdc/changes.js';
import { formatPosition, orderText } from '../../../src/cdc/position.js';
import { Events } from '../../../src/sink/settle/events.js';
import { NO_ROW, fold, locatedOf, standing, type Folded } from '../../../src/sink/settle/fold.js';

/** An event on one of few keys; `toast` leaves the row's one wide column out, as PostgreSQL does for an unchanged one. */
type Event = {
  readonly op: Op;
  readonly key: number;
  readonly lsn: number;
  readonly snapshot?: boolean;
  readonly toast?: boolean;
  readonly oldKey?: number;
  readonly newKey?: number;
};

const KEYS = 4;

function positionOf({ lsn, snapshot = false }: Pick<Event, 'lsn' | 'snapshot'>): string {
  return formatPosition({
    place: { kind: 'postgres', lsn: BigInt(lsn) },
    epoch: 0,
    snapshot,
    sourceTimeMs: 0,
  });
}

/** Folds events over rows that stand: `stands` by key, the position of its row. */
function folded(
  events: readonly Event[],
  stands: ReadonlyMap<number, string> = new Map(),
  floor = '',
): Folded {
  const changes = {
    topic: 't',
    partition: 0,
    length: events.length,
    op: Uint8Array.from(events, ({ op }) => op),
    flags: Uint8Array.from(
      events,
      ({ toast = false, oldKey, newKey }) =>
        (toast ? Flag.placeholder : 0) |
        (oldKey === undefined ? 0 : Flag.oldKey) |
        (newKey === undefined ? 0 : Flag.newKey),
    ),
    position: events.map(positionOf),
  } as unknown as Changes;
  const rows = Uint32Array.from(events, (_, at) => at);
  const standingRow = new Int32Array(KEYS).fill(-1);
  const standingPosition: string[] = [];
  for (const [key, position] of stands) standingRow[key] = standingPosition.push(position) - 1;
  return fold({
    events: new Events([{ topic: 't', partition: 0, base: 0, next: events.length, changes, rows }]),
    keyOf: Int32Array.from(events, ({ key }) => key),
    keyCount: KEYS,
    standingRow,
    standingPosition,
    deadPosition: new Map(),
    newest: [''],
    newestOfAll: '',
    floors: [floor],
    oldKeyNumber: (event) => events[event]?.oldKey ?? -1,
    oldKeyText: (event) => String(events[event]?.oldKey),
  });
}

/** The event or located row that lends the wide column to what stands under a key; undefined if nobody does. */
function lender(result: Folded, events: readonly Event[], key: number): number | undefined {
  let code = result.final[key] ?? NO_ROW;
  while (code >= 0 && events[code]?.toast === true) {
    const source = result.carries.get(code);
    if (source?.kind !== 'row') return undefined;
    code = source.row;
  }
  return code === NO_ROW ? undefined : code;
}

describe('folding a batch over the rows that stand', () => {
  test('the last of several changes of a key stands', () => {
    const events: Event[] = [
      { op: Op.create, key: 0, lsn: 1 },
      { op: Op.update, key: 0, lsn: 2 },
      { op: Op.delete, key: 1, lsn: 3 },
    ];
    expect([...folded(events).final]).toEqual([1, NO_ROW, NO_ROW, NO_ROW]);
  });

  test('R12: a streamed change beats a snapshot row of a later position; a snapshot row beats only an earlier one', () => {
    const snapshotRow = new Map([[0, positionOf({ lsn: 100, snapshot: true })]]);
    expect(folded([{ op: Op.update, key: 0, lsn: 90 }], snapshotRow).final[0]).toBe(0);
    const streamedRow = new Map([[0, positionOf({ lsn: 100 })]]);
    expect(folded([{ op: Op.read, key: 0, lsn: 90, snapshot: true }], streamedRow).final[0]).toBe(
      standing(0),
    );
    expect(folded([{ op: Op.read, key: 0, lsn: 110, snapshot: true }], streamedRow).final[0]).toBe(0);
  });

  test('R14: an event at or below the floor of a truncate is stale, even where no row stands', () => {
    const floor = positionOf({ lsn: 50 }).split(';')[0] ?? '';
    const result = folded(
      [
        { op: Op.create, key: 0, lsn: 50 },
        { op: Op.create, key: 1, lsn: 51 },
      ],
      new Map(),
      floor,
    );
    expect([...result.final.slice(0, 2)]).toEqual([NO_ROW, 1]);
    expect(result.counts.stale).toBe(1);
  });

  test('R16: the create of a key change takes the image that its delete left, pending updates included', () => {
    const events: Event[] = [
      { op: Op.update, key: 0, lsn: 10 },
      { op: Op.delete, key: 0, lsn: 20, newKey: 1 },
      { op: Op.create, key: 1, lsn: 20, oldKey: 0, toast: true },
    ];
    const result = folded(events, new Map([[0, positionOf({ lsn: 1 })]]));
    expect(result.final[1]).toBe(2);
    expect(lender(result, events, 1)).toBe(0);
    expect(result.buried).toEqual([]);
  });

  test('R16: an old key that was inserted again does not lend its new row', () => {
    const events: Event[] = [
      { op: Op.delete, key: 0, lsn: 20, newKey: 1 },
      { op: Op.create, key: 0, lsn: 25 },
      { op: Op.create, key: 1, lsn: 20, oldKey: 0, toast: true },
    ];
    const result = folded(events, new Map([[0, positionOf({ lsn: 1 })]]));
    expect(lender(result, events, 1)).toBe(standing(0));
    expect(locatedOf(lender(result, events, 1) ?? 0)).toBe(0);
  });

  test('R16: a delete whose create has not come leaves its image to be parked; a create whose delete has gone asks for it', () => {
    const parting = folded(
      [{ op: Op.delete, key: 0, lsn: 20, newKey: 1 }],
      new Map([[0, positionOf({ lsn: 1 })]]),
    );
    expect(parting.buried).toEqual([
      { event: 0, key: 0, row: standing(0), position: positionOf({ lsn: 20 }) },
    ]);
    const arriving = folded([{ op: Op.create, key: 1, lsn: 20, oldKey: 0, toast: true }]);
    expect(arriving.carries.get(0)).toEqual({
      kind: 'parked',
      key: '0',
      order: orderText(positionOf({ lsn: 20 })),
    });
  });

  test('R17: several updates keep the newest value that was really sent', () => {
    const events: Event[] = [
      { op: Op.update, key: 0, lsn: 10 },
      { op: Op.update, key: 0, lsn: 20, toast: true },
      { op: Op.update, key: 0, lsn: 30, toast: true },
    ];
    const result = folded(events, new Map([[0, positionOf({ lsn: 1 })]]));
    expect(result.final[0]).toBe(2);
    expect(lender(result, events, 0)).toBe(0);
  });

  test('R17: a stale update lends nothing', () => {
    const events: Event[] = [
      { op: Op.update, key: 0, lsn: 10 },
      { op: Op.update, key: 0, lsn: 30, toast: true },
    ];
    const result = folded(events, new Map([[0, positionOf({ lsn: 20 })]]));
    expect(lender(result, events, 0)).toBe(standing(0));
  });

  test('R22: an equal position and operation is a repeat; delete then create at one position both apply', () => {
    const stands = new Map([[0, positionOf({ lsn: 20 })]]);
    expect(folded([{ op: Op.update, key: 0, lsn: 20 }], stands).counts).toEqual({
      applied: 0,
      stale: 0,
      repeated: 1,
    });
    const swapped: Event[] = [
      { op: Op.delete, key: 0, lsn: 20, newKey: 1 },
      { op: Op.create, key: 0, lsn: 20, oldKey: 2 },
    ];
    expect(folded(swapped, new Map([[0, positionOf({ lsn: 1 })]])).final[0]).toBe(1);
  });

  test('R23: a placeholder without a row to take it from has no lender and is no failure', () => {
    const events: Event[] = [{ op: Op.update, key: 0, lsn: 10, toast: true }];
    const result = folded(events);
    expect(result.final[0]).toBe(0);
    expect(result.carries.get(0)).toEqual({ kind: 'missing' });
  });

  test('a batch folds to what applying its events one by one gives, values carried along', () => {
    const event = fc.record({
      kind: fc.constantFrom<'put' | 'toast' | 'delete' | 'move'>('put', 'toast', 'delete', 'move'),
      key: fc.nat(KEYS - 1),
      to: fc.nat(KEYS - 1),
      late: fc.nat(4),
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 24 }), fc.subarray([0, 1, 2, 3]), (drawn, rows) => {
        const stands = new Map(rows.map((key, at) => [key, positionOf({ lsn: 1 + at })]));
        const { events, oracle } = replayed(drawn, stands);
        const result = folded(events, stands);
        for (let key = 0; key < KEYS; key++) {
          const expected = oracle.get(key);
          expect(result.final[key] === NO_ROW).toBe(expected === undefined);
          if (expected !== undefined) expect(lender(result, events, key)).toBe(expected);
        }
      }),
    );
  });
});

type Drawn = { kind: 'put' | 'toast' | 'delete' | 'move'; key: number; to: number; late: number };

/**
 * Turns draws into a source's history, some of it delivered again late, and applies it to a naive map from key to
 * where its wide value comes from: an event, or a standing row's code.
 */
function replayed(
  drawn: readonly Drawn[],
  stands: ReadonlyMap<number, string>,
): { events: Event[]; oracle: ReadonlyMap<number, number> } {
  const events: Event[] = [];
  const oracle = new Map<number, number>();
  for (const [at, key] of [...stands.keys()].entries()) oracle.set(key, standing(at));
  let lsn = 100;
  for (const { kind, key, to, late } of drawn) {
    lsn += 10;
    const from = oracle.get(key);
    if (kind === 'put') {
      oracle.set(key, events.push({ op: from === undefined ? Op.create : Op.update, key, lsn }) - 1);
    } else if (kind === 'toast' && from !== undefined) {
      events.push({ op: Op.update, key, lsn, toast: true });
    } else if (kind === 'delete' && from !== undefined) {
      events.push({ op: Op.delete, key, lsn });
      oracle.delete(key);
    } else if (kind === 'move' && from !== undefined && to !== key && !oracle.has(to)) {
      events.push({ op: Op.delete, key, lsn, newKey: to });
      events.push({ op: Op.create, key: to, lsn, oldKey: key, toast: true });
      oracle.delete(key);
      oracle.set(to, from);
    }
    // A repeat of the newest change of a live row changes nothing.
    const repeated = late === 0 ? events.at(-1) : undefined;
    if (repeated !== undefined && repeated.op === Op.update) events.push(repeated);
  }
  return { events, oracle };
}
