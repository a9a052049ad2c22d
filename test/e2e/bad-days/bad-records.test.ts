import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KafkaMessage, Message } from 'kafkajs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { localStore } from '../../../src/storage/local.js';
import { openSnapshot } from '../../../src/table/snapshot.js';
import { describeWithKafka, sharedKafka } from '../../support/kafka-broker.js';
import { TestTopics } from '../../support/kafka-topics.js';
import { never, tableRows } from '../../support/postgres-replay.js';
import { feedErrors, heldOffsets, tilingErrors } from '../../support/table-laws.js';
import { kafkaConnector } from '../support/connector.js';
import { buildPackage } from '../support/package.js';
import { idsFrom, inserts, rowEvent } from '../support/rows.js';
import { Worker } from '../support/worker.js';

/** One bad record each, by the table that it comes to. */
const BAD: Readonly<Record<string, { readonly record: Message; readonly reason: RegExp }>> = {
  not_json: { record: { key: '{"id":6}', value: 'garbage {' }, reason: /JSON/ },
  not_envelope: { record: { key: '{"id":6}', value: '[1,2]' }, reason: /change event/ },
  wrong_type: {
    record: rowEvent({ table: 'wrong_type', id: 6, row: { qty: 'five' } }),
    reason: /qty/,
  },
  no_key: { record: { ...rowEvent({ table: 'no_key', id: 6, row: { qty: 60 } }), key: null }, reason: /key/ },
};
const TABLES = Object.keys(BAD);
/** The bad record of each stream follows as many good ones as this, and as many good ones follow it. */
const AT = 5;

