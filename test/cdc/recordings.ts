import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { RawRecord } from '../../src/cdc/record.js';

/** A record of a recording (see test/fixtures/debezium/README.md, "Format of a recording"). */
export type Recorded = RawRecord & { readonly topic: string; readonly partition: number };

/** The folder with the recordings that the package's own tests use. */
export const RECORDINGS = join(import.meta.dirname, '..', 'fixtures', 'debezium');

type Line = {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly timestamp: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly key: string | null;
  readonly value: string | null;
};

/** All records of one recorded topic, by partition and offset. */
export function readRecording(path: string): Recorded[] {
  const text = gunzipSync(readFileSync(path)).toString('utf8');
  const records: Recorded[] = [];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const { topic, partition, offset, timestamp, headers, key, value }: Line = JSON.parse(line);
    records.push({
      topic,
      partition,
      offset,
      timestamp,
      headers: Object.fromEntries(headers.map(([name, text]) => [name, Buffer.from(text)])),
      key: key === null ? null : Buffer.from(key),
      value: value === null ? null : Buffer.from(value),
    });
  }
  return records;
}

/** The recorded topics below a folder, by topic. */
export function readRecordings(folder: string): Map<string, Recorded[]> {
  const topics = new Map<string, Recorded[]>();
  for (const name of readdirSync(folder).sort()) {
    if (name.endsWith('.ndjson.gz'))
      topics.set(name.replace('.ndjson.gz', ''), readRecording(join(folder, name)));
  }
  return topics;
}

/** Records by partition, in offset order. */
export function byPartition(records: readonly Recorded[]): Map<number, Recorded[]> {
  const partitions = new Map<number, Recorded[]>();
  for (const record of records) {
    const list = partitions.get(record.partition) ?? [];
    list.push(record);
    partitions.set(record.partition, list);
  }
  return partitions;
}

export function hasRecordings(folder: string): boolean {
  return existsSync(folder);
}
