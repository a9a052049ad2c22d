import { afterAll, beforeAll, describe, test } from 'vitest';
import { kafka } from '../../../src/source/kafka/kafka.js';
import { describeChangeSource, type OpenSource } from '../../../src/testing/change-source-contract.js';
import { describeWithKafka, sharedKafka } from '../../support/kafka-broker.js';
import { TestTopics } from '../../support/kafka-topics.js';

describeWithKafka(
  'Kafka',
  () => {
    let broker: Awaited<ReturnType<typeof sharedKafka>>;
    let topics: TestTopics;
    let runs = 0;

    beforeAll(async () => {
      broker = await sharedKafka();
      topics = await TestTopics.connect(broker.bootstrap);
    });
    afterAll(async () => {
      await topics?.[Symbol.asyncDispose]();
      await broker?.[Symbol.asyncDispose]();
    });

    const open: OpenSource = async (records) => {
      runs += 1;
      const names = new Map<string, string>();
      for (const name of new Set(records.map(({ topic }) => topic))) {
        const partitions = records.filter(({ topic }) => topic === name).map(({ partition }) => partition);
        names.set(name, await topics.make(`${runs}.${name}`, { numPartitions: Math.max(...partitions) + 1 }));
      }
      const topic = (name: string) => names.get(name) ?? name;
      for (const [name, real] of names) {
        const messages = records
          .filter((record) => record.topic === name)
          .map(({ partition, key, value, headers, timestampMs }) => ({
            partition,
            key,
            value,
            headers: { ...headers },
            timestamp: String(timestampMs),
          }));
        await topics.producer.send({ topic: real, messages });
      }
      const source = kafka({
        brokers: [broker.bootstrap],
        topics: [...names.values()],
        groupId: `${topics.prefix}.${runs}`,
        fetch: { maxWaitMs: 100 },
      });
      return { source, topic, [Symbol.asyncDispose]: () => source[Symbol.asyncDispose]() };
    };

    describeChangeSource('a set of Kafka topics', open, { describe, test });
  },
  { shared: true },
);
