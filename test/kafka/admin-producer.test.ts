import { afterAll, beforeAll, expect, test } from 'vitest';
import { isSluiceError } from '../../src/base/errors.js';
import { never } from '../../src/base/signals.js';
import { KafkaAdmin } from '../../src/kafka/admin.js';
import { kafkaProducer } from '../../src/kafka/producer.js';
import { kafka } from '../../src/source/kafka/kafka.js';
import { describeWithKafka, sharedKafka, startKafka } from '../support/kafka-broker.js';
import { TestTopics } from '../support/kafka-topics.js';
import { readToEnd } from '../support/source-events.js';

describeWithKafka(
  'admin and producer',
  () => {
    let broker: Awaited<ReturnType<typeof sharedKafka>>;
    let topics: TestTopics;
    beforeAll(async () => {
      broker = await sharedKafka();
      topics = await TestTopics.connect(broker.bootstrap);
    });
    afterAll(async () => {
      await topics?.[Symbol.asyncDispose]();
      await broker?.[Symbol.asyncDispose]();
    });

    test('the cluster has an id, and its own topics are not listed', async () => {
      await using admin = new KafkaAdmin({ brokers: [broker.bootstrap] });
      expect(await admin.clusterId(never)).toMatch(/^[\w-]{22}$/);
      const topic = await topics.make('listed');
      const listed = await admin.topics(never);
      expect(listed).toContain(topic);
      expect(listed).not.toContain('__consumer_offsets');
    });

    test('asking for a topic that is not there does not make it', async () => {
      await using admin = new KafkaAdmin({ brokers: [broker.bootstrap] });
      const name = `${topics.prefix}.never`;
      await expect(admin.watermarks(name, never)).rejects.toSatisfy((cause) =>
        isSluiceError(cause, 'TOPIC_NOT_FOUND'),
      );
      expect(await admin.topics(never)).not.toContain(name);
    });

    test('a topic is made once, and stays as it is', async () => {
      await using admin = new KafkaAdmin({ brokers: [broker.bootstrap] });
      const name = await topics.make('ensured', { numPartitions: 2 });
      await admin.ensureTopic(name, { partitions: 5, replicationFactor: 1 }, never);
      expect((await admin.watermarks(name, never)).size).toBe(2);
    });

    test('records arrive with key, value and headers as they were sent', async () => {
      const topic = await topics.make('sent', { numPartitions: 2 });
      await using producer = kafkaProducer({ brokers: [broker.bootstrap] });
      await producer.send(topic, [], never);
      await producer.send(
        topic,
        [
          {
            key: Buffer.from('k'),
            value: Buffer.from([0, 255, 10]),
            headers: { a: 'text', b: Buffer.from([1, 2]) },
            partition: 1,
          },
          { key: null, value: null, partition: 1 },
        ],
        never,
      );
      await using source = kafka({
        brokers: [broker.bootstrap],
        topics: [topic],
        groupId: topic,
        fetch: { maxWaitMs: 100 },
      });
      const records = (await readToEnd(source)).flatMap((event) =>
        event.kind === 'batch' ? event.batch.records : [],
      );
      expect(records.map(({ key, value, headers }) => ({ key, value, headers: { ...headers } }))).toEqual([
        {
          key: Buffer.from('k'),
          value: Buffer.from([0, 255, 10]),
          headers: { a: Buffer.from('text'), b: Buffer.from([1, 2]) },
        },
        { key: null, value: null, headers: {} },
      ]);
    });

    test('a topic to write to that is not there is TOPIC_NOT_FOUND', async () => {
      await using producer = kafkaProducer({ brokers: [broker.bootstrap] });
      const sent = producer.send(`${topics.prefix}.missing`, [{ key: null, value: Buffer.from('x') }], never);
      await expect(sent).rejects.toSatisfy((cause) => isSluiceError(cause, 'TOPIC_NOT_FOUND'));
    });

    test('a record larger than the topic takes is refused, and the producer goes on', async () => {
      const topic = await topics.make('small');
      await using producer = kafkaProducer({ brokers: [broker.bootstrap] });
      const large = producer.send(topic, [{ key: null, value: Buffer.alloc(2_000_000) }], never);
      await expect(large).rejects.toSatisfy(
        (cause) => isSluiceError(cause, 'BROKER_UNAVAILABLE') && cause.retry === 'never',
      );
      await producer.send(topic, [{ key: null, value: Buffer.from('x') }], never);
    });
  },
  { shared: true },
);

describeWithKafka('Kafka 3.9', () => {
  test('an older broker is read the same way', async () => {
    await using broker = await startKafka({ version: '3.9.2' });
    await using topics = await TestTopics.connect(broker.bootstrap);
    const topic = await topics.make('old');
    await topics.producer.send({ topic, messages: [{ value: 'a' }] });
    const producer = topics.newProducer({ transactionalId: 'old' });
    await producer.connect();
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: [{ value: 'b' }] });
    await transaction.abort();
    await producer.disconnect();
    await topics.producer.send({ topic, messages: [{ value: 'c' }] });
    await using source = kafka({
      brokers: [broker.bootstrap],
      topics: [topic],
      groupId: 'old',
      fetch: { maxWaitMs: 100 },
    });
    const events = await readToEnd(source);
    expect(
      events.flatMap((event) =>
        event.kind === 'batch' ? event.batch.records.map(({ value }) => String(value)) : [],
      ),
    ).toEqual(['a', 'c']);
  });
});
