import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvariantError } from '../../src/base/errors.js';
import type { Batch, Effect, Failure, LaneEvent, LaneState } from '../../src/sink/lane-state.js';
import { initial, step } from '../../src/sink/machine.js';
import type { TopicPartition } from '../../src/source/change-source.js';
import type { BadRecord } from '../../src/sink/settler.js';
import { keyOf } from '../../src/sink/standing.js';
import { type EventKind, type StateKind, transitions } from './machine-table.js';

const p0: TopicPartition = { topic: 't', partition: 0 };
const p1: TopicPartition = { topic: 't', partition: 1 };
const failure: Failure = { code: 'RECORD_INVALID', reason: 'no envelope' };
const broken: Failure = { code: 'STORE_FULL', reason: 'no space left: part-0.parquet' };

/** One draw decides one event; numbers are taken modulo what is there to choose from. */
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
  { maxLength: 60, minLength: 1 },
);

/**
 * A lane's surroundings without the lane: the table's offsets, what the source has handed out, and the invariants
 * of SPEC.md, checked at every step.
 */
class World {
  state: LaneState = initial;
  readonly seen = new Set<string>();
  /** What the table holds. */
  readonly holds = new Map<string, number>();
  readonly position = new Map<string, number>();
  readonly foreignCommits = new Set<string>();
  inFlight: Batch | undefined;
  work: 'recover' | 'settle' | 'letters' | 'pause' | undefined;
  /** Offsets that may never be passed, by partition. */
  readonly walls = new Map<string, number>();
  letters: readonly BadRecord[] = [];
  parked: LaneEvent[] = [];
  asked: readonly TopicPartition[] = [];
  slices = 0;
  givenBack = 0;

  send(event: LaneEvent): void {
    const before = this.state.kind;
    const { state, effects } = step(this.state, event);
    this.seen.add(`${before} ${event.kind} ${state.kind}`);
    const cell = transitions[before][event.kind];
    hold(
      cell !== 'impossible' && cell.includes(state.kind),
      () => `${before} -${event.kind}-> ${state.kind}`,
    );
    this.state = state;
    this.#check();
    const later: LaneEvent[] = [];
    for (const effect of effects) this.#perform(effect, event, later);
    for (const next of later) this.send(next.kind === 'due' ? this.#due(99) : next);
  }

  #check(): void {
    if (!('standings' in this.state)) return;
    for (const standing of this.state.standings.values()) {
      if (standing.kind !== 'known') continue;
      hold(standing.committed <= standing.settled, () => JSON.stringify(standing));
      hold(standing.settled <= standing.held, () => JSON.stringify(standing));
    }
  }

  #perform(effect: Effect, event: LaneEvent, later: LaneEvent[]): void {
    switch (effect.kind) {
      case 'recover':
        this.#start('recover');
        this.asked = effect.partitions;
        break;
      case 'settle':
        this.#start('settle');
        this.inFlight = effect.batch;
        for (const range of effect.batch.ranges) {
          const key = keyOf(range);
          hold(range.base < range.next, () => `an empty range of ${key}`);
          // I2: a range begins at what the table holds, unless another writer has been there since.
          const held = this.holds.get(key) ?? 0;
          hold(
            this.foreignCommits.has(key) || range.base === held,
            () => `I2: ${key} ${range.base}, not ${held}`,
          );
          // I4: nothing goes past a bad record that is not put aside.
          hold(
            range.next <= (this.walls.get(key) ?? Number.POSITIVE_INFINITY),
            () => `I4: ${key} ${range.next}`,
          );
        }
        break;
      case 'write-letters':
        this.#start('letters');
        this.letters = effect.records;
        break;
      case 'pause':
        this.#start('pause');
        break;
      case 'cancel-pause':
        if (this.work === 'pause') this.work = undefined;
        break;
      case 'flush':
        later.push(this.#due(99));
        break;
      case 'acknowledge':
        // I1: the table holds what is acknowledged.
        hold(
          effect.next <= (this.holds.get(keyOf(effect)) ?? 0),
          () => `I1: ${keyOf(effect)} ${effect.next}`,
        );
        break;
      case 'abort':
        this.work = undefined;
        break;
      case 'park':
        this.parked.push(event);
        if (event.kind === 'slice') this.givenBack++;
        break;
      case 'unpark': {
        const keys = new Set(effect.partitions.map(keyOf));
        const again = this.parked.filter((each) => 'topic' in each && keys.has(keyOf(each)));
        this.parked = this.parked.filter((each) => !again.includes(each));
        this.slices += again.filter(({ kind }) => kind === 'slice').length;
        later.push(...again);
        break;
      }
      case 'drop':
      case 'drop-all': {
        const keys = effect.kind === 'drop' ? new Set(effect.partitions.map(keyOf)) : undefined;
        this.parked = this.parked.filter(
          (each) => keys !== undefined && 'topic' in each && !keys.has(keyOf(each)),
        );
        break;
      }
      case 'report-stopped':
        // I5: a lane that ends in its own time has let nothing lie.
        if (event.kind !== 'abandon') hold(this.parked.length === 0, () => 'I5: a slice was left behind');
        break;
      case 'hold':
      case 'give-back':
        if (event.kind === 'slice') this.givenBack++;
        break;
      case 'end-batch':
      case 'report-failed':
      case 'report-resumed':
      case 'report-waiting':
      case 'resume-at':
      case 'strip':
      case 'trim':
        break;
    }
  }

