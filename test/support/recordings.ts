import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { RawRecord } from '../../src/cdc/record.js';

/** Recorded Debezium streams with the databases' own rows (README.md there). */
export const RECORDINGS = 'test/fixtures/debezium';

/** One record of a recording, as the Kafka client would hand it over. */
export type Recorded = { readonly topic: string; readonly partition: number; readonly record: RawRecord };

/** All records of a recording's folder by topic, each topic sorted by partition and offset. */
export function readRecording(folder: string): ReadonlyMap<string, readonly Recorded[]> {
  const topics = new Map<string, Recorded[]>();
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.ndjson.gz'))) {
    for (const recorded of readRecordedFile(join(folder, file))) {
      const list = topics.get(recorded.topic);
      if (list === undefined) topics.set(recorded.topic, [recorded]);
      else list.push(recorded);
    }
  }
  return topics;
}

/** The records of one file of a recording, or those whose lines `takes`. */
export function readRecordedFile(file: string, takes: (line: string) => boolean = () => true): Recorded[] {
  const recorded: Recorded[] = [];
  for (const line of gunzipSync(readFileSync(file)).toString('utf8').split('\n')) {
    if (line === '' || !takes(line)) continue;
    const one = JSON.parse(line) as Line;
    recorded.push({ topic: one.topic, partition: one.partition, record: recordOf(one) });
  }
  return recorded;
}

/** A phase of the PostgreSQL recordings: which records made it. */
export type Phase = {
  readonly phase: string;
  readonly next_offsets: Readonly<Record<string, Readonly<Record<string, number>>>>;
};

export function readPhases(folder = join(RECORDINGS, 'postgres')): readonly Phase[] {
  return JSON.parse(readFileSync(join(folder, 'phases.json'), 'utf8')) as readonly Phase[];
}

type Line = {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly timestamp: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly key: string | null;
  readonly value: string | null;
};

function recordOf({ offset, timestamp, headers, key, value }: Line): RawRecord {
  return {
    key: key === null ? null : Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
    headers: Object.fromEntries(headers.map(([name, text]) => [name, Buffer.from(text)])),
    offset,
    timestamp,
  };
}
