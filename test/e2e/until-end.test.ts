import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import kafkajs, { type Message } from 'kafkajs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { localStore } from '../../src/storage/local.js';
import { openSnapshot } from '../../src/table/snapshot.js';
import { describeWithKafka, sharedKafka } from '../support/kafka-broker.js';
import { TestTopics } from '../support/kafka-topics.js';
import { never, tableRows } from '../support/postgres-replay.js';
import { feedErrors, heldOffsets, tilingErrors } from '../support/table-laws.js';
import { kafkaConnector } from './support/connector.js';
import { buildPackage } from './support/package.js';
import { idsFrom, inserts } from './support/rows.js';
import { Worker } from './support/worker.js';

const { CompressionTypes } = kafkajs;

describeWithKafka(
  'a run to the end of its topics',
  () => {
    let folder: string;
    let broker: Awaited<ReturnType<typeof sharedKafka>>;
    let topics: TestTopics;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'sluice-until-end-'));
      await buildPackage();
      broker = await sharedKafka();
      topics = await TestTopics.connect(broker.bootstrap);
    });
    afterAll(async () => {
      await topics?.[Symbol.asyncDispose]();
      await broker?.[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    });

    async function transaction(topic: string, messages: Message[], end: 'commit' | 'abort'): Promise<void> {
      const producer = topics.newProducer({ transactionalId: `${topic}.${end}` });
      await producer.connect();
      const open = await producer.transaction();
      await open.send({ topic, messages });
      await (end === 'commit' ? open.commit() : open.abort());
      await producer.disconnect();
    }

    async function runToEnd(name: string, topic: string, tables: string): Promise<Worker> {
      const connector = kafkaConnector(name, broker.bootstrap, tables, {
        topics: topic,
        'collection.name.format': '${topic}',
      });
      const worker = await Worker.run(folder, connector, { untilEnd: true });
      expect(await worker.ended(), worker.said).toEqual({ code: 0, signal: null });
      return worker;
    }

    test.each(['commit', 'abort'] as const)(
      'ends behind the markers of a transaction that is its tail (%s), and the table holds the offset behind them',
      async (end) => {
        const topic = await topics.make(`tail-${end}`);
        const tables = join(folder, `tail-${end}`);
        await topics.producer.send({ topic, messages: inserts('orders', idsFrom(1, 5)) });
        await transaction(topic, inserts('orders', idsFrom(6, 3)), end);
        const store = localStore(join(tables, topic));
        await runToEnd(`tail${end}`, topic, tables);

        const ids = (await tableRows(store)).map((row) => Number(row['id']));
        expect(ids.toSorted((a, b) => a - b)).toEqual(idsFrom(1, end === 'commit' ? 8 : 5));
        // Five records, three of the transaction, and its marker.
        const { version, ...snapshot } = await openSnapshot(store, { signal: never }).then((found) => ({
          version: found.version,
          held: heldOffsets(found),
        }));
        expect(snapshot.held.get(`${topic}:0`)).toBe(9);
        expect(await tilingErrors(store)).toEqual([]);

        const again = await runToEnd(`tail${end}`, topic, tables);
        expect(again.events.filter(({ kind }) => kind === 'committed')).toEqual([]);
        expect((await openSnapshot(store, { signal: never })).version).toBe(version);
      },
    );

    test('brings the same rows in whichever way the topic is compressed', async () => {
      const codecs = ['None', 'GZIP', 'Snappy', 'LZ4', 'ZSTD'] as const;
      const tables = join(folder, 'compressed');
      const made = new Map<string, string>();
      for (const codec of codecs) {
        const topic = await topics.make(`codec-${codec}`);
        made.set(codec, topic);
        for (let batch = 0; batch < 4; batch++) {
          await topics.producer.send({
            topic,
            compression: CompressionTypes[codec],
            messages: inserts('orders', idsFrom(1 + batch * 250, 250)),
          });
        }
      }
      await runToEnd('compressed', [...made.values()].join(','), tables);
      for (const [codec, topic] of made) {
        const store = localStore(join(tables, topic));
        const rows = await tableRows(store);
        expect(
          rows.map((row) => Number(row['id'])).toSorted((a, b) => a - b),
          codec,
        ).toEqual(idsFrom(1, 1000));
        for (const row of rows) expect(Number(row['qty'])).toBe(Number(row['id']) * 10);
        expect(await tilingErrors(store), codec).toEqual([]);
        expect(await feedErrors(store), codec).toEqual([]);
      }
    });
  },
  { shared: true },
);
