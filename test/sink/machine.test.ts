import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvariantError } from '../../src/base/errors.js';
import type { Batch, LaneEvent, LaneState } from '../../src/sink/lane-state.js';
import { initial, step } from '../../src/sink/machine.js';
import { keyOf } from '../../src/sink/standing.js';
import { type EventKind, type StateKind, transitions } from './machine-table.js';
import { broken, failure, LaneWorld, p0, p1 } from './support/lane-world.js';

/** One draw decides what happens next; `pick` is taken modulo what can happen. */
type Draw = {
  readonly fate: number;
  readonly pick: number;
  readonly partition: number;
  readonly amount: number;
  readonly flag: boolean;
};

const draws = fc.array(
  fc.record({
    fate: fc.nat(999),
    pick: fc.nat(99),
    partition: fc.nat(1),
    amount: fc.integer({ min: 1, max: 6 }),
    flag: fc.boolean(),
  }),
  { maxLength: 120, minLength: 1 },
);

const rare: ReadonlySet<string> = new Set(['finish', 'abandon', 'halt', 'hole']);

function walk(steps: readonly Draw[]): LaneWorld {
  const world = new LaneWorld();
  for (const move of world.moves(p0, 1, false).slice(0, 1)) move.run();
  for (const { fate, pick, partition, amount, flag } of steps) {
    const outcomes = world.outcomes(amount, flag);
    // Slices are what happens most; what ends the lane is rare.
    const moves = world
      .moves(partition === 0 ? p0 : p1, amount, flag)
      .filter(({ name }) => (rare.has(name) ? fate < 30 : true))
      .flatMap((move) => (move.name === 'slice' ? [move, move, move, move] : [move]));
    const choice = outcomes.length > 0 && fate % 2 === 0 ? outcomes : moves;
    choice[pick % choice.length]?.run();
  }
  return world;
}

/** Every way of the table, but for those of a lane that is over: nothing leads out of it. */
const ways = Object.entries(transitions).flatMap(([state, row]) =>
  Object.entries(row).flatMap(([event, cell]) =>
    cell === 'impossible' || state === 'failed' || state === 'stopped'
      ? []
      : cell.map((to) => `${state} ${event} ${to}`),
  ),
);

/**
 * Goes through all that can happen, the shortest histories first, until every way was taken: from each situation once,
 * however far its partitions have come. What is left are ways that were not taken.
 */
function explore(): ReadonlySet<string> {
  const missing = new Set(ways);
  const known = new Set<string>();
  let edge = [new LaneWorld()];
  while (edge.length > 0 && missing.size > 0) {
    const next: LaneWorld[] = [];
    for (const world of edge) {
      for (const choice of choices(world)) {
        const after = world.copy();
        choice(after);
        for (const way of after.seen) missing.delete(way);
        const { situation } = after;
        if (known.has(situation) || after.position > 9) continue;
        known.add(situation);
        next.push(after);
      }
    }
    edge = next;
  }
  return missing;
}

/** All next steps of a world, each to be taken in a copy of it. */
function choices(world: LaneWorld): ((copy: LaneWorld) => void)[] {
  const all: ((copy: LaneWorld) => void)[] = [];
  for (const amount of [1, 2]) {
    for (const flag of [false, true]) {
      world.outcomes(amount, flag).forEach((_, index) => {
        all.push((copy) => copy.outcomes(amount, flag)[index]?.run());
      });
      for (const partition of [p0, p1]) {
        world.moves(partition, amount, flag).forEach((_, index) => {
          all.push((copy) => copy.moves(partition, amount, flag)[index]?.run());
        });
      }
    }
  }
  return all;
}

describe('the machine of a lane', () => {
  test('I1–I6: keeps its promises, whatever happens in whatever order', () => {
    fc.assert(
      fc.property(draws, (steps) => {
        const world = walk(steps);
        // I5: every slice was kept, put aside or given back; none is forgotten.
        expect(world.givenBack).toBe(world.slices);
      }),
      { numRuns: Number(process.env['FC_RUNS'] ?? 2000) },
    );
  });

  test('takes every way of its table and no other', () => {
    expect([...explore()]).toEqual([]);
  });

  test('an event that cannot happen is a bug and says so', () => {
    const open = { standings: new Map(), attempt: 0, cannotWrite: false, wishes: wishes() };
    const batch: Batch = { work: 'rows', ranges: [{ ...p0, base: 0, next: 1 }] };
    const states: Record<StateKind, LaneState> = {
      idle: initial,
      filling: { kind: 'filling', ...open },
      recovering: { kind: 'recovering', ...open, asked: [p0], batch: undefined },
      settling: { kind: 'settling', ...open, batch },
      recording: { kind: 'recording', ...open, batch, letters: [] },
      retrying: { kind: 'retrying', ...open, batch, letters: [] },
      failed: { kind: 'failed', failure },
      stopped: { kind: 'stopped' },
    };
    for (const [kind, row] of Object.entries(transitions)) {
      for (const [event, cell] of Object.entries(row)) {
        if (cell !== 'impossible') continue;
        const heard = () => step(states[kind as StateKind], events[event as EventKind]);
        expect(heard, `${kind} ${event}`).toThrow(InvariantError);
      }
    }
  });

  test('a lane that is over gives back what comes and is not moved by late news', () => {
    for (const state of [{ kind: 'stopped' }, { kind: 'failed', failure }] satisfies LaneState[]) {
      const slice = step(state, { kind: 'slice', ...p0, base: 0, next: 1, lastRow: 0 });
      expect(slice).toEqual({ state, effects: [{ kind: 'give-back' }] });
    }
    expect(step({ kind: 'stopped' }, { kind: 'committed', next: new Map() }).effects).toEqual([]);
  });
});

function wishes() {
  return { due: false, save: false, finishing: 'no', failure: undefined } as const;
}

const events: Record<EventKind, LaneEvent> = {
  assigned: { kind: 'assigned', partitions: [{ ...p0, start: 0, from: undefined }] },
  revoked: { kind: 'revoked', partitions: [p0] },
  slice: { kind: 'slice', ...p0, base: 0, next: 1, lastRow: 0 },
  skip: { kind: 'skip', ...p0, next: 4 },
  due: { kind: 'due', upTo: new Map() },
  'save-due': { kind: 'save-due' },
  starved: { kind: 'starved' },
  recovered: { kind: 'recovered', next: new Map() },
  committed: { kind: 'committed', next: new Map() },
  nothing: { kind: 'nothing' },
  moved: { kind: 'moved', at: new Map([[keyOf(p0), 1]]) },
  bad: { kind: 'bad', records: [], tolerance: 'all' },
  'letters-written': { kind: 'letters-written' },
  broke: { kind: 'broke', failure: broken, mayPass: true },
  'pause-over': { kind: 'pause-over' },
  halt: { kind: 'halt', ...p0, failure },
  finish: { kind: 'finish' },
  abandon: { kind: 'abandon' },
};
