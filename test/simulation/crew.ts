import { type ChildProcess, fork } from 'node:child_process';
import { planOf, type PlanChanges } from './plan.js';
import { simulate } from './simulate.js';
import type { Violation } from './world/world.js';

/** What some seeds came to. */
export type Tally = {
  readonly seeds: number;
  readonly commits: number;
  readonly records: number;
  readonly failures: readonly { readonly seed: number; readonly violations: readonly Violation[] }[];
};

type Order = { readonly from: number; readonly seeds: number; readonly changes: PlanChanges };

export const NOTHING: Tally = { seeds: 0, commits: 0, records: 0, failures: [] };

/** Plays the seeds one after another in this process. */
export async function play({ from, seeds, changes }: Order): Promise<Tally> {
  let tally = NOTHING;
  for (let seed = from; seed < from + seeds; seed++) {
    const { commits, records, violations } = await simulate(planOf(seed, changes));
    tally = sum(tally, {
      seeds: 1,
      commits,
      records,
      failures: violations.length > 0 ? [{ seed, violations }] : [],
    });
  }
  return tally;
}

/** Seeds that a process is handed at a time. */
const AT_ONCE = 50;

/**
 * A history makes much that is thrown away at once, and runs little of its code often: a large nursery and plain machine
 * code from the start save a tenth of its time, and threads that help would only take the other processes' cores.
 */
const EXEC_ARGV = ['--max-semi-space-size=64', '--always-sparkplug', '--single-threaded'];

/**
 * Plays the seeds in as many processes, which run `script` with the argument `--crew`. `told` hears of each lot as it is
 * done.
 */
export async function playAcross(
  order: Order,
  options: { readonly script: string; readonly processes: number; readonly told: (tally: Tally) => void },
): Promise<Tally> {
  const { script, processes, told } = options;
  let tally = NOTHING;
  let next = order.from;
  const end = order.from + order.seeds;
  const crew = Array.from({ length: processes }, () =>
    fork(script, ['--crew'], { execArgv: [...process.execArgv, ...EXEC_ARGV] }),
  );
  try {
    await Promise.all(
      crew.map(async (child) => {
        while (next < end) {
          const from = next;
          next = Math.min(end, next + AT_ONCE);
          const done = await ask(child, { from, seeds: next - from, changes: order.changes });
          tally = sum(tally, done);
          told(tally);
        }
      }),
    );
  } finally {
    for (const child of crew) child.disconnect();
  }
  return tally;
}

/** Plays what the parent process asks for until it goes. */
export function serve(): void {
  process.on('message', (order: Order) => {
    void play(order).then((tally) => process.send?.(tally));
  });
}

function ask(child: ChildProcess, order: Order): Promise<Tally> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null): void =>
      reject(new Error(`a process of the crew ended with ${code}`));
    child.once('exit', onExit);
    child.once('message', (tally: Tally) => {
      child.off('exit', onExit);
      resolve(tally);
    });
    child.send(order);
  });
}

function sum(one: Tally, other: Tally): Tally {
  return {
    seeds: one.seeds + other.seeds,
    commits: one.commits + other.commits,
    records: one.records + other.records,
    failures: [...one.failures, ...other.failures],
  };
}
