import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { localStore } from '../../src/storage/local.js';
import { describeWithKafka, sharedKafka } from '../support/kafka-broker.js';
import { TestTopics } from '../support/kafka-topics.js';
import { tableRows } from '../support/postgres-replay.js';
import { eventually } from '../support/source-events.js';
import { feedErrors, leftoversOf, tilingErrors } from '../support/table-laws.js';
import { kafkaConnector } from './support/connector.js';
import { buildPackage } from './support/package.js';
import { seeded, seedOf } from './support/randomness.js';
import { idsFrom, inserts } from './support/rows.js';
import { Worker } from './support/worker.js';

const PARTITIONS = 2;
const STOPS = 4;
/** What each worker finds; more than it can bring in before it is stopped, or nearly so. */
const ROWS = 20_000;

describeWithKafka(
  'a worker that is asked to stop',
  () => {
    let folder: string;
    let broker: Awaited<ReturnType<typeof sharedKafka>>;
    let topics: TestTopics;
    let topic: string;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'sluice-stop-'));
      await buildPackage();
      broker = await sharedKafka();
      topics = await TestTopics.connect(broker.bootstrap);
      topic = await topics.make('orders', { numPartitions: PARTITIONS });
    });
    afterAll(async () => {
      await topics?.[Symbol.asyncDispose]();
      await broker?.[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    });

    async function produce(first: number, count: number): Promise<void> {
      for (let from = first; from < first + count; from += 2_000) {
        const messages = inserts('orders', idsFrom(from, 2_000)).map((message, at) => ({
          ...message,
          partition: at % PARTITIONS,
        }));
        await topics.producer.send({ topic, messages });
      }
    }

    test('while it is busy ends within 10 s, keeps whole batches only, and the next goes on from there', async () => {
      const seed = seedOf(4_711);
      console.info(`stops at random moments, seed ${seed} (SLUICE_SEED)`);
      const random = seeded(seed);
      const tables = join(folder, 'tables');
      const store = localStore(join(tables, 'shop', 'orders'));
      const connector = kafkaConnector('stopped', broker.bootstrap, tables, {
        topics: topic,
        'flush.max.rows': '3000',
        'flush.interval.ms': '500',
      });
      for (let stop = 0; stop < STOPS; stop++) {
        await produce(1 + stop * ROWS, ROWS);
        await using worker = await Worker.run(folder, connector);
        await eventually(
          async () => worker.events.some(({ kind }) => kind === 'committed') || !worker.running,
          (begun) => begun,
        );
        await pause(random() * 400);
        const { elapsedMs, ...exit } = await worker.stop();
        expect(exit, worker.said).toEqual({ code: 0, signal: null });
        expect(elapsedMs).toBeLessThan(10_000);
        expect(worker.events.at(-1)).toMatchObject({ kind: 'summary', ended: 'stopped', failed: [] });
        expect(await tilingErrors(store)).toEqual([]);
      }
      await using last = await Worker.run(folder, connector, { untilEnd: true });
      expect(await last.ended(), last.said).toEqual({ code: 0, signal: null });

      const ids = (await tableRows(store)).map((row) => Number(row['id']));
      expect(ids.length).toBe(STOPS * ROWS);
      expect(new Set(ids).size).toBe(STOPS * ROWS);
      expect(await tilingErrors(store)).toEqual([]);
      expect(await feedErrors(store)).toEqual([]);
      // Nobody was killed: a batch is committed, or leaves nothing behind that anybody names.
      expect(await leftoversOf(store)).toMatchObject({ missing: [], doubled: [] });
    });

    test('long before anything is due commits what it has and ends', async () => {
      const tables = join(folder, 'early');
      const connector = kafkaConnector('early', broker.bootstrap, tables, {
        topics: topic,
        'flush.interval.ms': '600000',
      });
      await using worker = await Worker.run(folder, connector);
      await eventually(
        async () => worker.events.some(({ kind }) => kind === 'table'),
        (begun) => begun,
      );
      const { elapsedMs, ...exit } = await worker.stop();
      expect(exit, worker.said).toEqual({ code: 0, signal: null });
      expect(elapsedMs).toBeLessThan(10_000);
      const store = localStore(join(tables, 'shop', 'orders'));
      expect(worker.events.some(({ kind }) => kind === 'committed')).toBe(true);
      expect(await tilingErrors(store)).toEqual([]);
    });

    test('while it starts ends at once', async () => {
      const connector = kafkaConnector('starting', broker.bootstrap, join(folder, 'starting'), {
        topics: topic,
      });
      for (const afterMs of [1_200, 1_600, 2_000]) {
        await using worker = await Worker.run(folder, connector);
        await pause(afterMs);
        const { elapsedMs, ...exit } = await worker.stop();
        expect(exit, worker.said).toEqual({ code: 0, signal: null });
        expect(elapsedMs).toBeLessThan(10_000);
      }
    });
  },
  { shared: true },
);
