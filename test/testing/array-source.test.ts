import { describe, test } from 'vitest';
import { arraySource } from '../../src/testing/array-source.js';
import { describeChangeSource, type OpenSource } from '../../src/testing/change-source-contract.js';

const inMemory: OpenSource = (records) => {
  const next = new Map<string, number>();
  const batches = records.map(({ topic, partition, key, value, headers, timestampMs }) => {
    const at = `${topic}:${partition}`;
    const offset = next.get(at) ?? 0;
    next.set(at, offset + 1);
    const record = {
      key: key === null ? null : Buffer.from(key),
      value: value === null ? null : Buffer.from(value),
      headers: headers ?? {},
      offset: String(offset),
      timestamp: String(timestampMs),
    };
    return { topic, partition, records: [record] };
  });
  const source = arraySource(batches);
  return Promise.resolve({
    source,
    topic: (name) => name,
    [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
  });
};

describeChangeSource('a source in memory', inMemory, { describe, test });
