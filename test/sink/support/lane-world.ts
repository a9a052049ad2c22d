import type { Batch, Effect, Failure, LaneEvent, LaneState } from '../../../src/sink/lane-state.js';
import { initial, step } from '../../../src/sink/machine.js';
import type { BadRecord } from '../../../src/sink/settler.js';
import { keyOf, type Standing } from '../../../src/sink/standing.js';
import type { TopicPartition } from '../../../src/source/change-source.js';
import { transitions } from '../machine-table.js';

export const p0: TopicPartition = { topic: 't', partition: 0 };
export const p1: TopicPartition = { topic: 't', partition: 1 };
export const failure: Failure = { code: 'RECORD_INVALID', reason: 'no envelope' };
export const broken: Failure = { code: 'STORE_FULL', reason: 'no space left: part-0.parquet' };

/** Something that can happen to the lane now. */
export type Move = { readonly name: string; run(): void };

type Work = 'recover' | 'settle' | 'letters' | 'pause';

/**
 * A lane's surroundings without the lane: what each partition holds, how far the source has handed it out, what the
 * table holds, and which rows the lane keeps. The invariants of SPEC.md are checked at every step, and so is that each
 * way stands in the table.
 */
export class LaneWorld {
  state: LaneState = initial;
  readonly seen = new Set<string>();
  slices = 0;
  givenBack = 0;
  /** What the table holds. */
  #holds = new Map<string, number>();
  #position = new Map<string, number>();
  /** Whether there is a row, by partition and offset. */
  #rows = new Map<string, boolean[]>();
  /** Rows that need not come into the table: put aside, without effect, gone at the source. */
  #done = new Map<string, Set<number>>();
  /** Rows that the lane keeps, and those of the batch in flight. */
  #kept = new Map<string, Set<number>>();
  #taken: Map<string, Set<number>> | undefined;
  #foreignCommits = new Set<string>();
  /** Whether the source broke its promise. */
  #holes = false;
  #inFlight: Batch | undefined;
  #work: Work | undefined;
  /** Partitions that were the lane's once. */
  #known = new Set<string>();
  /** Offsets that may never be passed, by partition. */
  #walls = new Map<string, number>();
  #letters: readonly BadRecord[] = [];
  #parked: LaneEvent[] = [];
  #asked: readonly TopicPartition[] = [];

