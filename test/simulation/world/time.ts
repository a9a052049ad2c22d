import { type SchedulerAction, type SchedulerLike, Subscription } from 'rxjs';
import type { Life } from './life.js';

/** What waits for its moment. */
export type Alarm = { cancel(): void };

type Entry = { readonly atMs: number; readonly order: number; run: (() => void) | undefined };

/** 2027-01-15: the simulated clock's first moment, ms since 1970. */
const SINCE_MS = 1_800_000_000_000;

/**
 * Time that moves only from one thing that is due to the next. Of things due at one moment the one that was asked for
 * first comes first, so a history depends on nothing but what was asked for.
 */
export class Time {
  readonly #heap: Entry[] = [];
  #order = 0;
  #nowMs = SINCE_MS;

  /** Ms since 1970. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Ms since the world began. */
  get elapsedMs(): number {
    return this.#nowMs - SINCE_MS;
  }

  in(ms: number, run: () => void): Alarm {
    const entry: Entry = { atMs: this.#nowMs + Math.max(0, Math.round(ms)), order: this.#order++, run };
    push(this.#heap, entry);
    return {
      cancel: () => {
        entry.run = undefined;
      },
    };
  }

  /** Runs the next thing that is due, and moves there. False if nothing is. */
  step(): boolean {
    for (let entry = pop(this.#heap); entry !== undefined; entry = pop(this.#heap)) {
      const { run, atMs } = entry;
      if (run === undefined) continue;
      this.#nowMs = Math.max(this.#nowMs, atMs);
      run();
      return true;
    }
    return false;
  }

  /** The scheduler of one process: its timers come no more when it is dead, and late when it was paused. */
  schedulerOf(life: Life): SchedulerLike {
    return {
      now: () => this.#nowMs,
      schedule: <T>(work: Work<T>, delay: number | undefined, state?: T) =>
        new TimedAction(this, life, work).schedule(state, delay),
    };
  }
}

type Work<T> = (this: SchedulerAction<T>, state: T) => void;

class TimedAction<T> extends Subscription implements SchedulerAction<T> {
  readonly #time: Time;
  readonly #life: Life;
  readonly #work: Work<T>;
  #alarm: Alarm | undefined;

  constructor(time: Time, life: Life, work: Work<T>) {
    super();
    this.#time = time;
    this.#life = life;
    this.#work = work;
    this.add(() => this.#alarm?.cancel());
  }

  schedule(state?: T, delay = 0): Subscription {
    this.#alarm?.cancel();
    const alarm = this.#time.in(delay, () => this.#life.deliver(() => this.#run(alarm, state)));
    this.#alarm = alarm;
    return this;
  }

  #run(alarm: Alarm, state: T | undefined): void {
    if (this.closed) return;
    // RxJS hands work the state that it was scheduled with, of whatever type the caller chose.
    this.#work.call(this, state as T);
    if (this.#alarm === alarm) this.unsubscribe();
  }
}

function before(one: Entry, other: Entry): boolean {
  return one.atMs !== other.atMs ? one.atMs < other.atMs : one.order < other.order;
}

function push(heap: Entry[], entry: Entry): void {
  let at = heap.length;
  heap.push(entry);
  while (at > 0) {
    const parent = (at - 1) >>> 1;
    const above = heap[parent];
    if (above === undefined || !before(entry, above)) break;
    heap[at] = above;
    at = parent;
  }
  heap[at] = entry;
}

function pop(heap: Entry[]): Entry | undefined {
  const top = heap[0];
  const last = heap.pop();
  if (top === undefined || last === undefined || heap.length === 0) return top;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    let below = heap[child];
    if (below === undefined) break;
    const right = heap[child + 1];
    if (right !== undefined && before(right, below)) {
      child++;
      below = right;
    }
    if (!before(below, last)) break;
    heap[at] = below;
    at = child;
  }
  heap[at] = last;
  return top;
}
