import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Verdict } from './play.js';

/** A seed whose case came out wrong. */
export type Failure = { readonly seed: number; readonly wrong: string };

/** What some seeds came to: how many read the right rows, other rows, and which errors the rest ended with. */
export type Tally = {
  readonly seeds: number;
  readonly rows: number;
  readonly otherRows: number;
  readonly errors: Readonly<Record<string, number>>;
  readonly failures: readonly Failure[];
  readonly slowest: { readonly seed: number; readonly ms: number };
  /** The most memory that a process had, in bytes. */
  readonly memory: number;
};

/** What a process of the crew tells after each case. */
export type Told = {
  readonly seed: number;
  readonly verdict: Verdict;
  readonly ms: number;
  readonly memory: number;
};

/** A case that takes more time of a processor hangs. */
const CASE_MS_MAX = 5_000;
/** So does one that does nothing for so long. Others may use this machine too: time on the wall says little. */
const STILL_MS_MAX = 120_000;
const LOOK_MS = 1_000;
/** A process that needs more memory is wrong. */
const MEMORY_MAX = 2 ** 30;
/** Seeds that a process plays before another takes its place: what leaks adds up that far. */
const SEEDS_A_PROCESS = 1_000;

type Run = {
  readonly from: number;
  readonly seeds: number;
  /** Runs the cases that it is sent: see `serve` in `main.ts`. */
  readonly script: string;
  readonly processes: number;
  readonly told?: (tally: Tally) => void;
};

/** Plays the seeds, in processes that are watched: none may end, hang, or take too much memory. */
export async function playAcross({ from, seeds, script, processes, told }: Run): Promise<Tally> {
  const book = new Book(told);
  let next = from;
  const end = from + seeds;
  const take = (): readonly number[] => {
    const start = next;
    next = Math.min(end, next + SEEDS_A_PROCESS);
    return Array.from({ length: next - start }, (_, i) => start + i);
  };
  await Promise.all(
    Array.from({ length: processes }, async () => {
      for (let batch = take(); batch.length > 0; batch = take()) await playBatch(script, batch, book);
    }),
  );
  return book.tally();
}

/** Plays a batch to its end, in another process after each that fails. */
async function playBatch(script: string, batch: readonly number[], book: Book): Promise<void> {
  for (let left = batch; left.length > 0;) {
    const { done, lost } = await playUntilLost(script, left, book);
    left = left.slice(done);
    if (lost === undefined) continue;
    book.failed(left[0] ?? 0, lost);
    left = left.slice(1);
  }
}

/** Plays seeds in one process until they are done or it is lost, and why. */
function playUntilLost(
  script: string,
  seeds: readonly number[],
  book: Book,
): Promise<{ readonly done: number; readonly lost?: string }> {
  return new Promise((resolve) => {
    const child: ChildProcess = fork(script, ['--crew', seeds.join()], {
      execArgv: ['--enable-source-maps', '--max-old-space-size=768'],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let done = 0;
    let lost: string | undefined;
    let words = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      words = (words + chunk.toString()).slice(-2_000);
    });
    let since = { ms: performance.now(), cpuMs: 0 };
    const watch = setInterval(() => {
      const cpuMs = cpuMsOf(child) - since.cpuMs;
      const ms = performance.now() - since.ms;
      if (cpuMs < CASE_MS_MAX && ms < STILL_MS_MAX) return;
      lost = `hangs: ${Math.round(cpuMs)} ms of a processor, ${Math.round(ms)} ms in all`;
      child.kill('SIGKILL');
    }, LOOK_MS);
    child.on('message', (message: Told) => {
      since = { ms: performance.now(), cpuMs: cpuMsOf(child) };
      done++;
      book.told(message);
      if (message.memory > MEMORY_MAX) {
        // What it holds would be held against the cases after it.
        child.kill('SIGKILL');
      }
    });
    child.on('exit', (code, signal) => {
      clearInterval(watch);
      const ended = done === seeds.length || signal === 'SIGKILL';
      const why = lost ?? (ended ? undefined : `the process ended with ${code ?? signal}: ${words}`);
      resolve(why === undefined ? { done } : { done, lost: why });
    });
  });
}

/** The time that processors have spent on the process; 0 where the system does not say. */
function cpuMsOf({ pid }: ChildProcess): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * (1_000 / TICKS_PER_SECOND);
  } catch {
    return 0;
  }
}

/** Linux's unit of a process's times, the same on every machine that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Counts what comes in. */
class Book {
  readonly #onTold: ((tally: Tally) => void) | undefined;
  readonly #errors = new Map<string, number>();
  readonly #failures: Failure[] = [];
  #rows = 0;
  #otherRows = 0;
  #seeds = 0;
  #slowest = { seed: 0, ms: 0 };
  #memory = 0;

  constructor(onTold: ((tally: Tally) => void) | undefined) {
    this.#onTold = onTold;
  }

  told({ seed, verdict, ms, memory }: Told): void {
    this.#seeds++;
    if (verdict.outcome === 'rows') this.#rows++;
    if (verdict.outcome === 'other rows') this.#otherRows++;
    if (verdict.code !== undefined) this.#errors.set(verdict.code, (this.#errors.get(verdict.code) ?? 0) + 1);
    if (ms > this.#slowest.ms) this.#slowest = { seed, ms };
    this.#memory = Math.max(this.#memory, memory);
    if (verdict.wrong !== undefined) this.#failures.push({ seed, wrong: verdict.wrong });
    if (memory > MEMORY_MAX)
      this.#failures.push({ seed, wrong: `needs ${Math.round(memory / 2 ** 20)} MiB of memory` });
    this.#onTold?.(this.tally());
  }

  failed(seed: number, wrong: string): void {
    this.#seeds++;
    this.#failures.push({ seed, wrong });
  }

  tally(): Tally {
    return {
      seeds: this.#seeds,
      rows: this.#rows,
      otherRows: this.#otherRows,
      errors: Object.fromEntries([...this.#errors].sort()),
      failures: this.#failures.toSorted((a, b) => a.seed - b.seed),
      slowest: this.#slowest,
      memory: this.#memory,
    };
  }
}
