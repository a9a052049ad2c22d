import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, test } from 'vitest';
import { replay } from '../../src/source/replay/replay.js';
import {
  describeChangeSource,
  type GivenRecord,
  type OpenSource,
} from '../../src/testing/change-source-contract.js';

/** One file a topic, sorted by partition and offset, as recordings are. */
function recorded(suffix: '.ndjson' | '.ndjson.gz'): OpenSource {
  return async (records) => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-replay-'));
    const lines = withOffsets(records);
    for (const topic of new Set(lines.map((line) => line.topic))) {
      const own = lines.filter((line) => line.topic === topic);
      const text = own.map((line) => `${JSON.stringify(line)}\n`).join('');
      await writeFile(join(folder, `${topic}${suffix}`), suffix === '.ndjson' ? text : gzipSync(text));
    }
    const source = replay({ files: [folder] });
    return {
      source,
      topic: (name) => name,
      [Symbol.asyncDispose]: async () => {
        await source[Symbol.asyncDispose]();
        await rm(folder, { recursive: true });
      },
    };
  };
}

function withOffsets(records: readonly GivenRecord[]) {
  const next = new Map<string, number>();
  return records.map(({ topic, partition, timestampMs, headers, key, value }) => {
    const at = `${topic}:${partition}`;
    const offset = next.get(at) ?? 0;
    next.set(at, offset + 1);
    const list = Object.entries(headers ?? {});
    return {
      topic,
      partition,
      offset: String(offset),
      timestamp: String(timestampMs),
      headers: list,
      key,
      value,
    };
  });
}

describeChangeSource('a replay of plain files', recorded('.ndjson'), { describe, test });
describeChangeSource('a replay of compressed files', recorded('.ndjson.gz'), { describe, test });
