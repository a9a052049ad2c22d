import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { oraclePython } from '../../support/oracle/oracle.js';
import { startKafka } from '../../support/kafka-server.js';
import { buildPackage } from '../support/package.js';
import { runCampaign } from './campaign.js';
import { whatIsReady } from './features.js';
import { markdownHead, markdownLine, violationsOf, type SeedReport } from './report.js';

/** `npm run campaign`: one seed or many, a line of Markdown each. Exit code 1 if a promise was broken. */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string', default: '1' },
      from: { type: 'string', default: '1' },
      'without-spark': { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
    },
  });
  const first = Number(values.seed ?? values.from);
  const count = values.seed === undefined ? Number(values.seeds) : 1;
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(count) || count < 1) {
    console.error('usage: npm run campaign -- [--seed S | --seeds N [--from S]] [--without-spark] [--keep]');
    return 2;
  }
  const spark = !values['without-spark'];
  if (spark && oraclePython() === undefined) {
    console.error(
      'Spark is not there: `npm run prepare:oracle` installs it, `--without-spark` goes without.',
    );
    return 2;
  }
  await buildPackage();
  const reports: SeedReport[] = [];
  let failed = 0;
  for (let seed = first; seed < first + count; seed++) {
    const folder = await mkdtemp(join(tmpdir(), `sluice-campaign-${seed}-`));
    const wrong = await attempt(async () => {
      await using broker = await startKafka();
      const report = await runCampaign({
        seed,
        folder,
        broker,
        features: { ...whatIsReady, spark },
        say: (line) => console.error(line),
      });
      reports.push(report);
      return violationsOf(report);
    });
    const report = reports.at(-1);
    if (report?.seed === seed) {
      if (reports.length === 1) console.info(markdownHead());
      console.info(markdownLine(String(seed), [report]));
    }
    if (wrong.length > 0) {
      failed += 1;
      console.error(`seed ${seed} broke a promise; faults, logs and tables are kept in ${folder}`);
      for (const text of wrong) console.error(`  ${text}`);
    } else if (!values.keep) {
      await rm(folder, { recursive: true, force: true });
    }
  }
  if (reports.length > 1) console.info(markdownLine('all', reports));
  return failed === 0 ? 0 : 1;
}

/** What is wrong, also if it could not come to its end. */
async function attempt(run: () => Promise<readonly string[]>): Promise<readonly string[]> {
  try {
    return await run();
  } catch (cause) {
    return [cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)];
  }
}

// By way of 'exit', at which the servers and workers are ended too.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
process.exitCode = await main();
