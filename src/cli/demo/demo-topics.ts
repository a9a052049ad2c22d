import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { KafkaAdmin } from '../../kafka/admin.js';
import { kafkaProducer, type OutgoingRecord } from '../../kafka/producer.js';
import type { DemoRecording, Ends } from './recording.js';

/** Topics that hold the recording. */
export type DemoTopics = { readonly names: readonly string[]; readonly prefix: string };

/**
 * Writes the recording's records into new topics of one partition, as they were: key, value, headers, in order. The
 * topics stay on the broker.
 */
export async function produceRecording(
  brokers: readonly string[],
  recording: DemoRecording,
  signal: AbortSignal,
): Promise<DemoTopics> {
  const prefix = `sluice-demo-${randomBytes(4).toString('hex')}`;
  await using admin = new KafkaAdmin({ brokers });
  await using producer = kafkaProducer({ brokers });
  const names: string[] = [];
  for (const [topic, records] of await recordsByTopic(recording)) {
    const name = `${prefix}.${topic}`;
    // As many replicas as the broker gives by default.
    await admin.ensureTopic(name, { partitions: 1, replicationFactor: -1 }, signal);
    await producer.send(name, records, signal);
    names.push(name);
  }
  return { names, prefix };
}

async function recordsByTopic({
  files,
  ends,
}: DemoRecording): Promise<ReadonlyMap<string, readonly OutgoingRecord[]>> {
  const topics = new Map<string, OutgoingRecord[]>();
  for (const file of (await readdir(files)).sort()) {
    const text = gunzipSync(await readFile(join(files, file))).toString('utf8');
    for (const line of text.split('\n')) {
      if (line === '') continue;
      const record = JSON.parse(line) as Line;
      if (!isWanted(record, ends)) continue;
      const list = topics.get(record.topic) ?? [];
      list.push(outgoing(record));
      topics.set(record.topic, list);
    }
  }
  return topics;
}

/** A line of a recording: keys and values are text, so that no number in them is touched. */
type Line = {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly key: string | null;
  readonly value: string | null;
};

function isWanted({ topic, partition, offset }: Line, ends: Ends): boolean {
  return Number(offset) < (ends[topic]?.[String(partition)] ?? 0);
}

function outgoing({ key, value, headers, partition }: Line): OutgoingRecord {
  return {
    key: key === null ? null : Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
    headers: Object.fromEntries(headers.map(([name, text]) => [name, Buffer.from(text)])),
    partition,
  };
}
