import type { EachMessageHandler, Kafka } from 'kafkajs';

/** The version of a key in `__consumer_offsets` that stands for a group's metadata. */
const METADATA_KEY = 2;

/**
 * How often a group has rebalanced: the last generation that its coordinator has on record. Kafka's `GroupMetadataKey`
 * and `GroupMetadataValue`: the key is its version (int16) and the group's name, the value begins with its version
 * (int16), the protocol's type (string) and the generation (int32).
 */
export async function generationOf(kafka: Kafka, groupId: string): Promise<number> {
  const admin = kafka.admin();
  await admin.connect();
  const ends = await admin.fetchTopicOffsets('__consumer_offsets');
  await admin.disconnect();
  const left = new Map(ends.map(({ partition, high }) => [partition, Number(high)]));
  for (const [partition, end] of left) if (end === 0) left.delete(partition);
  const consumer = kafka.consumer({ groupId: `${groupId}-reader`, maxWaitTimeInMs: 100 });
  let generation = 0;
  await consumer.connect();
  await consumer.subscribe({ topic: '__consumer_offsets', fromBeginning: true });
  await new Promise<void>((resolve, reject) => {
    const eachMessage: EachMessageHandler = ({ partition, message: { key, value, offset } }) => {
      if (key !== null && value !== null && groupIn(key) === groupId) {
        generation = Math.max(generation, generationIn(value));
      }
      if (Number(offset) + 1 >= (left.get(partition) ?? 0)) left.delete(partition);
      if (left.size === 0) resolve();
      return Promise.resolve();
    };
    consumer.run({ autoCommit: false, eachMessage }).catch(reject);
  });
  await consumer.disconnect();
  return generation;
}

/** The name in the key of a group's metadata; undefined in other keys. */
function groupIn(key: Buffer): string | undefined {
  if (key.readInt16BE(0) !== METADATA_KEY) return undefined;
  return key.toString('utf8', 4, 4 + key.readInt16BE(2));
}

function generationIn(value: Buffer): number {
  return value.readInt32BE(4 + value.readInt16BE(2));
}
