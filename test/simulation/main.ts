/** `npm run simulate`: plays many seeds, or one; see docs/reliability.md. */
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { commandOf, typed } from './command.js';
import { playAcross, serve } from './crew.js';
import { planOf, type PlanChanges } from './plan.js';
import { shrink } from './shrink.js';
import { simulate } from './simulate.js';

const args = process.argv.slice(2);
if (args[0] === '--crew') serve();
else process.exitCode = await run();

async function run(): Promise<number> {
  const { seed, seeds, from, workers, changes, trace } = commandOf(args);
  if (seed !== undefined) return playOne(seed, changes, trace);
  const startedMs = performance.now();
  const rate = (done: number): string => ((done * 1000) / (performance.now() - startedMs)).toFixed(1);
  let toldOf = 0;
  const tally = await playAcross(
    { from, seeds, changes },
    {
      script: fileURLToPath(import.meta.url),
      processes: workers ?? availableParallelism(),
      told: ({ seeds: done, failures }) => {
        // Told at once: many seeds take hours.
        for (const failure of failures.slice(toldOf))
          console.log(
            `\rseed ${failure.seed}: ${failure.violations[0]?.checker}: ${failure.violations[0]?.message}`,
          );
        toldOf = failures.length;
        process.stderr.write(`\r${done} seeds, ${rate(done)} a second, ${failures.length} failed `);
      },
    },
  );
  const { commits, records, failures } = tally;
  process.stderr.write('\n');
  console.log(
    `${seeds} seeds from ${from}: ${records} records, ${commits} commits, ${failures.length} failed; ${rate(seeds)} seeds a second`,
  );
  const [first] = failures;
  if (first === undefined) return 0;
  await playOne(first.seed, changes, false);
  return 1;
}

/** Plays one seed; a failing one is made shorter, and told. */
async function playOne(seed: number, changes: PlanChanges, trace: boolean): Promise<number> {
  console.log(`seed ${seed}: ${[...planOf(seed, changes).kinds].join(' ')}`);
  const outcome = await simulate(planOf(seed, changes), { trace: true });
  if (trace || outcome.violations.length === 0) {
    if (trace) for (const line of outcome.lines) console.log(line);
    for (const { checker, message } of outcome.violations) console.log(`${checker}: ${message}`);
    console.log(
      `${outcome.violations.length} violations, ${outcome.commits} commits, history ${outcome.hash}`,
    );
    return outcome.violations.length === 0 ? 0 : 1;
  }
  const short = await shrink(seed, changes, outcome);
  console.log(`the shortest of ${short.tries} histories that fail alike:`);
  for (const line of short.outcome.lines) console.log(line);
  console.log(`kinds left: ${[...planOf(seed, short.changes).kinds].join(' ')}`);
  console.log(`again: npm run simulate -- --seed ${seed}${typed(short.changes)} --trace`);
  return 1;
}
