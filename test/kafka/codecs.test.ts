import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as fc from 'fast-check';
import kafkajs from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isSluiceError } from '../../src/base/errors.js';
import { never } from '../../src/base/signals.js';
import { guarded, registerCodecs } from '../../src/kafka/codecs.js';
import { kafka } from '../../src/source/kafka/kafka.js';
import { describeWithKafka, startKafka, type KafkaBroker } from '../support/kafka-broker.js';
import { TestTopics } from '../support/kafka-topics.js';
import { readToEnd, valuesOf } from '../support/source-events.js';

const { CompressionCodecs, CompressionTypes } = kafkajs;
const PRODUCE = fileURLToPath(new URL('../support/kafka/Produce.java', import.meta.url));
const CODECS = ['gzip', 'snappy', 'lz4', 'zstd'] as const;
const TYPES = {
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
};

type Codec = {
  compress(encoder: { buffer: Buffer }): Promise<Buffer>;
  decompress(bytes: Buffer): Promise<Buffer>;
};

function codecOf(name: 'snappy' | 'lz4' | 'zstd'): Codec {
  registerCodecs();
  const codecs: Record<number, () => Codec> = CompressionCodecs;
  const make = codecs[TYPES[name]];
  if (make === undefined) throw new Error(`no codec ${name}`);
  return make();
}

describe.each(['snappy', 'lz4', 'zstd'] as const)('the codec %s', (name) => {
  test('gives back what it was given', async () => {
    const codec = codecOf(name);
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 5000 }),
        fc.integer({ min: 1, max: 50 }),
        async (bytes, times) => {
          const text = Buffer.concat(Array.from({ length: times }, () => bytes));
          const back = await codec.decompress(await codec.compress({ buffer: text }));
          expect(back.equals(text)).toBe(true);
        },
      ),
      { numRuns: 50 },
    );
  });

  test('takes what swells to many megabytes', async () => {
    const codec = codecOf(name);
    const text = Buffer.alloc(20_000_000, 'abc');
    expect((await codec.decompress(await codec.compress({ buffer: text }))).equals(text)).toBe(true);
  });

  test('names itself when the bytes are damaged', async () => {
    const damaged = Buffer.from('this was never compressed by anyone, whatever it may say');
    await expect(codecOf(name).decompress(damaged)).rejects.toSatisfy(
      (cause) => isSluiceError(cause, 'RECORD_INVALID') && cause.context['codec'] === name,
    );
  });
});

describeWithKafka('compressed topics', () => {
  let broker: KafkaBroker;
  let topics: TestTopics;
  beforeAll(async () => {
    broker = await startKafka();
    topics = await TestTopics.connect(broker.bootstrap);
  });
  afterAll(async () => {
    await topics?.[Symbol.asyncDispose]();
    await broker?.stop();
  });

  test.each(CODECS)('records that our producer compressed with %s are read', async (name) => {
    const topic = await topics.make(`ours.${name}`);
    const messages = Array.from({ length: 500 }, (_, i) => ({ value: `${i}:${'x'.repeat(500)}` }));
    await topics.producer.send({ topic, compression: TYPES[name], messages });
    expect(await read(topic)).toEqual(messages.map(({ value }) => value));
  });

  test.each(CODECS)('records that the Java client compressed with %s are read', async (name) => {
    if (broker.libs === undefined) return; // In a container there are no jars to write with.
    const topic = await topics.make(`java.${name}`, {
      configEntries: [{ name: 'max.message.bytes', value: '8000000' }],
    });
    const [count, padding] = [6_000, 2_000];
    await promisify(execFile)('java', [
      '-XX:TieredStopAtLevel=1',
      '-cp',
      join(broker.libs, '*'),
      PRODUCE,
      broker.bootstrap,
      topic,
      name,
      String(count),
      String(padding),
    ]);
    const values = await read(topic);
    expect(values.length).toBe(count);
    expect(values).toEqual(Array.from({ length: count }, (_, i) => `${i}:${'x'.repeat(padding)}:${i}`));
  });

  test('records that cannot be decompressed end the iteration at once', async () => {
    const topic = await topics.make('damaged');
    await topics.producer.send({
      topic,
      compression: CompressionTypes.LZ4,
      messages: [{ value: 'x'.repeat(1000) }],
    });
    await using source = kafka({
      brokers: [broker.bootstrap],
      topics: [topic],
      groupId: topic,
      fetch: { maxWaitMs: 100 },
    });
    const damaged = guarded('lz4', {
      compress: () => Promise.reject(new Error('not asked')),
      decompress: () => Promise.reject(new Error('no frame')),
    });
    const reading = (async () => {
      const open = { resumeAt: () => Promise.resolve(0), untilEnd: false, signal: never };
      for await (const event of source.open(open)) {
        if (event.kind === 'assigned') CompressionCodecs[CompressionTypes.LZ4] = () => damaged;
      }
    })();
    await expect(reading).rejects.toSatisfy(
      (cause) => isSluiceError(cause, 'RECORD_INVALID') && cause.context['why'] === 'no frame',
    );
    registerCodecs();
  }, 15_000);

  async function read(topic: string): Promise<readonly string[]> {
    await using source = kafka({
      brokers: [broker.bootstrap],
      topics: [topic],
      groupId: topic,
      fetch: { maxWaitMs: 100 },
    });
    return valuesOf(await readToEnd(source));
  }
});