  // I3: one thing in flight at a time.
  #start(work: 'recover' | 'settle' | 'letters' | 'pause'): void {
    hold(this.work === undefined, () => `I3: ${work} begins during ${this.work}`);
    this.work = work;
  }

  #due(rows: number): LaneEvent {
    const upTo = new Map<string, number>();
    if ('standings' in this.state) {
      for (const [key, standing] of this.state.standings) {
        if (standing.kind === 'known' && standing.rowsTo > standing.settled) {
          upTo.set(key, Math.min(standing.rowsTo, standing.settled + rows));
        }
      }
    }
    return { kind: 'due', upTo };
  }

  draw({ fate, pick, partition: number, amount, flag }: Draw): void {
    if (this.work !== undefined && fate % 3 === 0) return this.#outcome(fate >> 2, amount, flag);
    const partition = number === 0 ? p0 : p1;
    const key = keyOf(partition);
    const choices: (() => void)[] = [
      () => this.#slice(partition, amount, flag),
      () => this.#slice(partition, amount, true),
      () => this.#slice(partition, amount, true),
      () => this.#assign(partition, flag),
      () => {
        this.position.delete(key);
        this.send({ kind: 'revoked', partitions: [partition] });
      },
      () => {
        const at = this.position.get(key);
        if (at === undefined) return;
        const next = flag ? at + amount : at;
        this.position.set(key, next);
        this.send({ kind: 'skip', ...partition, next });
      },
      () => this.send(this.#due(amount)),
      () => this.send(this.#due(amount)),
      () => this.send({ kind: 'save-due' }),
      () =>
        amount === 1
          ? this.send({ kind: 'halt', ...partition, failure })
          : this.#slice(partition, amount, flag),
      () => (amount === 1 ? this.send({ kind: 'finish' }) : this.#slice(partition, amount, flag)),
      () => (amount === 1 && flag ? this.send({ kind: 'abandon' }) : this.#assign(partition, flag)),
      () => this.#hole(partition, amount),
    ];
    choices[pick % choices.length]?.();
  }

  #assign(partition: TopicPartition, flag: boolean): void {
    const key = keyOf(partition);
    const holds = this.holds.get(key);
    const from = flag && holds === undefined ? 3 : undefined;
    this.position.set(key, from ?? holds ?? 0);
    this.send({ kind: 'assigned', partitions: [{ ...partition, start: 0, from }] });
  }

  #slice(partition: TopicPartition, amount: number, hasRows: boolean): void {
    const base = this.position.get(keyOf(partition));
    if (base === undefined) return;
    const next = base + amount;
    this.position.set(keyOf(partition), next);
    this.slices++;
    this.send({ kind: 'slice', ...partition, base, next, lastRow: hasRows ? next - 1 : undefined });
  }

  #hole(partition: TopicPartition, amount: number): void {
    const base = this.position.get(keyOf(partition));
    if (base === undefined || amount > 1) return;
    this.slices++;
    this.send({ kind: 'slice', ...partition, base: base + 50, next: base + 51, lastRow: base + 50 });
  }

  #outcome(pick: number, amount: number, flag: boolean): void {
    const work = this.work;
    this.work = undefined;
    if (work === 'pause') return this.send({ kind: 'pause-over' });
    if (pick % 5 === 0)
      return this.send({ kind: 'broke', failure: broken, mayPass: pick % 10 === 0 || flag });
    if (work === 'recover') {
      this.foreignCommits.clear();
      return this.send({ kind: 'recovered', next: this.#answers(this.asked) });
    }
    if (work === 'letters') return this.send({ kind: 'letters-written' });
    return this.#settled(pick, amount, flag);
  }

  #settled(pick: number, amount: number, flag: boolean): void {
    const batch = this.inFlight;
    this.inFlight = undefined;
    if (batch === undefined) throw new Error('nothing was in flight');
    const moved = batch.ranges.some((range) => (this.holds.get(keyOf(range)) ?? 0) > range.base);
    const [first] = batch.ranges;
    if (moved) {
      this.foreignCommits.clear();
      return this.send({ kind: 'moved', at: this.#answers(batch.ranges) });
    }
    if (first !== undefined && pick % 7 === 1) {
      // Another writer gets there first, before the end of our range, at it, or past it.
      this.holds.set(keyOf(first), first.base + amount);
      this.foreignCommits.add(keyOf(first));
      return this.send({ kind: 'moved', at: this.#answers(batch.ranges) });
    }
    if (first !== undefined && pick % 3 === 0 && batch.work === 'rows') {
      const offset = Math.min(first.base + amount - 1, first.next - 1);
      if (!flag) this.walls.set(keyOf(first), offset);
      const problem = { kind: 'envelope', reason: 'no envelope' } as const;
      const records = [{ ...p0, topic: first.topic, partition: first.partition, offset, index: 0, problem }];
      return this.send({ kind: 'bad', records, tolerance: flag ? 'all' : 'none' });
    }
    if (pick % 7 === 2) return this.send({ kind: 'nothing' });
    for (const range of batch.ranges) this.holds.set(keyOf(range), range.next);
    this.foreignCommits.clear();
    return this.send({ kind: 'committed', next: this.#answers(batch.ranges) });
  }

  #answers(partitions: readonly TopicPartition[]): Map<string, number> {
    const next = new Map<string, number>();
    for (const partition of partitions) {
      const holds = this.holds.get(keyOf(partition));
      if (holds !== undefined) next.set(keyOf(partition), holds);
    }
    return next;
  }
}

function walk(steps: readonly Draw[], seen: Set<string>): World {
  const world = new World();
  world.draw({ fate: 1, pick: 3, partition: 0, amount: 1, flag: false });
  for (const draw of steps) world.draw(draw);
  for (const transition of world.seen) seen.add(transition);
  return world;
}

describe('the machine of a lane', () => {
  test('I1–I6: keeps its promises, whatever happens in whatever order', () => {
    fc.assert(
      fc.property(draws, (steps) => {
        const world = walk(steps, new Set());
        // I5: every slice was kept, put aside or given back; none is forgotten.
        expect(world.givenBack).toBe(world.slices);
      }),
      { numRuns: Number(process.env['FC_RUNS'] ?? 1500) },
    );
  });

  test('takes every way of its table and no other', () => {
    const seen = new Set<string>();
    const random = chance(20_240_607);
    for (let run = 0; run < 4000; run++)
      walk(
        Array.from({ length: 80 }, () => drawn(random)),
        seen,
      );
    const missing = Object.entries(transitions).flatMap(([state, row]) =>
      Object.entries(row).flatMap(([event, cell]) =>
        cell === 'impossible' || state === 'failed' || state === 'stopped'
          ? []
          : cell.map((to) => `${state} ${event} ${to}`).filter((way) => !seen.has(way)),
      ),
    );
    expect(missing).toEqual([]);
  });

  test('an event that cannot happen is a bug and says so', () => {
    const open = { standings: new Map(), attempt: 0, wishes: wishes() };
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

/** `expect` for the inner loop, where its price would be most of the test. */
function hold(condition: boolean, what: () => string): void {
  if (!condition) throw new Error(what());
}

/** Numbers in [0, 1) that are the same in every run (mulberry32). */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function drawn(random: () => number): Draw {
  return {
    fate: Math.floor(random() * 1000),
    pick: Math.floor(random() * 100),
    partition: Math.floor(random() * 2),
    amount: 1 + Math.floor(random() * 6),
    flag: random() < 0.5,
  };
}

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
