/** `npm run fuzz`: reads many damaged tables, or one; see docs/reliability.md. */
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { playAcross, type Tally, type Told } from './crew.js';
import { Bench } from './play.js';
import { baseTables } from './tables.js';

const args = process.argv.slice(2);
if (args[0] === '--crew') await serve((args[1] ?? '').split(',').map(Number));
else process.exitCode = await run();

async function run(): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      seeds: { type: 'string', default: '2000' },
      from: { type: 'string', default: '1' },
      seed: { type: 'string' },
      workers: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const [from, seeds] =
    values.seed === undefined ? [count(values.from), count(values.seeds)] : [count(values.seed), 1];
  const startedMs = performance.now();
  let shown = 0;
  const tally = await playAcross({
    from,
    seeds,
    script: fileURLToPath(import.meta.url),
    processes: Math.min(seeds, values.workers === undefined ? availableParallelism() : count(values.workers)),
    told: ({ seeds: done, failures }) => {
      if (values.json || done - shown < 100) return;
      shown = done;
      process.stderr.write(`${done} seeds, ${failures.length} failed\n`);
    },
  });
  if (values.json) process.stdout.write(`${JSON.stringify(tally)}\n`);
  else report(tally, (performance.now() - startedMs) / 1_000);
  if (values.seed !== undefined) tellCase(from);
  return tally.failures.length === 0 ? 0 : 1;
}

function report({ seeds, rows, otherRows, errors, failures, slowest, memory }: Tally, seconds: number): void {
  console.log(
    `${seeds} damaged tables in ${seconds.toFixed(0)} s: ${rows} read as if whole, ${otherRows} as another table, ` +
      `${Object.entries(errors)
        .map(([code, times]) => `${times} ${code}`)
        .join(
          ', ',
        )}; slowest ${Math.round(slowest.ms)} ms (seed ${slowest.seed}), at most ${Math.round(memory / 2 ** 20)} MiB`,
  );
  for (const { seed, wrong } of failures) console.log(`npm run fuzz -- --seed ${seed}: ${wrong}`);
  console.log(`${failures.length} failed`);
}

function tellCase(seed: number): void {
  const { table, what, promised } = new Bench(baseTables()).plan(seed);
  console.log(`${table.name}, ${promised}\n${what.join('\n')}`);
}

/** Plays seeds and tells of each; the parent watches. */
async function serve(seeds: readonly number[]): Promise<void> {
  const bench = new Bench(baseTables());
  for (const seed of seeds) {
    const started = process.cpuUsage();
    const verdict = await bench.play(seed);
    const told: Told = {
      seed,
      verdict,
      ms: cpuMsSince(started),
      memory: process.resourceUsage().maxRSS * 1024,
    };
    await new Promise((sent) => process.send?.(told, sent));
  }
  process.disconnect();
}

function cpuMsSince(started: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(started);
  return (user + system) / 1_000;
}

function count(text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= 0) return number;
  throw new Error(`a whole number is wanted, not ${text}`);
}