  get position(): number {
    return Math.max(0, ...this.#position.values(), ...this.#holds.values());
  }

  copy(): LaneWorld {
    const copy = new LaneWorld();
    copy.state = this.state;
    copy.#holds = new Map(this.#holds);
    copy.#position = new Map(this.#position);
    copy.#rows = new Map([...this.#rows].map(([key, rows]) => [key, [...rows]]));
    copy.#done = copied(this.#done);
    copy.#kept = copied(this.#kept);
    copy.#taken = this.#taken === undefined ? undefined : copied(this.#taken);
    copy.#foreignCommits = new Set(this.#foreignCommits);
    copy.#inFlight = this.#inFlight;
    copy.#holes = this.#holes;
    copy.#work = this.#work;
    copy.#known = new Set(this.#known);
    copy.#walls = new Map(this.#walls);
    copy.#letters = this.#letters;
    copy.#parked = [...this.#parked];
    copy.#asked = this.#asked;
    return copy;
  }

  /** The same for two worlds that are much alike: what is in flight, what is asked for, how the partitions stand. */
  get situation(): string {
    const { state } = this;
    if (state.kind === 'failed' || state.kind === 'stopped') return state.kind;
    const { wishes, attempt, standings } = state;
    const shapes = [...standings.values()].map(shapeOf).sort();
    const ranges = 'batch' in state ? (state.batch?.ranges ?? []) : [];
    const ours = ranges.filter((range) => standings.get(keyOf(range))?.kind === 'known').length;
    const letters = 'letters' in state && state.letters.length > 0;
    const ending = wishes.failure === undefined ? wishes.finishing : 'failure';
    return [
      state.kind,
      ending,
      attempt > 1,
      ...shapes,
      this.#inFlight?.work,
      ranges.length,
      ours,
      letters,
      this.#parked.length > 0,
    ].join();
  }

  /** All that can happen now, with this much of it. */
  moves(partition: TopicPartition, amount: number, flag: boolean): readonly Move[] {
    const key = keyOf(partition);
    const at = this.#position.get(key);
    const moves: Move[] = [
      { name: 'assigned', run: () => this.#assign(partition, flag) },
      {
        name: 'revoked',
        run: () => {
          this.#position.delete(key);
          this.send({ kind: 'revoked', partitions: [partition] });
        },
      },
      { name: 'due', run: () => this.send(this.#due(amount)) },
      { name: 'save-due', run: () => this.send({ kind: 'save-due' }) },
      { name: 'starved', run: () => this.send({ kind: 'starved' }) },
      { name: 'finish', run: () => this.send({ kind: 'finish' }) },
      { name: 'abandon', run: () => this.send({ kind: 'abandon' }) },
      { name: 'halt', run: () => this.send({ kind: 'halt', ...partition, failure }) },
    ];
    if (at === undefined) return moves;
    return [
      ...moves,
      { name: 'slice', run: () => this.#slice(partition, amount, flag) },
      { name: 'hole', run: () => this.#hole(partition, at) },
      { name: 'skip', run: () => this.#skip(partition, flag ? at + amount : at) },
    ];
  }

  /** What can become of the work in flight. */
  outcomes(amount: number, flag: boolean): readonly Move[] {
    const work = this.#work;
    if (work === undefined) return [];
    const ended = (name: string, run: () => void): Move => ({
      name,
      run: () => {
        this.#work = undefined;
        run();
      },
    });
    if (work === 'pause') return [ended('pause-over', () => this.send({ kind: 'pause-over' }))];
    const broke = ended('broke', () => this.send({ kind: 'broke', failure: broken, mayPass: flag }));
    if (work === 'recover') return [broke, ended('recovered', () => this.#recovered())];
    if (work === 'letters')
      return [broke, ended('letters-written', () => this.send({ kind: 'letters-written' }))];
    const batch = this.#inFlight;
    if (batch === undefined) throw new Error('nothing was in flight');
    const [first] = batch.ranges;
    const behind = batch.ranges.some((range) => (this.#holds.get(keyOf(range)) ?? 0) > range.base);
    if (behind || first === undefined) return [broke, ended('moved', () => this.#moved(batch))];
    const another = () => {
      // Another writer gets there first, before the end of our range, at it, or past it.
      this.#holds.set(keyOf(first), first.base + amount);
      this.#foreignCommits.add(keyOf(first));
      this.#moved(batch);
    };
    const moves = [
      broke,
      ended('committed', () => this.#committed(batch)),
      ended('nothing', () => this.#nothing(batch)),
      ended('moved', another),
    ];
    return batch.work === 'rows' ? [...moves, ended('bad', () => this.#bad(batch, amount, flag))] : moves;
  }

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
        this.#asked = effect.partitions;
        break;
      case 'settle':
        this.#start('settle');
        this.#inFlight = effect.batch;
        this.#begin(effect.batch);
        break;
      case 'write-letters':
        this.#start('letters');
        this.#letters = effect.records;
        break;
      case 'strip':
        for (const record of this.#letters) setIn(this.#done, keyOf(record)).add(record.offset);
        break;
      case 'pause':
        this.#start('pause');
        break;
      case 'cancel-pause':
        if (this.#work === 'pause') this.#work = undefined;
        break;
      case 'flush':
        later.push(this.#due(99));
        break;
      case 'acknowledge':
        // I1: the table holds what is acknowledged.
        hold(
          effect.next <= (this.#holds.get(keyOf(effect)) ?? 0),
          () => `I1: ${keyOf(effect)} ${effect.next}`,
        );
        break;
      case 'abort':
        this.#work = undefined;
        break;
      case 'park':
        this.#parked.push(event);
        if (event.kind === 'slice') this.givenBack++;
        break;
      case 'unpark': {
        const keys = new Set(effect.partitions.map(keyOf));
        const again = this.#parked.filter((each) => 'topic' in each && keys.has(keyOf(each)));
        this.#parked = this.#parked.filter((each) => !again.includes(each));
        this.slices += again.filter(({ kind }) => kind === 'slice').length;
        later.push(...again);
        break;
      }
      case 'drop': {
        const keys = new Set(effect.partitions.map(keyOf));
        for (const key of keys) this.#kept.delete(key);
        this.#parked = this.#parked.filter((each) => 'topic' in each && !keys.has(keyOf(each)));
        break;
      }
      case 'drop-all':
        this.#kept.clear();
        this.#parked = [];
        break;
      case 'let-go':
        this.#kept.clear();
        this.#parked = this.#parked.filter(({ kind }) => kind === 'halt');
        break;
      case 'seek':
        this.#sought(effect, later);
        break;
      case 'trim':
        for (const offset of setIn(this.#kept, keyOf(effect))) {
          if (offset < effect.next) setIn(this.#kept, keyOf(effect)).delete(offset);
        }
        break;
      case 'hold':
        if (event.kind !== 'slice') break;
        this.givenBack++;
        for (let offset = Math.max(effect.from, event.base); offset < event.next; offset++) {
          if (this.#rowAt(keyOf(event), offset)) setIn(this.#kept, keyOf(event)).add(offset);
        }
        break;
      case 'give-back':
        if (event.kind === 'slice') this.givenBack++;
        break;
      case 'end-batch':
        this.#taken = undefined;
        break;
      case 'report-stopped':
        // I5: a lane that ends in its own time has let nothing lie.
        if (event.kind !== 'abandon') hold(this.#parked.length === 0, () => 'I5: a slice was left behind');
        break;
      case 'report-failed':
        // What never came is a hole; what was on its way before the source went back is none.
        if (effect.failure.code === 'OFFSET_GAP') hold(this.#holes, () => 'I14: it failed for no reason');
        break;
      case 'report-resumed':
      case 'report-waiting':
      case 'resume-at':
        break;
    }
  }

  // I3: one thing in flight at a time.
  #start(work: Work): void {
    hold(this.#work === undefined, () => `I3: ${work} begins during ${this.#work}`);
    this.#work = work;
  }

  #begin(batch: Batch): void {
    if (batch.work === 'rows' && this.#taken === undefined) {
      this.#taken = new Map();
      for (const range of batch.ranges) {
        const kept = setIn(this.#kept, keyOf(range));
        const own = [...kept].filter((offset) => offset < range.next);
        this.#taken.set(keyOf(range), new Set(own));
        for (const offset of own) kept.delete(offset);
      }
    }
    for (const range of batch.ranges) {
      const key = keyOf(range);
      hold(range.base < range.next, () => `an empty range of ${key}`);
      // I2: a range begins at what the table holds, unless another writer has been there since.
      const held = this.#holds.get(key) ?? 0;
      hold(
        this.#foreignCommits.has(key) || range.base === held,
        () => `I2: ${key} ${range.base}, not ${held}`,
      );
      // I2: no row is passed over.
      const taken = batch.work === 'rows' ? this.#taken?.get(key) : undefined;
      for (let offset = Math.max(range.base, held); offset < range.next; offset++) {
        const cared = !this.#rowAt(key, offset) || this.#done.get(key)?.has(offset) === true;
        hold(
          cared || taken?.has(offset) === true,
          () => `I2: ${batch.work} to ${range.next} pass ${key}:${offset}`,
        );
      }
      // I4: nothing goes past a bad record that is not put aside.
      hold(
        range.next <= (this.#walls.get(key) ?? Number.POSITIVE_INFINITY),
        () => `I4: ${key} ${range.next}`,
      );
    }
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

  #assign(partition: TopicPartition, joins: boolean): void {
    const key = keyOf(partition);
    const holds = this.#holds.get(key);
    // A table joins a partition once, when it is met there; from then on it is asked whenever the partition is taken.
    const from = joins && holds === undefined && !this.#known.has(key) ? 3 : undefined;
    this.#known.add(key);
    // Whoever joins has the proof that nothing lies below.
    for (let offset = 0; offset < (from ?? 0); offset++) setIn(this.#done, key).add(offset);
    this.#position.set(key, from ?? holds ?? 0);
    this.send({ kind: 'assigned', partitions: [{ ...partition, start: 0, from }] });
  }

  #slice(partition: TopicPartition, amount: number, hasRow: boolean): void {
    const key = keyOf(partition);
    const base = this.#position.get(key) ?? 0;
    const next = base + amount;
    const rows = this.#rows.get(key) ?? [];
    this.#rows.set(key, rows);
    while (rows.length < next - 1) rows.push(false);
    if (rows.length < next) rows.push(hasRow);
    this.#position.set(key, next);
    this.#deliver(partition, base, next);
  }

  #deliver(partition: TopicPartition, base: number, next: number): void {
    let lastRow: number | undefined;
    for (let offset = base; offset < next; offset++) {
      if (this.#rowAt(keyOf(partition), offset)) lastRow = offset;
    }
    this.slices++;
    this.send({ kind: 'slice', ...partition, base, next, lastRow });
  }

  #rowAt(key: string, offset: number): boolean {
    return this.#rows.get(key)?.[offset] === true;
  }

  #hole(partition: TopicPartition, at: number): void {
    this.#holes = true;
    this.slices++;
    this.send({ kind: 'slice', ...partition, base: at + 50, next: at + 51, lastRow: at + 50 });
  }

  #skip(partition: TopicPartition, next: number): void {
    const key = keyOf(partition);
    for (let offset = this.#position.get(key) ?? 0; offset < next; offset++)
      setIn(this.#done, key).add(offset);
    this.#position.set(key, next);
    this.send({ kind: 'skip', ...partition, next });
  }

  /** The source goes back; what was on its way then still comes. */
  #sought(effect: Effect & { readonly kind: 'seek' }, later: LaneEvent[]): void {
    const key = keyOf(effect);
    const at = this.#position.get(key);
    if (at === undefined) return;
    hold(
      effect.next <= at || this.#holds.get(key) === effect.next,
      () => `sought ${effect.next}, read to ${at}`,
    );
    const { topic, partition } = effect;
    if (at > effect.next) {
      this.slices++;
      later.push({ kind: 'slice', topic, partition, base: at, next: at + 1, lastRow: at });
    }
    this.#position.set(key, effect.next);
  }

  #recovered(): void {
    this.#foreignCommits.clear();
    this.send({ kind: 'recovered', next: this.#answers(this.#asked) });
  }

  #moved(batch: Batch): void {
    this.#foreignCommits.clear();
    this.send({ kind: 'moved', at: this.#answers(batch.ranges) });
  }

  #committed(batch: Batch): void {
    for (const range of batch.ranges) this.#holds.set(keyOf(range), range.next);
    this.#foreignCommits.clear();
    this.send({ kind: 'committed', next: this.#answers(batch.ranges) });
  }

  #nothing(batch: Batch): void {
    for (const range of batch.ranges) {
      for (let offset = range.base; offset < range.next; offset++)
        setIn(this.#done, keyOf(range)).add(offset);
    }
    this.send({ kind: 'nothing' });
  }

  #bad(batch: Batch, amount: number, tolerated: boolean): void {
    const [first] = batch.ranges;
    if (first === undefined) return;
    const { topic, partition } = first;
    const offset = Math.min(first.base + amount - 1, first.next - 1);
    if (!tolerated) this.#walls.set(keyOf(first), offset);
    const problem = { kind: 'envelope', reason: 'no envelope' } as const;
    const records = [{ topic, partition, offset, index: 0, problem }];
    this.send({ kind: 'bad', records, tolerance: tolerated ? 'all' : 'none' });
  }

  #answers(partitions: readonly TopicPartition[]): Map<string, number> {
    const next = new Map<string, number>();
    for (const partition of partitions) {
      const holds = this.#holds.get(keyOf(partition));
      if (holds !== undefined) next.set(keyOf(partition), holds);
    }
    return next;
  }
}

function shapeOf(standing: Standing): string {
  if (standing.kind === 'unknown') return `unknown ${standing.behind}`;
  const { committed, settled, rowsTo, gapTo, behind } = standing;
  const saved = settled > committed ? 'unsaved' : 'saved';
  return `${saved} ${rowsTo > settled ? 'waits' : ''} ${gapTo === undefined ? '' : 'gap'} ${behind}`;
}

function setIn(sets: Map<string, Set<number>>, key: string): Set<number> {
  const set = sets.get(key) ?? new Set();
  sets.set(key, set);
  return set;
}

function copied(sets: ReadonlyMap<string, ReadonlySet<number>>): Map<string, Set<number>> {
  return new Map([...sets].map(([key, set]) => [key, new Set(set)]));
}

/** `expect` for the inner loop, where its price would be most of the test. */
function hold(condition: boolean, what: () => string): void {
  if (!condition) throw new Error(what());
}
