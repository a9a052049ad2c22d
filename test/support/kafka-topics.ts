import kafkajs, { type Admin, type Kafka, type Producer, type ITopicConfig } from 'kafkajs';
import { kafkaClient } from '../../src/kafka/client.js';

/** A client for tests to write topics with, and a prefix that keeps one run's topics apart from another's. */
export class TestTopics implements AsyncDisposable {
  readonly bootstrap: string;
  readonly prefix = `t${Date.now().toString(36)}${Math.floor(Math.random() * 1e6).toString(36)}`;
  readonly kafka: Kafka;
  readonly admin: Admin;
  readonly producer: Producer;
  readonly #made: string[] = [];

  private constructor(bootstrap: string) {
    this.bootstrap = bootstrap;
    this.kafka = kafkaClient({ brokers: [bootstrap], clientId: 'test' });
    this.admin = this.kafka.admin();
    this.producer = this.newProducer();
  }

  static async connect(bootstrap: string): Promise<TestTopics> {
    const topics = new TestTopics(bootstrap);
    await Promise.all([topics.admin.connect(), topics.producer.connect()]);
    return topics;
  }

  /** Makes a topic under this run's prefix; its whole name. */
  async make(name: string, shape: Omit<ITopicConfig, 'topic'> = {}): Promise<string> {
    const topic = `${this.prefix}.${name}`;
    await this.admin.createTopics({
      waitForLeaders: true,
      topics: [{ topic, replicationFactor: 1, numPartitions: 1, ...shape }],
    });
    this.#made.push(topic);
    return topic;
  }

  /** A producer; one that is idempotent, or transactional, writes nothing twice when it has to ask again. */
  newProducer(options: { transactionalId?: string; idempotent?: boolean } = {}): Producer {
    const { transactionalId, idempotent = transactionalId !== undefined } = options;
    return this.kafka.producer({
      createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
      ...(idempotent ? { idempotent, maxInFlightRequests: 1 } : {}),
      ...(transactionalId === undefined ? {} : { transactionalId }),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const existing = new Set(await this.admin.listTopics());
    const topics = this.#made.filter((topic) => existing.has(topic));
    if (topics.length > 0) await this.admin.deleteTopics({ topics });
    await Promise.all([this.admin.disconnect(), this.producer.disconnect()]);
  }
}
