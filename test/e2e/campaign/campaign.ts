import { appendFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { KafkaBroker } from '../../support/kafka-server.js';
import { TestTopics } from '../../support/kafka-topics.js';
import { kafkaConnector } from '../support/connector.js';
import { seeded } from '../support/randomness.js';
import { Worker } from '../support/worker.js';
import { checkTable, type TableReport } from './check.js';
import { Draw } from './draw.js';
import { Faults } from './faults.js';
import type { Features } from './features.js';
import { Feeder } from './feeder.js';
import { Fleet, type Phase } from './fleet.js';
import { generated } from './generated.js';
import { generationOf } from './group.js';
import { isExpected } from './offsets-faults.js';
import { describeFault, drawPlan, FIRST_SHARE, WORKERS } from './plan.js';
import { pgbenchRecording, plainRecording } from './recorded.js';
import { DefaultSessions } from './recovery.js';
import type { SeedReport } from './report.js';
import { Spark } from './spark.js';
import type { Workload } from './workload.js';

/** Steps of the generated source. */
const STEPS = 1_600;

/** The longest pause between two parts of what is written while a fault lasts. */
const PACE_MS = 250;

/** How long a stage waits for a sign of progress before it goes on without. */
const PROGRESS_WITHIN_MS = 6_000;

const NAME = 'campaign';

export type CampaignOptions = {
  readonly seed: number;
  /** An empty folder for tables and logs. */
  readonly folder: string;
  readonly broker: KafkaBroker;
  readonly features: Features;
  /** Told what happens, a line each. */
  readonly say: (line: string) => void;
};

/**
 * Three workers in one group bring three workloads into tables while everything goes wrong that the seed has drawn; then
 * one worker may end in peace, and every table is compared with its truth and its own log.
 */
export async function runCampaign(options: CampaignOptions): Promise<SeedReport> {
  const started = performance.now();
  const { seed, folder, broker, features } = options;
  const base = join(folder, 'tables');
  await mkdir(base, { recursive: true });
  const log = (line: string): void => {
    const text = `${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s  ${line}`;
    appendFileSync(join(folder, 'faults.log'), `${text}\n`);
    options.say(text);
  };
  const workloads = [plainRecording(features), pgbenchRecording(), generated(seed, STEPS, features)];
  const connector = kafkaConnector(NAME, broker.bootstrap, base, {
    'topics.regex': '(plain|__debezium-heartbeat\\.plain|bench|gen)(\\..*)?',
    'flush.interval.ms': '150',
    // Tables are waited for to hold every offset, those of events that came to nothing too.
    'offset.flush.interval.ms': '2000',
  });
  await using topics = await TestTopics.connect(broker.bootstrap);
  await makeTopics(topics, workloads);
  const draw = new Draw(seeded(seed + 1));
  await using spark = features.spark ? new Spark(base) : undefined;
  await using fleet = new Fleet(folder, connector, WORKERS);
  await using steady = new Fleet(folder, steadyConnector(broker.bootstrap, folder), 1);
  await using feeder = new Feeder(topics, workloads, draw);
  await using sessions = new DefaultSessions(steady, topics, `connect-${STEADY}`);
  const faults = new Faults({ base, fleet, broker, spark, topics, feeder, log });

  await feeder.feed(FIRST_SHARE, 0);
  await fleet.fill();
  sessions.begin();
  for (const { fault, upTo } of drawPlan(seed, features)) {
    log(describeFault(fault));
    const since = performance.now();
    await faults.carryOut(fault, () => feeder.feed(upTo, PACE_MS));
    await fleet.firstToCommit(since, PROGRESS_WITHIN_MS);
  }
  await sessions[Symbol.asyncDispose]();
  await feeder.feed(1, 0);
  log('all is written; the workers stop');
  await fleet.stop();
  await runToEnd(folder, connector, log);

  const tables: TableReport[] = [];
  for (const table of workloads.flatMap(({ tables }) => tables)) {
    tables.push(await checkTable(base, table, feeder.written));
  }
  const rebalances = await generationOf(topics.kafka, `connect-${NAME}`);
  log('checked');
  return {
    seed,
    elapsedMs: performance.now() - started,
    records: feeder.count,
    tables,
    rebalances,
    ...countedLives(fleet),
    ...faults.counts,
    spark: spark?.done ?? new Map<string, number>(),
    sparkLost: spark?.lost ?? 0,
    defaultRecoveryMs: sessions.recoveryMs,
    violations: [...unexpectedFailures(fleet), ...(await unexpectedOffsets(topics, feeder))],
  };
}

const STEADY = 'steady';

/** Default sessions; a batch is not left waiting for long, so that what is measured is the way back. */
function steadyConnector(
  bootstrap: string,
  folder: string,
): { name: string; config: Record<string, string> } {
  return {
    name: STEADY,
    config: {
      'connector.class': 'DeltaSink',
      'bootstrap.servers': bootstrap,
      topics: DefaultSessions.topic,
      'table.url': join(folder, 'steady-tables'),
      'flush.interval.ms': '500',
    },
  };
}

async function makeTopics({ admin }: TestTopics, workloads: readonly Workload[]): Promise<void> {
  const shapes = [
    ...workloads.flatMap(({ topics }) => topics),
    { topic: DefaultSessions.topic, partitions: 1 },
  ];
  await admin.createTopics({
    waitForLeaders: true,
    topics: shapes.map(({ topic, partitions }) => ({
      topic,
      numPartitions: partitions,
      replicationFactor: 1,
    })),
  });
}

async function runToEnd(
  folder: string,
  connector: Parameters<typeof Worker.run>[1],
  log: (line: string) => void,
): Promise<void> {
  await using worker = await Worker.run(folder, connector, {
    untilEnd: true,
    log: join(folder, 'last-worker.log'),
  });
  const exit = await worker.ended(120_000);
  if (exit.code !== 0)
    throw new Error(`the last worker ended with ${exit.code}:\n${worker.said.slice(-4000)}`);
  log('one worker has read to the end');
}

/** Tables that stopped although nothing was done to them. */
function unexpectedFailures(fleet: Fleet): readonly string[] {
  return fleet.heard().flatMap(({ told }) => {
    if (told.kind !== 'failed' || isExpected(told.failure)) return [];
    return [`${told.failure.table} failed: ${told.failure.code} ${told.failure.reason}`];
  });
}

/** Kafka must hold what was written and nothing twice, or offsets prove nothing. */
async function unexpectedOffsets({ admin }: TestTopics, { written }: Feeder): Promise<readonly string[]> {
  const wrong: string[] = [];
  for (const topic of new Set([...written.keys()].map((key) => key.slice(0, key.lastIndexOf(':'))))) {
    for (const { partition, high } of await admin.fetchTopicOffsets(topic)) {
      const count = written.get(`${topic}:${partition}`)?.length ?? 0;
      if (Number(high) !== count)
        wrong.push(`${topic}:${partition} holds ${high} records, ${count} were written`);
    }
  }
  return wrong;
}

type Counted = Pick<SeedReport, 'kills' | 'commits' | 'conflicts' | 'retries' | 'recoveryMs'>;

function countedLives(fleet: Fleet): Counted {
  const kills = new Map<Phase, number>();
  const recoveryMs: number[] = [];
  for (const { killedAs, afterKillMs, worker } of fleet.lives) {
    if (killedAs !== undefined) kills.set(killedAs, (kills.get(killedAs) ?? 0) + 1);
    const first = worker.heard.find(({ told }) => told.kind === 'committed');
    if (afterKillMs !== undefined && first !== undefined) recoveryMs.push(first.atMs - afterKillMs);
  }
  let [commits, conflicts, retries] = [0, 0, 0];
  for (const { told } of fleet.heard()) {
    if (told.kind === 'waiting' && told.table !== undefined) retries += 1;
    if (told.kind !== 'committed') continue;
    commits += 1;
    conflicts += told.metrics.attempts - 1;
  }
  return { kills, commits, conflicts, retries, recoveryMs };
}
