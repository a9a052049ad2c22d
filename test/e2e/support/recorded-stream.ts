import type { Admin, IHeaders, Message, Producer } from 'kafkajs';
import type { RawRecord } from '../../../src/cdc/record.js';
import type { Recorded } from '../../support/recordings.js';

/** The topics of a recording, made empty with as many partitions as it has. */
export async function makeTopics(
  admin: Admin,
  recording: ReadonlyMap<string, readonly Recorded[]>,
): Promise<void> {
  await admin.createTopics({
    waitForLeaders: true,
    topics: [...recording].map(([topic, records]) => ({
      topic,
      numPartitions: 1 + Math.max(...records.map(({ partition }) => partition)),
      replicationFactor: 1,
    })),
  });
}

/** Records of all topics in the order in which they were written, each partition's own order kept. */
export function inOrderOfTime(recording: ReadonlyMap<string, readonly Recorded[]>): readonly Recorded[] {
  return [...recording.values()]
    .flat()
    .toSorted((a, b) => Number(a.record.timestamp) - Number(b.record.timestamp));
}

/** Writes records with their keys, values, headers and timestamps into the partitions that they came from. */
export async function produce(
  producer: Producer,
  records: readonly Recorded[],
  compression = 0,
): Promise<void> {
  const byTopic = new Map<string, Message[]>();
  for (const { topic, partition, record } of records) {
    const { key, value, timestamp } = record;
    const message = { key, value, timestamp, partition, headers: headersOf(record) };
    const messages = byTopic.get(topic);
    if (messages === undefined) byTopic.set(topic, [message]);
    else messages.push(message);
  }
  await producer.sendBatch({
    compression,
    topicMessages: [...byTopic].map(([topic, messages]) => ({ topic, messages })),
  });
}

function headersOf({ headers = {} }: RawRecord): IHeaders {
  const given: IHeaders = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined)
      given[name] = typeof value === 'string' || Buffer.isBuffer(value) ? value : [...value];
  }
  return given;
}
