import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { describeWithKafka, startKafka } from '../support/kafka-broker.js';
import { oraclePython } from '../support/oracle/oracle.js';
import { runCampaign } from './campaign/campaign.js';
import { whatIsReady } from './campaign/features.js';
import { killsOf, markdownHead, markdownLine, violationsOf } from './campaign/report.js';
import { buildPackage } from './support/package.js';
import { seedOf } from './support/randomness.js';

const spark = oraclePython() !== undefined || process.env['CI'] === 'true';

describeWithKafka('three workers of one group', () => {
  beforeAll(async () => {
    if (!spark) console.warn('The campaign goes without Spark: `npm run prepare:oracle` installs it.');
    await buildPackage();
  });

  test('that are killed and stopped, with broker and topics renewed and Spark at work on the tables, bring each change into its table once', async () => {
    const seed = seedOf(4);
    const folder = await mkdtemp(join(tmpdir(), `sluice-campaign-${seed}-`));
    await using broker = await startKafka();
    const features = { ...whatIsReady, spark };
    const report = await runCampaign({ seed, folder, broker, features, say: () => undefined });
    console.info(`${markdownHead()}\n${markdownLine(String(seed), [report])}`);
    expect(violationsOf(report), `seed ${seed} (SLUICE_SEED), faults and logs in ${folder}`).toEqual([]);
    expect(killsOf(report)).toBeGreaterThanOrEqual(25);
    // Kept above, where something is wrong with it.
    await rm(folder, { recursive: true, force: true });
  }, 480_000);
});
