import type { Subscription } from 'rxjs';
import { assert, isSluiceError, unreachable } from '../base/errors.js';

import { anySignal, backoff } from '../base/signals.js';
import type { Lease } from '../pipeline/credit.js';
import type { TopicPartition } from '../source/change-source.js';
import { clip, type HeldSlice, HeldSlices, release, strip } from './held-slices.js';
import type { Assignment, Batch, Effect, Failure, LaneEvent, LaneState, Place } from './lane-state.js';
import { initial, step } from './machine.js';
import { failureOf, mayPass, rewound } from './failure.js';
import type { LaneOptions } from './lane-options.js';
import { ParkedEvents } from './parked-events.js';
import { isFree } from './next-work.js';
import type { Applied, BadRecord, Settled, Slice } from './settler.js';
import { keyOf, wantedFrom } from './standing.js';

type InFlight = { readonly slices: readonly HeldSlice[]; readonly piped: boolean };

/**
 * One table's lane: does what the machine says, holds the slices that wait, keeps the time, and asks the
 * settler. Nothing it is told makes it wait for another lane.
 */
export class TableLane {
  readonly #options: LaneOptions;
  readonly #signal: AbortSignal;
  readonly #aborter = new AbortController();
  readonly #pauseMs: (attempt: number) => number;
  readonly #held = new HeldSlices();
  readonly #parked = new ParkedEvents();
  readonly #waiters = new Map<string, ((place: Place | undefined) => void)[]>();
  readonly #inbox: { readonly event: LaneEvent; readonly held: HeldSlice | undefined }[] = [];
  readonly #closing: (() => void)[] = [];
  #state: LaneState = initial;
  #stepping = false;
  #working = 0;
  #inFlight: InFlight | undefined;
  #flushTimer: Subscription | undefined;
  #pauseTimer: Subscription | undefined;

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#signal = anySignal(options.signal, this.#aborter.signal);
    // Half a second lets a passing hiccup pass; half a minute finds a repaired disk soon enough.
    this.#pauseMs = backoff({ baseMs: 500, maxMs: 30_000, random: options.random });
  }

  get state(): LaneState {
    return this.#state;
  }

  /** Bytes that a flush would begin to settle now. */
  get waitingBytes(): number {
    return this.#state.kind === 'filling' ? this.#held.bytes : 0;
  }

  /** Bytes of a batch that waits for its table to be well. */
  get stuckBytes(): number {
    if (this.#state.kind !== 'retrying') return 0;
    return (this.#inFlight?.slices ?? []).reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** `waits`: what it does has failed, for now, and is to be done again before anything else; `over`: it has ended. */
  get pace(): 'takes' | 'waits' | 'over' {
    const state = this.#state;
    if (state.kind === 'failed' || state.kind === 'stopped') return 'over';
    return state.attempt > 0 && !isFree(state) ? 'waits' : 'takes';
  }

  /** Whether something has to come again that the source had handed over. */
  get behind(): boolean {
    const state = this.#state;
    if (state.kind === 'failed' || state.kind === 'stopped') return false;
    return [...state.standings.values()].some(({ behind }) => behind !== 'no');
  }

  /** Whether bytes come back when the work in flight is done. */
  get settlesRows(): boolean {
    return this.#state.kind === 'settling' && this.#state.batch.work === 'rows';
  }

  /** The next offset that the table holds; undefined if it has not been asked, or the partition is not the lane's. */
  committed(partition: TopicPartition): number | undefined {
    const state = this.#state;
    if (state.kind === 'failed' || state.kind === 'stopped') return undefined;
    const standing = state.standings.get(keyOf(partition));
    return standing?.kind === 'known' ? standing.committed : undefined;
  }

  /** What the table said of the partition when it was asked last. */
  applied(partition: TopicPartition): Applied {
    return this.#options.settler.applied(partition);
  }

  /** The next offset that is of use to it; undefined if it ends, takes nothing for now or does not have the partition. */
  wantedFrom(partition: TopicPartition): number | undefined {
    const state = this.#state;
    if (state.kind === 'failed' || state.kind === 'stopped') return undefined;
    const standing = state.standings.get(keyOf(partition));
    return standing === undefined || state.wishes.failure !== undefined ? undefined : wantedFrom(standing);
  }

  has(partition: TopicPartition): boolean {
    const state = this.#state;
    return state.kind !== 'failed' && state.kind !== 'stopped' && state.standings.has(keyOf(partition));
  }

  /**
   * Takes a partition on, anew if the lane has it. Resolves with where the table wants it from, or
   * with undefined if the lane ends or loses the partition before it knows.
   */
  assign(assignment: Assignment): Promise<Place | undefined> {
    return new Promise((resolve) => {
      const key = keyOf(assignment);
      this.#waiters.set(key, [...(this.#waiters.get(key) ?? []), resolve]);
      this.#dispatch({ kind: 'assigned', partitions: [assignment] });
      if (!this.has(assignment)) this.#answer(key, undefined);
    });
  }

  revoke(partitions: readonly TopicPartition[]): void {
    this.#dispatch({ kind: 'revoked', partitions });
    for (const partition of partitions) this.#answer(keyOf(partition), undefined);
  }

  /** Hands a slice over, and with it one hold on its lease. */
  offer(slice: Slice, bytes: number, lease: Lease): void {
    const { topic, partition, base, next } = slice;
    const last = slice.rows.at(-1);
    const lastRow = last === undefined ? undefined : slice.changes.offset(last);
    this.#dispatch({ kind: 'slice', topic, partition, base, next, lastRow }, { slice, bytes, lease });
  }

  /** Offsets up to `next` that hold nothing for the table, or are not there. */
  pass(partition: TopicPartition, base: number, next: number): void {
    this.#dispatch({ kind: 'slice', ...only(partition), base, next, lastRow: undefined });
  }

  /** Offsets up to `next` that the source no longer holds: an audit commit says so. */
  skip(partition: TopicPartition, next: number): void {
    this.#dispatch({ kind: 'skip', ...only(partition), next });
  }

  /** Ends the lane with `failure` of the partition once what it was handed is committed. */
  halt(partition: TopicPartition, failure: Failure): void {
    this.#dispatch({ kind: 'halt', ...only(partition), failure });
  }

  /** Settles what waits, without waiting for more. */
  flush(): void {
    this.#dispatch({ kind: 'due', upTo: new Map() });
  }

  #due(): LaneEvent {
    return { kind: 'due', upTo: this.#held.cut(this.#options.bounds) };
  }

  /** Lets go of a batch that waits for its table, to be read again: others need its credit. */
  starve(): void {
    this.#dispatch({ kind: 'starved' });
  }

  /** Commits offsets that moved without rows. */
  save(): void {
    this.#dispatch({ kind: 'save-due' });
  }

  /** Settles all that waits, saves the offsets and ends. */
  finish(): void {
    this.#dispatch({ kind: 'finish' });
  }

  /** Ends at once; a batch in flight is aborted, and in the table whole or not at all. */
  abandon(): void {
    this.#dispatch({ kind: 'abandon' });
  }

  /** Resolves when the lane has ended and nothing of it is in flight. */
  closed(): Promise<void> {
    return new Promise((resolve) => {
      this.#closing.push(resolve);
      this.#tellClosed();
    });
  }

  #tellClosed(): void {
    if ((this.#state.kind === 'failed' || this.#state.kind === 'stopped') && this.#working === 0) {
      for (const resolve of this.#closing.splice(0)) resolve();
    }
  }

  /** One event after another, also if carrying out an effect brings the next one. */
  #dispatch(event: LaneEvent, held?: HeldSlice): void {
    this.#inbox.push({ event, held });
    if (this.#stepping) return;
    this.#stepping = true;
    try {
      for (let next = this.#inbox.shift(); next !== undefined; next = this.#inbox.shift()) {
        // Where the batch ends is decided when its turn comes: what was asked for before it may have changed that.
        const event = next.event.kind === 'due' && this.#state.kind === 'filling' ? this.#due() : next.event;
        const { state, effects } = step(this.#state, event);
        this.#state = state;
        for (const effect of effects) this.#perform(effect, event, next.held);
      }
    } finally {
      this.#stepping = false;
    }
    this.#options.changed();
    this.#tellClosed();
  }

  #perform(effect: Effect, event: LaneEvent, held: HeldSlice | undefined): void {
    switch (effect.kind) {
      case 'hold':
        if (held !== undefined) this.#hold(held, effect.from);
        break;
      case 'park':
        if (event.kind === 'slice' || event.kind === 'skip' || event.kind === 'halt')
          this.#parked.add({ event, held });
        break;
      case 'give-back':
        held?.lease.release();
        break;
      case 'unpark':
        for (const parked of this.#parked.take(effect.partitions)) this.#dispatch(parked.event, parked.held);
        break;
      case 'resume-at':
        this.#answer(keyOf(effect), { next: effect.next, fresh: effect.fresh });
        break;
      case 'flush':
        this.flush();
        break;
      case 'recover':
        this.#work(async () => ({
          kind: 'recovered',
          next: await this.#options.settler.recover(effect.partitions, this.#signal),
        }));
        break;
      case 'settle':
        this.#begin(effect.batch);
        break;
      case 'write-letters':
        this.#work(() => this.#writeLetters(effect.records));
        break;
      case 'strip':
        this.#strip(effect.records);
        break;
      case 'end-batch':
        release(this.#inFlight?.slices ?? []);
        this.#inFlight = undefined;
        break;
      case 'drop':
        this.#held.drop(effect.partitions);
        this.#parked.drop(effect.partitions);
        break;
      case 'drop-all':
        this.#held.dropAll();
        this.#parked.dropAll();
        this.#flushTimer?.unsubscribe();
        break;
      case 'let-go':
        this.#held.dropAll();
        this.#parked.letGo();
        this.#flushTimer?.unsubscribe();
        break;
      case 'seek':
        this.#options.seek(only(effect));
        break;
      case 'trim':
        this.#held.trim(effect, effect.next);
        break;
      case 'acknowledge':
        this.#options.acknowledge(only(effect), effect.next);
        break;
      case 'pause':
        this.#pauseTimer = this.#options.scheduler.schedule(
          () => this.#dispatch({ kind: 'pause-over' }),
          this.#pauseMs(effect.attempt),
        );
        break;
      case 'cancel-pause':
        this.#pauseTimer?.unsubscribe();
        break;
      case 'abort':
        this.#aborter.abort(new DOMException('the lane was stopped', 'AbortError'));
        break;
      case 'report-waiting':
        this.#options.report({ kind: 'waiting', failure: effect.failure });
        break;
      case 'report-resumed':
        this.#options.report({ kind: 'resumed' });
        break;
      case 'report-failed':
      case 'report-stopped':
        for (const key of this.#waiters.keys()) this.#answer(key, undefined);
        this.#options.report(
          effect.kind === 'report-failed' ? { kind: 'failed', failure: effect.failure } : { kind: 'stopped' },
        );
        break;
    }
  }

  #answer(key: string, place: Place | undefined): void {
    const waiters = this.#waiters.get(key) ?? [];
    this.#waiters.delete(key);
    for (const resolve of waiters) resolve(place);
  }

  #hold(held: HeldSlice, from: number): void {
    const { topic, partition, next } = held.slice;
    const [kept] = held.slice.base < from ? clip([held], [{ topic, partition, base: from, next }]) : [held];
    if (kept === undefined) return;
    if (this.#held.rows === 0) this.#startClock();
    this.#held.add(kept);
    if (this.#held.reaches(this.#options.bounds)) this.flush();
  }

  #startClock(): void {
    this.#flushTimer?.unsubscribe();
    this.#flushTimer = this.#options.scheduler.schedule(() => this.flush(), this.#options.bounds.maxMs);
  }

  #strip(records: readonly BadRecord[]): void {
    if (this.#inFlight === undefined) return;
    const slices = strip(this.#inFlight.slices, records);
    assert(rowsIn(slices) < rowsIn(this.#inFlight.slices), 'a record that was put aside is in the batch');
    this.#inFlight = { ...this.#inFlight, slices };
  }

  #begin(batch: Batch): void {
    if (batch.work === 'progress') {
      const { audit } = batch;
      const options = { signal: this.#signal, ...(audit === undefined ? {} : { audit }) };
      this.#work(() => this.#settled(() => this.#options.settler.progress(batch.ranges, options)));
      return;
    }
    if (this.#inFlight === undefined) {
      this.#inFlight = { slices: this.#held.take(batch.ranges), piped: false };
      this.#flushTimer?.unsubscribe();
      if (this.#held.rows > 0) this.#startClock();
      if (this.#held.reaches(this.#options.bounds)) this.flush();
    }
    this.#inFlight = { ...this.#inFlight, slices: clip(this.#inFlight.slices, batch.ranges) };
    this.#work(() => this.#settled(() => this.#settle()));
  }

  async #settle(): Promise<Settled> {
    const { pipe, settler } = this.#options;
    if (pipe !== undefined && this.#inFlight?.piped === false) {
      const piped = await pipe(this.#inFlight.slices, this.#signal);
      if (piped.kind === 'bad-records') return piped;
      this.#inFlight = { slices: piped.slices, piped: true };
    }
    const slices = (this.#inFlight?.slices ?? []).map(({ slice }) => slice);
    if (slices.length === 0) return { kind: 'nothing' };
    return settler.settle(slices, this.#signal);
  }

  /** Turns what the settler says into what the machine hears. */
  async #settled(ask: () => Promise<Settled>): Promise<LaneEvent> {
    const { scheduler, report, tolerance } = this.#options;
    const startedAtMs = scheduler.now();
    const outcome = await ask();
    switch (outcome.kind) {
      case 'committed':
        report({ ...outcome, elapsedMs: scheduler.now() - startedAtMs });
        return outcome;
      case 'nothing':
      case 'moved':
        return outcome;
      case 'bad-records':
        return { kind: 'bad', records: outcome.records, tolerance };
      case 'rewound':
        return { kind: 'broke', failure: rewound(outcome), mayPass: false };
      default:
        return unreachable(outcome);
    }
  }

  async #writeLetters(records: readonly BadRecord[]): Promise<LaneEvent> {
    const slices = (this.#inFlight?.slices ?? []).map(({ slice }) => slice);
    await this.#options.writeLetters(records, slices, this.#signal);
    this.#options.report({ kind: 'dead-letters', count: records.length });
    return { kind: 'letters-written' };
  }

  /** Runs the one piece of work in flight; what becomes of it is an event. */
  #work(run: () => Promise<LaneEvent>): void {
    this.#working++;
    const ended = (event: LaneEvent | undefined) => {
      this.#working--;
      if (event !== undefined) this.#dispatch(event);
      this.#tellClosed();
    };
    // Both ways lead into the machine; what it throws is a bug and goes to `crash`.
    run()
      .then(ended, (cause: unknown) => ended(this.#broken(cause)))
      .catch((cause: unknown) => this.#options.crash(cause));
  }

  #broken(cause: unknown): LaneEvent {
    if (this.#signal.aborted) return { kind: 'abandon' };
    if (isSluiceError(cause)) return { kind: 'broke', failure: failureOf(cause), mayPass: mayPass(cause) };
    this.#options.crash(cause);
    return { kind: 'abandon' };
  }
}

function rowsIn(slices: readonly HeldSlice[]): number {
  return slices.reduce((sum, { slice }) => sum + slice.rows.length, 0);
}

function only({ topic, partition }: TopicPartition): TopicPartition {
  return { topic, partition };
}