describeWithKafka('records that cannot be applied', () => {
  let folder: string;
  let broker: Awaited<ReturnType<typeof sharedKafka>>;
  let topics: TestTopics;
  const topicOf = new Map<string, string>();

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-bad-records-'));
    await buildPackage();
    broker = await sharedKafka();
    topics = await TestTopics.connect(broker.bootstrap);
    for (const table of [...TABLES, 'good']) {
      const topic = await topics.make(table);
      topicOf.set(table, topic);
      const bad = BAD[table]?.record;
      const messages = [
        ...inserts(table, idsFrom(1, AT)),
        ...(bad === undefined ? [] : [bad]),
        ...inserts(table, idsFrom(100, AT)),
      ];
      await topics.producer.send({
        topic,
        messages: messages.map((message) => ({ ...message, headers: { own: 'kept' } })),
      });
    }
  });
  afterAll(async () => {
    await topics?.[Symbol.asyncDispose]();
    await broker?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  test.each([1, 1000])(
    'with errors.tolerance=none a table ends exactly before its own, the others go on and run exits 1; batches of %i',
    async (rows) => {
      const tables = join(folder, `none-${rows}`);
      const connector = kafkaConnector(`none${rows}`, broker.bootstrap, tables, {
        topics: [...topicOf.values()].join(','),
        'flush.max.rows': String(rows),
      });
      await using worker = await Worker.run(folder, connector, { untilEnd: true });
      expect(await worker.ended(), worker.said).toEqual({ code: 1, signal: null });

      const summary = worker.events.find((event) => event.kind === 'summary');
      expect(summary?.failed.length).toBe(TABLES.length);
      for (const table of TABLES) {
        const topic = topicOf.get(table) ?? '';
        const failure = summary?.failed.find((one) => one.topic === topic);
        expect(failure, table).toMatchObject({ code: 'RECORD_INVALID', partition: 0, offset: AT });
        expect(failure?.reason, table).toMatch(BAD[table]?.reason ?? /^$/);
        await expectTable(tables, table, idsFrom(1, AT), topic, AT);
      }
      const good = topicOf.get('good') ?? '';
      await expectTable(tables, 'good', [...idsFrom(1, AT), ...idsFrom(100, AT)], good, 2 * AT);
    },
  );

  test('a table that ended at a bad record ends there again, and goes on when it may be put aside', async () => {
    const tables = join(folder, 'again');
    const topic = topicOf.get('wrong_type') ?? '';
    const config = { topics: topic };
    for (let run = 0; run < 2; run++) {
      const connector = kafkaConnector('again', broker.bootstrap, tables, config);
      await using worker = await Worker.run(folder, connector, { untilEnd: true });
      expect(await worker.ended(), worker.said).toEqual({ code: 1, signal: null });
      await expectTable(tables, 'wrong_type', idsFrom(1, AT), topic, AT);
    }
    const dead = await topics.make('again-dead');
    const tolerant = { ...config, 'errors.tolerance': 'all', 'errors.deadletterqueue.topic.name': dead };
    await using worker = await Worker.run(
      folder,
      kafkaConnector('again', broker.bootstrap, tables, tolerant),
      { untilEnd: true },
    );
    expect(await worker.ended(), worker.said).toEqual({ code: 0, signal: null });
    await expectTable(tables, 'wrong_type', [...idsFrom(1, AT), ...idsFrom(100, AT)], topic, 2 * AT + 1);
    expect(await lettersIn(dead)).toHaveLength(1);
  });

  test('with errors.tolerance=all they go to the dead letter topic as they were, with their place and reason', async () => {
    const tables = join(folder, 'all');
    const dead = await topics.make('dead');
    const connector = kafkaConnector('all', broker.bootstrap, tables, {
      topics: [...topicOf.values()].join(','),
      'errors.tolerance': 'all',
      'errors.deadletterqueue.topic.name': dead,
    });
    await using worker = await Worker.run(folder, connector, { untilEnd: true });
    expect(await worker.ended(), worker.said).toEqual({ code: 0, signal: null });

    const letters = await lettersIn(dead);
    expect(letters).toHaveLength(TABLES.length);
    for (const table of TABLES) {
      const topic = topicOf.get(table) ?? '';
      const letter = letters.find((one) => headerOf(one, '__connect.errors.topic') === topic);
      const bad = BAD[table]?.record;
      expect(letter?.key?.toString() ?? null, table).toBe(bad?.key ?? null);
      expect(letter?.value?.toString(), table).toBe(bad?.value);
      const text = (name: string) => headerOf(letter, `__connect.errors.${name}`);
      expect(text('partition')).toBe('0');
      expect(text('offset')).toBe(String(AT));
      expect(text('connector.name')).toBe('all');
      expect(text('task.id')).toBe('0');
      expect(text('stage')).toMatch(/^(KEY_CONVERTER|VALUE_CONVERTER|TASK_PUT)$/);
      expect(text('exception.message')).toMatch(BAD[table]?.reason ?? /^$/);
      expect(headerOf(letter, 'own')).toBe('kept');
      await expectTable(tables, table, [...idsFrom(1, AT), ...idsFrom(100, AT)], topic, 2 * AT + 1);
    }
  });

  test('a replay puts them into a file, and its tables go on', async () => {
    const recording = join(folder, 'recording.ndjson');
    const records = [
      ...inserts('shelf', idsFrom(1, AT)),
      { key: '{"id":6}', value: 'garbage {' },
      ...inserts('shelf', idsFrom(100, AT)),
    ];
    const line = ({ key, value }: Message, offset: number): string =>
      JSON.stringify({
        topic: 't',
        partition: 0,
        offset: String(offset),
        timestamp: '1',
        headers: [],
        key,
        value,
      });
    await writeFile(recording, records.map((record, at) => `${line(record, at)}\n`).join(''));
    const [tables, dead] = [join(folder, 'replayed'), join(folder, 'letters', 'dead.ndjson')];
    const connector = {
      name: 'replayed',
      config: {
        'connector.class': 'DeltaSink',
        source: 'replay',
        'replay.files': recording,
        'table.url': tables,
        'errors.tolerance': 'all',
        'errors.deadletterqueue.file': dead,
      },
    };
    await using worker = await Worker.run(folder, connector, { untilEnd: true });
    expect(await worker.ended(), worker.said).toEqual({ code: 0, signal: null });
    const letters = (await readFile(dead, 'utf8')).trimEnd().split('\n');
    expect(letters).toHaveLength(1);
    const letter = JSON.parse(letters[0] ?? '') as Record<string, unknown>;
    expect(letter).toMatchObject({ topic: 't', partition: 0, offset: String(AT) });
    expect(Buffer.from(String(letter['value']), 'base64').toString()).toBe('garbage {');
    expect(letter['headers']).toContainEqual(['__connect.errors.offset', String(AT)]);
    await expectTable(tables, 'shelf', [...idsFrom(1, AT), ...idsFrom(100, AT)], 't', 2 * AT + 1);
  });

  async function lettersIn(topic: string): Promise<readonly KafkaMessage[]> {
    const [end] = await topics.admin.fetchTopicOffsets(topic);
    const letters: KafkaMessage[] = [];
    if (Number(end?.high) === 0) return letters;
    const consumer = topics.kafka.consumer({ groupId: `${topics.prefix}.${topic}` });
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      const eachMessage = async ({ message }: { readonly message: KafkaMessage }) => {
        if (letters.push(message) >= Number(end?.high)) resolve();
      };
      consumer.run({ eachMessage }).catch(reject);
    });
    await consumer.disconnect();
    return letters;
  }
});

function headerOf(letter: KafkaMessage | undefined, name: string): string | undefined {
  const value = letter?.headers?.[name];
  return Array.isArray(value) ? value.join() : value?.toString();
}

/** A table holds exactly these rows, and its offsets end where they should. */
async function expectTable(
  tables: string,
  table: string,
  ids: readonly number[],
  topic: string,
  next: number,
): Promise<void> {
  const store = localStore(join(tables, 'shop', table));
  const rows = await tableRows(store);
  expect(
    rows.map((row) => Number(row['id'])).toSorted((a, b) => a - b),
    table,
  ).toEqual(ids);
  for (const row of rows) expect(Number(row['qty']), table).toBe(Number(row['id']) * 10);
  expect(await tilingErrors(store), table).toEqual([]);
  expect(await feedErrors(store), table).toEqual([]);
  const snapshot = await openSnapshot(store, { signal: never });
  expect(heldOffsets(snapshot).get(`${topic}:0`), table).toBe(next);
}
