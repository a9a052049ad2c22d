import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { never } from '../../src/base/signals.js';
import { fileDeadLetters } from '../../src/sink/dead-letter-file.js';
import { topicDeadLetters } from '../../src/sink/dead-letter-topic.js';
import type { DeadLetter } from '../../src/sink/dead-letters.js';
import type { OutgoingRecord } from '../../src/kafka/producer.js';

const letter: DeadLetter = {
  topic: 'shop.orders',
  partition: 2,
  offset: 9_007_199_254_740_991,
  table: 'shop/orders',
  record: {
    key: Buffer.from('{"id":1}'),
    value: Buffer.from([0xff, 0x00]),
    headers: { trace: Buffer.from([1, 2]), twice: ['a', Buffer.from('b')] },
    offset: '9007199254740991',
    timestamp: '1700000000000',
  },
  problem: { kind: 'value', reason: 'a number too large for its column', field: 'amount' },
};

const context = {
  '__connect.errors.topic': 'shop.orders',
  '__connect.errors.partition': '2',
  '__connect.errors.offset': '9007199254740991',
  '__connect.errors.connector.name': 'lake',
  '__connect.errors.task.id': '0',
  '__connect.errors.stage': 'TASK_PUT',
  '__connect.errors.class.name': 'sluice.DeltaSink',
  '__connect.errors.exception.class.name': 'sluice.RECORD_INVALID',
  '__connect.errors.exception.message': 'a number too large for its column: field amount',
  '__connect.errors.exception.stacktrace': 'RECORD_INVALID: a number too large for its column: field amount',
};

describe('dead letters', () => {
  test('in a file: the exact bytes and the context, one object a line, appended', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-letters-'));
    try {
      const path = join(folder, 'a', 'letters.ndjson');
      for (const record of [letter.record, { ...letter.record, key: null, value: null }]) {
        await using letters = fileDeadLetters(path, { connector: 'lake' });
        await letters.write([{ ...letter, record }], never);
      }
      const lines = (await readFile(path, 'utf8'))
        .trimEnd()
        .split('\n')
        .map((line): unknown => JSON.parse(line));
      expect(lines[0]).toEqual({
        topic: 'shop.orders',
        partition: 2,
        offset: '9007199254740991',
        timestamp: '1700000000000',
        table: 'shop/orders',
        key: 'eyJpZCI6MX0=',
        value: '/wA=',
        headers: [['trace', 'AQI='], ['twice', 'YQ=='], ['twice', 'Yg=='], ...Object.entries(context)],
      });
      expect(lines[1]).toMatchObject({ key: null, value: null });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('a file that cannot be written is worth waiting for, and named', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-letters-'));
    try {
      await writeFile(join(folder, 'a'), 'a file where a folder should be');
      const file = join(folder, 'a', 'letters.ndjson');
      await using letters = fileDeadLetters(file, { connector: 'lake' });
      const refused = { code: 'STORE_UNAVAILABLE', retry: 'ambiguous', context: { file } };
      await expect(letters.write([letter], never)).rejects.toMatchObject(refused);
      await rm(join(folder, 'a'));
      await letters.write([letter], never);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('in a topic: key, value and headers as they came, and the context beside them', async () => {
    const sent: [string, readonly OutgoingRecord[]][] = [];
    let closed = false;
    const producer = {
      send: (topic: string, records: readonly OutgoingRecord[]) =>
        Promise.resolve(void sent.push([topic, records])),
      [Symbol.asyncDispose]: () => Promise.resolve(void (closed = true)),
    };
    {
      await using letters = topicDeadLetters(producer, { topic: 'dead', connector: 'lake' });
      await letters.write([letter], never);
    }
    expect(closed).toBe(true);
    const { key, value } = letter.record;
    expect(sent).toEqual([
      ['dead', [{ key, value, headers: { trace: Buffer.from([1, 2]), twice: 'a', ...context } }]],
    ]);
  });

  test('in a topic: many letters are sent in requests that a broker takes, in their order', async () => {
    const sent: (readonly OutgoingRecord[])[] = [];
    const producer = {
      send: (_: string, records: readonly OutgoingRecord[]) => Promise.resolve(void sent.push(records)),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
    const sizes = [...Array.from({ length: 40 }, () => 30_000), 700_000, 10];
    const many = sizes.map((size, offset) => ({
      ...letter,
      offset,
      record: { ...letter.record, value: Buffer.alloc(size) },
    }));
    await using letters = topicDeadLetters(producer, { topic: 'dead', connector: 'lake' });
    await letters.write(many, never);
    const bytes = sent.map((records) => records.reduce((sum, { value }) => sum + (value?.length ?? 0), 0));
    expect(Math.max(...bytes.filter((size) => size < 700_000))).toBeLessThan(256 << 10);
    expect(bytes).toContain(700_000);
    expect(sent.length).toBeLessThan(9);
    const offsets = sent.flat().map(({ headers }) => Number(headers?.['__connect.errors.offset']));
    expect(offsets).toEqual(many.map(({ offset }) => offset));
  });
});
