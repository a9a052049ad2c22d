import kafkajs, { type Message } from 'kafkajs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { never } from '../../../src/base/signals.js';
import type { ChangeSource, SourceEvent } from '../../../src/source/change-source.js';
import { kafka, type KafkaSourceOptions } from '../../../src/source/kafka/kafka.js';
import { assertTiles } from '../../../src/testing/change-source-contract.js';
import { describeWithKafka, sharedKafka } from '../../support/kafka-broker.js';
import { TestTopics } from '../../support/kafka-topics.js';
import { eventually, offsetsOf, positionOf, readToEnd, valuesOf } from '../../support/source-events.js';

describeWithKafka(
  'continuity over a real broker',
  () => {
    let broker: Awaited<ReturnType<typeof sharedKafka>>;
    let topics: TestTopics;
    let runs = 0;

    beforeAll(async () => {
      broker = await sharedKafka();
      topics = await TestTopics.connect(broker.bootstrap);
    });
    afterAll(async () => {
      await topics?.[Symbol.asyncDispose]();
      await broker?.[Symbol.asyncDispose]();
    });

    const sourceOf = (topic: string, options: Partial<KafkaSourceOptions> = {}): ChangeSource =>
      kafka({
        brokers: [broker.bootstrap],
        topics: [topic],
        groupId: `${topics.prefix}.${(runs += 1)}`,
        fetch: { maxWaitMs: 100 },
        ...options,
      });
    const send = (topic: string, messages: readonly Message[]) =>
      topics.producer.send({ topic, messages: [...messages] });
    const numbered = (from: number, upTo: number): readonly Message[] =>
      Array.from({ length: upTo - from }, (_, i) => ({ key: `k${from + i}`, value: `v${from + i}` }));
    const deleteBelow = async (topic: string, offset: number) => {
      // The client looks for the leader among the topics it knows already.
      await topics.admin.fetchTopicOffsets(topic);
      await topics.admin.deleteTopicRecords({
        topic,
        partitions: [{ partition: 0, offset: String(offset) }],
      });
    };
    const begun = async (topic: string) => {
      const producer = topics.newProducer({ transactionalId: `${topic}.tx.${(runs += 1)}` });
      await producer.connect();
      const transaction = await producer.transaction();
      return {
        send: (...messages: readonly Message[]) => transaction.send({ topic, messages: [...messages] }),
        end: async (how: 'commit' | 'abort') => {
          await transaction[how]();
          await producer.disconnect();
        },
      };
    };
    /** Waits for the markers too, which a broker writes after it has answered. */
    const untilStable = (topic: string, end: number) =>
      eventually(
        () => topics.admin.fetchTopicOffsets(topic),
        ([partition]) => Number(partition?.high) === end,
      );
    const inTransaction = async (topic: string, messages: readonly Message[], how: 'commit' | 'abort') => {
      const [before] = await topics.admin.fetchTopicOffsets(topic);
      const transaction = await begun(topic);
      await transaction.send(...messages);
      await transaction.end(how);
      await untilStable(topic, Number(before?.high) + messages.length + 1);
    };

    test('R1: the offset that the group holds is neither used nor needed', async () => {
      const topic = await topics.make('group-offset');
      await send(topic, numbered(0, 40));
      const groupId = `${topics.prefix}.held`;
      await topics.admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset: '30' }] });
      await using source = sourceOf(topic, { groupId });
      const events = await readToEnd(source, 10);
      expect(offsetsOf(events)).toEqual(Array.from({ length: 30 }, (_, i) => i + 10));
      assertTiles(events, { topic, partition: 0 }, 10);
    });

    test('R1: records that are deleted under a reader are a gap, not a jump', async () => {
      const topic = await topics.make('deleted');
      const at = { topic, partition: 0 };
      await send(topic, numbered(0, 10));
      await using source = sourceOf(topic);
      const events: SourceEvent[] = [];
      const open = { resumeAt: () => Promise.resolve(0), untilEnd: false, signal: never };
      for await (const event of source.open(open)) {
        events.push(event);
        if (event.kind === 'batch' && event.batch.next === 10) {
          source.pause([at]);
          await send(topic, numbered(10, 30));
          await deleteBelow(topic, 25);
          source.resume([at]);
        }
        if (event.kind === 'gap') source.seek(at, event.found);
        if (positionOf(events) === 30) break;
      }
      expect(events.find(({ kind }) => kind === 'gap')).toEqual({
        kind: 'gap',
        ...at,
        expected: 10,
        found: 25,
      });
      expect(offsetsOf(events)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 25, 26, 27, 28, 29]);
    });

    test('R1: a start below what is left is a gap', async () => {
      const topic = await topics.make('expired');
      const at = { topic, partition: 0 };
      await send(topic, numbered(0, 20));
      await deleteBelow(topic, 12);
      await using source = sourceOf(topic);
      const events: SourceEvent[] = [];
      for await (const event of source.open({
        resumeAt: () => Promise.resolve(3),
        untilEnd: true,
        signal: never,
      })) {
        events.push(event);
        if (event.kind === 'gap') source.seek(at, event.found);
      }
      expect(events.find(({ kind }) => kind === 'gap')).toEqual({
        kind: 'gap',
        ...at,
        expected: 3,
        found: 12,
      });
      expect(offsetsOf(events)[0]).toBe(12);
    });

    test('R1: a topic made anew with fewer records is a gap', async () => {
      const topic = await topics.make('anew');
      await send(topic, numbered(0, 5));
      await using source = sourceOf(topic);
      const first: SourceEvent[] = [];
      for await (const event of source.open({
        resumeAt: () => Promise.resolve(50),
        untilEnd: true,
        signal: never,
      })) {
        first.push(event);
        if (event.kind === 'gap') break;
      }
      expect(first.at(-1)).toEqual({ kind: 'gap', topic, partition: 0, expected: 50, found: 5 });
    });

    test('R2: a committed transaction at the tail is read, and its marker is passed', async () => {
      const topic = await topics.make('committed-tail');
      await send(topic, numbered(0, 3));
      await inTransaction(topic, numbered(3, 5), 'commit');
      await using source = sourceOf(topic);
      const events = await readToEnd(source);
      expect(valuesOf(events)).toEqual(['v0', 'v1', 'v2', 'v3', 'v4']);
      expect(assertTiles(events, { topic, partition: 0 }, 0)).toBe(6);
    });

    test('R2: a start at the marker of a transaction drains', async () => {
      const topic = await topics.make('at-marker');
      await inTransaction(topic, numbered(0, 2), 'commit');
      await using source = sourceOf(topic);
      const events = await readToEnd(source, 2);
      expect(valuesOf(events)).toEqual([]);
      expect(assertTiles(events, { topic, partition: 0 }, 2)).toBe(3);
      expect(events.at(-1)).toEqual({ kind: 'drained' });
    });

    test('R2: an aborted transaction at the tail is passed without a record', async () => {
      const topic = await topics.make('aborted-tail');
      await send(topic, numbered(0, 3));
      await inTransaction(topic, numbered(3, 6), 'abort');
      await using source = sourceOf(topic);
      const events = await readToEnd(source);
      expect(valuesOf(events)).toEqual(['v0', 'v1', 'v2']);
      expect(assertTiles(events, { topic, partition: 0 }, 0)).toBe(7);
    });

    test('R2: an open transaction holds its records and everything after them back, until it is decided', async () => {
      const topic = await topics.make('open-transaction');
      await send(topic, numbered(0, 2));
      const transaction = await begun(topic);
      await transaction.send(...numbered(2, 4));
      await send(topic, numbered(4, 6));
      await using source = sourceOf(topic);
      // What can be read when it is opened ends before the open transaction.
      expect(positionOf(await readToEnd(source))).toBe(2);
      expect(await source.watermarks({ topic, partition: 0 }, never)).toEqual({ low: 0, high: 2 });

      const events: SourceEvent[] = [];
      let decided: Promise<number | undefined> | undefined;
      const open = { resumeAt: () => Promise.resolve(0), untilEnd: false, signal: never };
      for await (const event of source.open(open)) {
        events.push(event);
        if (event.kind === 'batch' && decided === undefined) {
          decided = (async () => {
            // Several fetches later.
            await new Promise((resolve) => setTimeout(resolve, 500));
            const position = positionOf(events);
            await transaction.end('abort');
            return position;
          })();
        }
        if (positionOf(events) === 7) break;
      }
      expect(events[1]).toMatchObject({ batch: { next: 2, highWatermark: 6 } });
      expect(await decided).toBe(2);
      expect(valuesOf(events)).toEqual(['v0', 'v1', 'v4', 'v5']);
      assertTiles(events, { topic, partition: 0 }, 0);
    });

    test('R2: a topic of nothing but aborted records drains', async () => {
      const topic = await topics.make('all-aborted');
      await inTransaction(topic, numbered(0, 4), 'abort');
      await inTransaction(topic, numbered(4, 8), 'abort');
      await using source = sourceOf(topic);
      const events = await readToEnd(source);
      expect(offsetsOf(events)).toEqual([]);
      expect(assertTiles(events, { topic, partition: 0 }, 0)).toBe(10);
    });

    test('records of aborted transactions that overlap are left out wherever a fetch begins', async () => {
      const topic = await topics.make('overlapping');
      const [one, two] = [await begun(topic), await begun(topic)];
      await one.send({ value: 'one' });
      await two.send({ value: 'two' });
      await two.send({ value: 'two again' });
      await one.send({ value: 'one again' });
      await send(topic, [{ value: 'plain' }]);
      await one.end('abort');
      await two.end('abort');
      await untilStable(topic, 7);
      await using source = sourceOf(topic);
      for (const from of [0, 1, 2, 3]) {
        const events = await readToEnd(source, from);
        expect(valuesOf(events)).toEqual(['plain']);
        expect(assertTiles(events, { topic, partition: 0 }, from)).toBe(7);
      }
    });

    test('an aborted record whose key looks like the marker of an abort does not end its transaction', async () => {
      const topic = await topics.make('marker-key');
      const key = Buffer.alloc(4);
      await inTransaction(
        topic,
        [
          { key, value: 'a' },
          { key, value: 'b' },
          { key, value: 'c' },
        ],
        'abort',
      );
      await inTransaction(topic, [{ key, value: 'd' }], 'commit');
      await using source = sourceOf(topic);
      expect(valuesOf(await readToEnd(source))).toEqual(['d']);
    });

    const COMPACTED = Object.entries({
      'cleanup.policy': 'compact',
      'segment.ms': '50',
      'min.cleanable.dirty.ratio': '0.001',
      'min.compaction.lag.ms': '0',
      'delete.retention.ms': '0',
    }).map(([name, value]) => ({ name, value }));

    test('R2: a tail that is compacted away, with only an aborted transaction after it, drains', async () => {
      const topic = await topics.make('compacted-tail', { configEntries: COMPACTED });
      await send(topic, numbered(0, 10));
      await send(
        topic,
        numbered(0, 10).map(({ key }) => ({ key: key ?? null, value: null })),
      );
      // Each append that finds its segment old begins a new one, so that the one before can be compacted.
      const read = async () => {
        await new Promise((resolve) => setTimeout(resolve, 100));
        await inTransaction(topic, [{ key: 'never', value: 'aborted' }], 'abort');
        await using source = sourceOf(topic);
        return await readToEnd(source);
      };
      const events = await eventually(read, (found) => offsetsOf(found).length === 0);
      const { high } = await sourceOf(topic).watermarks({ topic, partition: 0 }, never);
      expect(assertTiles(events, { topic, partition: 0 }, 0)).toBe(high);
    });

    test('R2: batches that compaction has emptied are crossed, with one segment in an answer', async () => {
      const topic = await topics.make('emptied', { configEntries: COMPACTED });
      const producer = topics.kafka.producer({
        idempotent: true,
        maxInFlightRequests: 1,
        createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
      });
      await producer.connect();
      // The last batch of a producer keeps its place when it is emptied, for the sake of its sequence number.
      await producer.send({ topic, messages: [...numbered(0, 30)] });
      await producer.disconnect();
      const read = async () => {
        await new Promise((resolve) => setTimeout(resolve, 100));
        await send(topic, numbered(0, 30));
        await using source = sourceOf(topic, { fetch: { maxWaitMs: 100, maxBytesPerPartition: 1 } });
        return await readToEnd(source);
      };
      const events = await eventually(read, (found) => (offsetsOf(found)[0] ?? 0) >= 30);
      assertTiles(events, { topic, partition: 0 }, 0);
      expect(valuesOf(events).slice(-30)).toEqual(numbered(0, 30).map(({ value }) => value));
    });

    test('R2: a stretch that is compacted away inside a batch is crossed, also by a start in it', async () => {
      const topic = await topics.make('compacted-inside', { configEntries: COMPACTED });
      await send(topic, numbered(0, 60));
      const again = numbered(0, 60).filter((_, i) => i !== 5);
      const read = async () => {
        await new Promise((resolve) => setTimeout(resolve, 100));
        await send(topic, again);
        // One batch a fetch: then a fetch from inside the first one brings nothing.
        await using source = sourceOf(topic, { fetch: { maxWaitMs: 100, maxBytesPerPartition: 1 } });
        return await readToEnd(source, 20);
      };
      const events = await eventually(read, (found) => (offsetsOf(found)[0] ?? 0) >= 60);
      assertTiles(events, { topic, partition: 0 }, 20);
      const last = valuesOf(events).slice(-59);
      expect(last).toEqual(again.map(({ value }) => value));
    });
  },
  { shared: true },
);
