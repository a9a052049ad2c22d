import {
  fileDeadLetters,
  KafkaAdmin,
  kafkaProducer,
  topicDeadLetters,
  type DeadLetters,
  type ReadConfig,
} from '../../src/index.js';
import { connectionOf, type Connection } from './kafka-settings.js';
import { CONNECTOR_KEYS as K } from './keys.js';

/**
 * Where a connector's bad records go, opened when called; undefined where nothing is configured. Bad records need a
 * place of their own before anything may be told to go on without them: what does not fit is noted in `config.problems`.
 */
export function deadLettersOf(name: string, config: ReadConfig): () => DeadLetters | undefined {
  const topic = config.get(K.dlqTopic) ?? '';
  const file = config.get(K.dlqFile);
  if ((topic !== '' || file !== undefined) && config.get(K.tolerance) === 'none') {
    config.refuse(topic === '' ? K.dlqFile.name : K.dlqTopic.name, 'needs errors.tolerance=all');
  }
  if (topic !== '' && file !== undefined) {
    config.refuse(K.dlqFile.name, `is not taken beside ${K.dlqTopic.name}: bad records have one place`);
  }
  if (topic !== '' && config.get(K.source) === 'replay') {
    config.refuse(K.dlqTopic.name, `a replay has no topics; use ${K.dlqFile.name}`);
  }
  if (topic !== '') {
    const replicationFactor = config.get(K.dlqReplication) ?? 3;
    return () => inTopic(connectionOf(config), { topic, connector: name, replicationFactor });
  }
  return () => (file === undefined ? undefined : fileDeadLetters(file, { connector: name }));
}

/** Dead letters in a topic that is made, as Kafka Connect does, when there is the first one for it. */
function inTopic(
  connection: Connection,
  options: { readonly topic: string; readonly connector: string; readonly replicationFactor: number },
): DeadLetters {
  const { topic, replicationFactor } = options;
  const letters = topicDeadLetters(kafkaProducer(connection), options);
  let made = false;
  return {
    write: async (these, signal) => {
      if (!made) {
        await using admin = new KafkaAdmin(connection);
        await admin.ensureTopic(topic, { partitions: 1, replicationFactor }, signal);
        made = true;
      }
      await letters.write(these, signal);
    },
    [Symbol.asyncDispose]: () => letters[Symbol.asyncDispose](),
  };
}
