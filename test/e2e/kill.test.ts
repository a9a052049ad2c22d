import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isTemporaryName } from '../../src/storage/keys.js';
import { localStore } from '../../src/storage/local.js';
import type { ObjectStore } from '../../src/storage/object-store.js';
import { openSnapshot } from '../../src/table/snapshot.js';
import { describeWithKafka, startKafka, type KafkaVersion } from '../support/kafka-broker.js';
import { TestTopics } from '../support/kafka-topics.js';
import { differencesAt, never } from '../support/postgres-replay.js';
import { readPhases, readRecording, RECORDINGS, type Phase, type Recorded } from '../support/recordings.js';
import { feedErrors, heldOffsets, leftoversOf, tilingErrors } from '../support/table-laws.js';
import { kafkaConnector } from './support/connector.js';
import { filesIn, runAndKill } from './support/killed-runs.js';
import { buildPackage } from './support/package.js';
import { seeded, seedOf } from './support/randomness.js';
import { inOrderOfTime, makeTopics, produce } from './support/recorded-stream.js';
import { Worker, type ConnectorFile } from './support/worker.js';

const KEYED = ['customers', 'orders', 'order_lines', 'odd_values', 'phase_markers'];
/** Redelivered changes of tables without a key are not recognised: their streams end before the first of them. */
const KEYLESS = ['events_log', 'stock_moves'];
const LAST_BEFORE_REDELIVERY = '7-numeric-infinity';

describeWithKafka('a worker that is killed', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-kill-'));
    await buildPackage();
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  test('20 times at random moments, brings each change of a recorded stream into its table once', async () => {
    await killRun({ folder: join(folder, 'many'), version: '4.3.1', kills: 20 });
  }, 420_000);

  test.runIf(process.env['CI'] === 'true')(
    'does so with Kafka 3.9.2 as well',
    async () => {
      await killRun({ folder: join(folder, 'older'), version: '3.9.2', kills: 2 });
    },
    240_000,
  );
});

type KillRun = { readonly folder: string; readonly version: KafkaVersion; readonly kills: number };

/**
 * Workers read a recording from Kafka while it is still being written there, are killed one after another, and the last
 * one may end. What stands then is compared with PostgreSQL's own rows, and with what a table's log must say of itself.
 */
async function killRun({ folder, version, kills }: KillRun): Promise<void> {
  const seed = seedOf(20_260_131);
  console.info(`${kills} kills, Kafka ${version}, seed ${seed} (SLUICE_SEED)`);
  const random = seeded(seed);
  const recording = readRecording(join(RECORDINGS, 'postgres/full'));
  const phases = readPhases();
  const before = phases.findIndex(({ phase }) => phase === LAST_BEFORE_REDELIVERY);
  const [early, late] = [phases[before], phases.at(-1)];
  if (early === undefined || late === undefined) throw new Error('the recording has no such phases');

  await mkdir(folder, { recursive: true });
  const tables = join(folder, 'tables');
  await using broker = await startKafka({ version });
  await using topics = await TestTopics.connect(broker.bootstrap);
  await makeTopics(topics.admin, recording);
  const connector = kafkaConnector('killed', broker.bootstrap, tables, {
    'topics.regex': '(full|__debezium-heartbeat\\.full)(\\..*)?',
    'flush.max.rows': '4',
  });

  const stream = inOrderOfTime(recording).filter((one) => isBelow(early, one));
  let written = 0;
  const moments = await runAndKill({
    folder,
    connector,
    tables,
    kills,
    random,
    feed: async (index) => {
      // The last part is left for the worker that may end.
      const end = Math.floor(((index + 1) * stream.length) / (kills + 1));
      while (written < end) {
        const slice = stream.slice(written, Math.min(end, written + 1 + Math.floor(random() * 12)));
        written += slice.length;
        await produce(topics.producer, slice);
      }
    },
  });
  await produce(topics.producer, stream.slice(written));
  await runToEnd(folder, connector);

  let orphans = 0;
  for (const table of [...KEYED, ...KEYLESS]) {
    const store = localStore(join(tables, 'inventory', table));
    expect(await differencesAt('full', early, table, store), table).toEqual([]);
    await expectLawful(table, store);
    orphans += (await leftoversOf(store)).orphans.length;
  }
  const halves = [...(await filesIn(tables))].filter((name) => isTemporaryName(basename(name))).length;
  console.info(
    `killed ${KINDS.map((kind) => `${moments.filter((one) => one === kind).length} × ${kind}`).join(', ')}; ` +
      `left behind: ${orphans} files that no commit names, ${halves} half-written ones`,
  );

  await produce(
    topics.producer,
    inOrderOfTime(recording).filter((one) => !isBelow(early, one) && !isKeyless(one.topic)),
  );
  await runToEnd(folder, connector);
  for (const table of KEYED) {
    const store = localStore(join(tables, 'inventory', table));
    expect(await differencesAt('full', late, table, store), table).toEqual([]);
    await expectLawful(table, store);
    const topic = `full.inventory.${table}`;
    const held = heldOffsets(await openSnapshot(store, { signal: never }));
    expect(held.get(`${topic}:0`), table).toBe(recording.get(topic)?.length);
  }
}

const KINDS = ['starting', 'writing files', 'after a commit'] as const;

async function runToEnd(folder: string, connector: ConnectorFile): Promise<void> {
  await using worker = await Worker.run(folder, connector, { untilEnd: true });
  const exit = await worker.ended();
  expect(exit, worker.said).toEqual({ code: 0, signal: null });
}

async function expectLawful(table: string, store: ObjectStore): Promise<void> {
  expect(await feedErrors(store), table).toEqual([]);
  expect(await tilingErrors(store), table).toEqual([]);
  expect(await leftoversOf(store), table).toMatchObject({ missing: [], doubled: [] });
}

/** Whether a record is among those that made a phase; streams that no table is made of are not told apart. */
function isBelow({ next_offsets }: Phase, { topic, partition, record }: Recorded): boolean {
  return Number(record.offset) < (next_offsets[topic]?.[String(partition)] ?? Infinity);
}

function isKeyless(topic: string): boolean {
  return KEYLESS.some((table) => topic === `full.inventory.${table}`);
}
