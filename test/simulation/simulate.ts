import { badRecordsAreNotPassed } from './checkers/bad-records-are-not-passed.js';
import { changesAreFedOnce } from './checkers/changes-are-fed-once.js';
import { feedSumsUp } from './checkers/feed-sums-up.js';
import { rangesTile } from './checkers/ranges-tile.js';
import { readsAreWhole } from './checkers/reads-are-whole.js';
import { Tables } from './checkers/table-versions.js';
import { tablesEqualModel } from './checkers/tables-equal-model.js';
import { txnMovesForward } from './checkers/txn-moves-forward.js';
import { Producer } from './database/production.js';
import type { Plan } from './plan.js';
import { takeOverClockAndChance } from './world/clock-and-chance.js';
import { Operator } from './world/operator.js';
import { othersMeddle } from './world/others.js';
import { trouble } from './world/troubles.js';
import { Worker } from './world/worker.js';
import { pathOf, type Violation, World } from './world/world.js';

/** What became of one history. */
export type Outcome = {
  readonly violations: readonly Violation[];
  readonly hash: string;
  readonly lines: readonly string[];
  readonly commits: number;
  readonly records: number;
};

/** All that was written must be in the tables so long after the last fault. */
const SETTLES_WITHIN_MS = 10 * 60_000;

/** And so long after it every process has stopped. */
const ENDS_WITHIN_MS = 2 * SETTLES_WITHIN_MS;

/** Plays one history to its end and checks it. The same plan gives the same history. */
export async function simulate(plan: Plan, options: { readonly trace?: boolean } = {}): Promise<Outcome> {
  const world = new World(plan, { trace: options.trace ?? false });
  using _taken = takeOverClockAndChance(world.time, world.chance.fork('clock and chance'));
  const onRejection = (cause: unknown): void =>
    world.violate(
      'no unhandled rejection',
      cause instanceof Error ? (cause.stack ?? cause.message) : String(cause),
    );
  process.on('unhandledRejection', onRejection);
  try {
    let over = false;
    const story = live(world).finally(() => (over = true));
    story.catch(() => undefined); // Awaited below.
    for (;;) {
      await turn();
      if (over || world.violations.length > 0) break;
      if (!step(world)) break;
    }
    if (over) await story;
    if (world.violations.length === 0) await check(world);
    await turn();
    const outcome = outcomeOf(world);
    for (const letGo of world.whenOver) letGo();
    await turn();
    return outcome;
  } finally {
    process.off('unhandledRejection', onRejection);
  }
}

function outcomeOf({ violations, history, log, broker }: World): Outcome {
  return {
    violations: [...violations],
    hash: history.hash,
    lines: [...history.lines],
    commits: log.tables.reduce((sum, table) => sum + log.commits(table).length, 0),
    records: broker.partitions.reduce((sum, at) => sum + (broker.log(at)?.records.length ?? 0), 0),
  };
}

/** Looks at a history that has ended. */
async function check(world: World): Promise<void> {
  try {
    const tables = new Tables(world);
    await tablesEqualModel(world);
    await feedSumsUp(world, tables);
    await readsAreWhole(world, tables);
    await changesAreFedOnce(world, tables);
    badRecordsAreNotPassed(world);
    rangesTile(world);
    txnMovesForward(world);
  } catch (cause) {
    // A table that cannot be read is as wrong as one with wrong rows.
    world.violate(
      'tables can be read',
      cause instanceof Error ? (cause.stack ?? cause.message) : String(cause),
    );
  }
}

/** Goes on to the next thing that is due; false if the history cannot go on. */
function step(world: World): boolean {
  if (world.time.elapsedMs > world.plan.busyMs + ENDS_WITHIN_MS) {
    world.violate('liveness', `the history has not ended ${ENDS_WITHIN_MS} ms after the last fault`);
    return false;
  }
  try {
    if (world.time.step()) return true;
    world.violate('no standstill', 'nothing is due, and the history has not ended');
  } catch (cause) {
    world.violate('no crash', cause instanceof Error ? (cause.stack ?? cause.message) : String(cause));
  }
  return false;
}

/** Lets everything happen that needs no time. */
const { setImmediate } = globalThis;
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

async function live(world: World): Promise<void> {
  const workers = Array.from({ length: world.plan.workers }, (_, i) => new Worker(world, `w${i + 1}`));
  world.operator = new Operator(world, workers);
  for (const worker of workers) worker.start();
  const producer = new Producer(world);
  await Promise.all([producer.run(), trouble(world, workers, producer), othersMeddle(world)]);
  await settled(world);
  await Promise.all(workers.map((worker) => worker.stop()));
}

/** Resolves when the tables hold every offset. */
async function settled(world: World): Promise<void> {
  const { time } = world;
  const until = time.elapsedMs + SETTLES_WITHIN_MS;
  while (!isSettled(world)) {
    if (time.elapsedMs > until) {
      world.violate(
        'liveness',
        `not settled ${SETTLES_WITHIN_MS} ms after the last fault: ${open(world).join(', ')}`,
      );
      return;
    }
    await world.sleep(1_000);
  }
}

function isSettled(world: World): boolean {
  return open(world).length === 0;
}

/** What is still missing. */
function open(world: World): readonly string[] {
  const { broker, stream, log, operator } = world;
  // A table that nobody writes any more has nobody who sees that it was restored, but for its owner.
  for (const restore of world.restores)
    if (!restore.answered && restore.landed()) operator?.call([restore.table], 'TABLE_REWOUND');
  if (operator?.busy === true) return ['the operator is at work'];
  return stream.tables.flatMap((table) => {
    const made = log.commits(pathOf(table)).length > 0;
    if (world.isUnknown(table)) return [];
    // A table that nothing was ever put in need not be there.
    if (!made && stream.rows(table).length === 0) return [];
    return broker.partitions.flatMap((at) => {
      if (at.topic !== table.topic) return [];
      const high = broker.log(at)?.high ?? 0;
      const held = world.held(table, at);
      // Of a partition that has nothing for it a table need hold nothing.
      if (held === undefined && !stream.feeds(table, at)) return [];
      return held === high
        ? []
        : [`${table.name} holds ${held ?? 0} of ${high} of ${at.topic}:${at.partition}`];
    });
  });
}
