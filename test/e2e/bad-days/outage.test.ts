import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { localStore } from '../../../src/storage/local.js';
import { openSnapshot } from '../../../src/table/snapshot.js';
import { describeWithKafka, startKafka } from '../../support/kafka-broker.js';
import { TestTopics } from '../../support/kafka-topics.js';
import { never, tableRows } from '../../support/postgres-replay.js';
import { eventually } from '../../support/source-events.js';
import { feedErrors, heldOffsets, tilingErrors } from '../../support/table-laws.js';
import { kafkaConnector } from '../support/connector.js';
import { buildPackage } from '../support/package.js';
import { idsFrom, inserts } from '../support/rows.js';
import { Worker } from '../support/worker.js';

const OUTAGE_MS = process.env['CI'] === 'true' ? 30_000 : 10_000;

describeWithKafka('a broker that is gone while a worker runs', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-outage-'));
    await buildPackage();
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  test(`and back after ${OUTAGE_MS / 1000} s is waited for: told once, and nothing is lost or doubled`, async () => {
    await using broker = await startKafka();
    const tables = join(folder, 'tables');
    const store = localStore(join(tables, 'shop', 'orders'));
    const connector = kafkaConnector('outage', broker.bootstrap, tables, {
      'topics.regex': '.*\\.orders',
    });
    const topics = await TestTopics.connect(broker.bootstrap);
    const topic = await topics.make('orders');
    await topics.producer.send({ topic, messages: inserts('orders', idsFrom(1, 50)) });

    await using worker = await Worker.run(folder, connector);
    const held = async () => heldOffsets(await openSnapshot(store, { signal: never })).get(`${topic}:0`);
    await eventually(
      async () => worker.events.some(({ kind }) => kind === 'committed') && (await held()) === 50,
      (all) => all,
    );

    await broker.kill();
    const goneAt = performance.now();
    await eventually(
      async () => worker.events,
      (events) => events.some(({ kind }) => kind === 'waiting'),
    );
    await pause(OUTAGE_MS - (performance.now() - goneAt));
    await broker.restart();

    const writer = topics.newProducer();
    await writer.connect();
    await writer.send({ topic, messages: inserts('orders', idsFrom(51, 50)) });
    await eventually(held, (offset) => offset === 100);
    await Promise.allSettled([writer.disconnect(), topics[Symbol.asyncDispose]()]);

    expect(worker.running).toBe(true);
    const told = worker.events.map(({ kind }) => kind);
    expect(told.filter((kind) => kind === 'waiting' || kind === 'resumed')).toEqual(['waiting', 'resumed']);
    expect(await worker.stop()).toMatchObject({ code: 0, signal: null });
    const ids = (await tableRows(store)).map((row) => Number(row['id']));
    expect(ids.toSorted((a, b) => a - b)).toEqual(idsFrom(1, 100));
    expect(await tilingErrors(store)).toEqual([]);
    expect(await feedErrors(store)).toEqual([]);
  });
});
