import { afterAll, beforeAll, expect, test } from 'vitest';
import { isSluiceError } from '../../../src/base/errors.js';
import { never } from '../../../src/base/signals.js';
import { partitionKey, type OpenOptions, type SourceEvent } from '../../../src/source/change-source.js';
import { kafka, type KafkaSourceOptions } from '../../../src/source/kafka/kafka.js';
import { describeWithKafka, sharedKafka } from '../../support/kafka-broker.js';
import { TestTopics } from '../../support/kafka-topics.js';
import { eventually, valuesOf } from '../../support/source-events.js';

describeWithKafka(
  'a member of a group',
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

    const sourceOf = (options: Partial<KafkaSourceOptions> & Pick<KafkaSourceOptions, 'topics'>) =>
      kafka({
        brokers: [broker.bootstrap],
        groupId: `${topics.prefix}.${(runs += 1)}`,
        fetch: { maxWaitMs: 100 },
        sessionTimeoutMs: 3_000,
        ...options,
      });

    /** A consumer that keeps progress per partition as tables would, in a map that others may share. */
    const follow = (source: ReturnType<typeof kafka>, progress: Map<string, number>, signal: AbortSignal) => {
      const events: SourceEvent[] = [];
      const open: OpenOptions = {
        resumeAt: ({ topic, partition }) =>
          Promise.resolve(progress.get(partitionKey(topic, partition)) ?? 0),
        untilEnd: false,
        signal,
      };
      const done = (async () => {
        for await (const event of source.open(open)) {
          events.push(event);
          const range = event.kind === 'batch' ? event.batch : event.kind === 'progress' ? event : undefined;
          if (range === undefined) continue;
          const key = partitionKey(range.topic, range.partition);
          // What a table does: a range that does not begin where it stands is not applied.
          if (range.base !== (progress.get(key) ?? 0)) continue;
          progress.set(key, range.next);
          source.acknowledge(range, range.next);
        }
      })().catch((cause: unknown) => {
        if (!signal.aborted) throw cause;
      });
      return { events, done };
    };
    const owned = (events: readonly SourceEvent[]): ReadonlySet<string> => {
      const keys = new Set<string>();
      for (const event of events) {
        if (event.kind !== 'assigned' && event.kind !== 'revoked') continue;
        for (const { topic, partition } of event.partitions) {
          const key = partitionKey(topic, partition);
          if (event.kind === 'revoked') keys.delete(key);
          else if (keys.has(key)) throw new Error(`${key} is assigned again without a revocation`);
          else keys.add(key);
        }
      }
      return keys;
    };

    test('two members share the partitions, and hand over what they lose before they get anything new', async () => {
      const topic = await topics.make('shared', { numPartitions: 4 });
      const send = (text: string) =>
        topics.producer.send({
          topic,
          messages: Array.from({ length: 40 }, (_, i) => ({ partition: i % 4, value: `${text}${i}` })),
        });
      const groupId = `${topics.prefix}.pair`;
      await using one = sourceOf({ topics: [topic], groupId });
      await using two = sourceOf({ topics: [topic], groupId });
      const progress = new Map<string, number>();
      const [stopOne, stopTwo] = [new AbortController(), new AbortController()];
      const first = follow(one, progress, stopOne.signal);
      await send('a');
      await eventually(
        async () => [...progress.values()],
        (at) => at.length === 4 && at.every((n) => n === 10),
      );
      const second = follow(two, progress, stopTwo.signal);
      await eventually(
        async () => [owned(first.events).size, owned(second.events).size],
        ([a, b]) => a === 2 && b === 2,
      );
      await send('b');
      await eventually(
        async () => [...progress.values()],
        (at) => at.every((n) => n === 20),
      );
      stopTwo.abort(new Error('leaves'));
      await second.done;
      await eventually(
        async () => owned(first.events).size,
        (count) => count === 4,
      );
      await send('c');
      await eventually(
        async () => [...progress.values()],
        (at) => at.every((n) => n === 30),
      );
      stopOne.abort(new Error('enough'));
      await first.done;
      // Nothing of a partition while it is not owned.
      for (const events of [first.events, second.events]) assertOnlyOwned(events);
      const values = [...valuesOf(first.events), ...valuesOf(second.events)];
      expect(new Set(values).size).toBe(120);
    });

    test('a consumer that does not pull stays in the group, and loses nothing', async () => {
      const topic = await topics.make('idle');
      const value = 'x'.repeat(1000);
      for (let i = 0; i < 4; i += 1) {
        await topics.producer.send({ topic, messages: Array.from({ length: 800 }, () => ({ value })) });
      }
      await using source = sourceOf({ topics: [topic], sessionTimeoutMs: 1_000, readAheadBytes: 100_000 });
      const events: SourceEvent[] = [];
      for await (const event of source.open({
        resumeAt: () => Promise.resolve(0),
        untilEnd: true,
        signal: never,
      })) {
        events.push(event);
        // Longer than the session, and than a full hand-over keeps the client waiting before it pauses.
        if (event.kind === 'batch' && event.batch.base === 0)
          await new Promise((resolve) => setTimeout(resolve, 3_000));
      }
      expect(events.map(({ kind }) => kind).filter((kind) => kind !== 'batch')).toEqual([
        'assigned',
        'drained',
      ]);
      expect(valuesOf(events).length).toBe(3_200);
    });

    test('while nobody pulls, no more is fetched than the hand-over holds and one fetch', async () => {
      const topic = await topics.make('bounded', { numPartitions: 2 });
      const value = 'x'.repeat(10_000);
      for (let i = 0; i < 16; i += 1) {
        await topics.producer.send({
          topic,
          messages: Array.from({ length: 80 }, (_, j) => ({ partition: j % 2, value })),
        });
      }
      const lines: string[] = [];
      await using source = sourceOf({
        topics: [topic],
        readAheadBytes: 1_000_000,
        fetch: { maxWaitMs: 100, maxBytes: 1_000_000, maxBytesPerPartition: 500_000 },
        log: ({ message }) => lines.push(message),
      });
      const events = source.open({ resumeAt: () => Promise.resolve(0), untilEnd: true, signal: never });
      const iterator = events[Symbol.asyncIterator]();
      await iterator.next();
      await eventually(
        async () => lines.filter((line) => line.startsWith('Pausing')).length,
        (count) => count >= 2,
      );
      // What lies ready can be pulled before anything more can arrive.
      let [ready, all] = [0, 0];
      let arrived = false;
      setImmediate(() => (arrived = true));
      for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
        if (next.value.kind !== 'batch') continue;
        all += next.value.batch.bytes;
        if (!arrived) ready = all;
      }
      expect(ready).toBeGreaterThan(0);
      expect(ready).toBeLessThan(3_000_000);
      expect(all).toBeGreaterThan(12_800_000);
    });

    test('a topic that begins to match a pattern is taken in, and one that does not is left alone', async () => {
      const name = `late.${(runs += 1)}`;
      const early = await topics.make(`${name}.a`);
      await topics.make(`other.${name}`);
      await topics.producer.send({ topic: early, messages: [{ value: 'early' }] });
      const pattern = new RegExp(`^${topics.prefix}\\.${name.replaceAll('.', '\\.')}\\.`, 'g');
      await using source = sourceOf({ topics: [pattern], discoverMs: 300 });
      const stop = new AbortController();
      const progress = new Map<string, number>();
      const following = follow(source, progress, stop.signal);
      await eventually(
        async () => valuesOf(following.events).length,
        (count) => count === 1,
      );
      const late = await topics.make(`${name}.b`);
      await topics.producer.send({ topic: late, messages: [{ value: 'late' }] });
      await eventually(
        async () => valuesOf(following.events),
        (values) => values.includes('late'),
      );
      stop.abort(new Error('enough'));
      await following.done;
      expect(valuesOf(following.events)).toEqual(['early', 'late']);
      expect([...progress.keys()].toSorted()).toEqual([`${early}:0`, `${late}:0`]);
    });

    test('partitions that are added to a topic are taken in', async () => {
      const topic = await topics.make('grown');
      await topics.producer.send({ topic, messages: [{ value: 'old', partition: 0 }] });
      await using source = sourceOf({ topics: [topic], discoverMs: 300 });
      const stop = new AbortController();
      const following = follow(source, new Map(), stop.signal);
      await eventually(
        async () => valuesOf(following.events).length,
        (count) => count === 1,
      );
      await topics.admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] });
      await eventually(
        async () => owned(following.events).size,
        (count) => count === 3,
      );
      const writer = topics.newProducer();
      await writer.connect();
      await writer.send({ topic, messages: [{ value: 'new', partition: 2 }] });
      await writer.disconnect();
      await eventually(
        async () => valuesOf(following.events),
        (values) => values.includes('new'),
      );
      stop.abort(new Error('enough'));
      await following.done;
      expect(valuesOf(following.events)).toEqual(['old', 'new']);
    });

    test('a topic that does not exist is TOPIC_NOT_FOUND and names it', async () => {
      await using source = sourceOf({ topics: ['no-such-topic'] });
      const reading = (async () => {
        for await (const event of source.open({
          resumeAt: () => Promise.resolve(0),
          untilEnd: false,
          signal: never,
        })) {
          throw new Error(`unexpected ${event.kind}`);
        }
      })();
      await expect(reading).rejects.toSatisfy(
        (cause) => isSluiceError(cause, 'TOPIC_NOT_FOUND') && cause.message.includes('no-such-topic'),
      );
    });

    test('a topic that is deleted while it is read holds up no other, and is read again when it is made anew', async () => {
      // A client that has sent to a topic that is gone asks for it in vain ever after: these are this test's own.
      await using topics = await TestTopics.connect(broker.bootstrap);
      const [kept, renewed] = [await topics.make('kept'), await topics.make('renewed')];
      const groupId = `${topics.prefix}.renewed`;
      const send = (topic: string, value: string) =>
        topics.producer.send({ topic, messages: [{ partition: 0, value }] });
      await using one = sourceOf({ topics: [kept, renewed], groupId, discoverMs: 200 });
      await using two = sourceOf({ topics: [kept, renewed], groupId, discoverMs: 200 });
      const progress = new Map<string, number>();
      const [stopOne, stopTwo] = [new AbortController(), new AbortController()];
      const first = follow(one, progress, stopOne.signal);
      await Promise.all([send(kept, 'a'), send(renewed, 'b')]);
      await eventually(
        async () => valuesOf(first.events),
        (values) => values.length === 2,
      );
      await topics.admin.deleteTopics({ topics: [renewed] });
      await eventually(
        () => topics.admin.listTopics(),
        (listed) => !listed.includes(renewed),
      );
      progress.delete(partitionKey(renewed, 0));
      // A new generation, so that where to begin is asked anew, of the topic that is gone too.
      const second = follow(two, progress, stopTwo.signal).done.catch((cause: unknown) => {
        // One that begins only now takes the name for a mistake.
        if (!isSluiceError(cause, 'TOPIC_NOT_FOUND')) throw cause;
      });
      await send(kept, 'c');
      await eventually(
        async () => valuesOf(first.events),
        (values) => values.includes('c'),
      );
      await eventually(
        async () => first.events,
        (events) => events.some((event) => event.kind === 'waiting' && event.why.includes(renewed)),
      );
      await topics.admin.createTopics({
        topics: [{ topic: renewed, numPartitions: 1, replicationFactor: 1 }],
      });
      await send(renewed, 'd');
      await eventually(
        async () => valuesOf(first.events),
        (values) => values.includes('d'),
      );
      stopOne.abort(new Error('enough'));
      stopTwo.abort(new Error('enough'));
      await first.done;
      await second;
      assertOnlyOwned(first.events);
    });

    test('a pattern without a topic waits for one, and fails where it may not wait', async () => {
      await using waiting = sourceOf({ topics: [/^no-such-/], discoverMs: 200 });
      for await (const event of waiting.open({
        resumeAt: () => Promise.resolve(0),
        untilEnd: false,
        signal: never,
      })) {
        expect(event.kind).toBe('waiting');
        break;
      }
      await using ending = sourceOf({ topics: [/^no-such-/] });
      const events = ending.open({ resumeAt: () => Promise.resolve(0), untilEnd: true, signal: never });
      await expect(events[Symbol.asyncIterator]().next()).rejects.toSatisfy((cause) =>
        isSluiceError(cause, 'TOPIC_NOT_FOUND'),
      );
    });

    test('progress that was acknowledged shows in the group', async () => {
      const topic = await topics.make('shown');
      await topics.producer.send({ topic, messages: [{ value: 'a' }, { value: 'b' }] });
      const groupId = `${topics.prefix}.shown`;
      await using source = sourceOf({ topics: [topic], groupId });
      for await (const event of source.open({
        resumeAt: () => Promise.resolve(0),
        untilEnd: true,
        signal: never,
      })) {
        if (event.kind === 'batch') source.acknowledge(event.batch, event.batch.next);
      }
      const [shown] = await topics.admin.fetchOffsets({ groupId, topics: [topic] });
      expect(shown?.partitions).toMatchObject([{ partition: 0, offset: '2' }]);
    });
  },
  { shared: true },
);

function assertOnlyOwned(events: readonly SourceEvent[]): void {
  const keys = new Set<string>();
  for (const event of events) {
    if (event.kind === 'assigned') {
      for (const { topic, partition } of event.partitions) keys.add(partitionKey(topic, partition));
    }
    if (event.kind === 'revoked') {
      for (const { topic, partition } of event.partitions) keys.delete(partitionKey(topic, partition));
    }
    if (event.kind === 'batch' && !keys.has(partitionKey(event.batch.topic, event.batch.partition))) {
      throw new Error(`a batch of ${event.batch.topic}:${event.batch.partition}, which is not owned`);
    }
  }
}
