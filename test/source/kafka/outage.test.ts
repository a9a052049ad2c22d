import { expect, test } from 'vitest';
import { isSluiceError } from '../../../src/base/errors.js';
import { never } from '../../../src/base/signals.js';
import type { SourceEvent } from '../../../src/source/change-source.js';
import { kafka } from '../../../src/source/kafka/kafka.js';
import { assertTiles } from '../../../src/testing/change-source-contract.js';
import { describeWithKafka, startKafka } from '../../support/kafka-broker.js';
import { freePort } from '../../support/kafka-jvm.js';
import { TestTopics } from '../../support/kafka-topics.js';
import { eventually, valuesOf } from '../../support/source-events.js';

describeWithKafka('a broker that goes away', () => {
  test('a broker that dies and comes back is waited for, and told of once', async () => {
    await using broker = await startKafka();
    const topics = await TestTopics.connect(broker.bootstrap);
    const topic = await topics.make('outage');
    await topics.producer.send({ topic, messages: [{ value: 'before' }] });
    await using source = kafka({
      brokers: [broker.bootstrap],
      topics: [topic],
      groupId: 'outage',
      fetch: { maxWaitMs: 100 },
      outageMs: 500,
    });
    const stop = new AbortController();
    const events: SourceEvent[] = [];
    let next = 0;
    const reading = (async () => {
      const resumeAt = () => Promise.resolve(next);
      for await (const event of source.open({ resumeAt, untilEnd: false, signal: stop.signal })) {
        events.push(event);
        if (event.kind === 'batch') next = event.batch.next;
      }
    })();
    await eventually(
      async () => next,
      (at) => at === 1,
    );
    await broker.kill();
    await eventually(
      async () => kinds(events),
      (all) => all.includes('waiting'),
    );
    // As long as it takes for several retries.
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    await broker.restart();
    const writer = topics.newProducer();
    await writer.connect();
    await writer.send({ topic, messages: [{ value: 'after' }] });
    await eventually(
      async () => next,
      (at) => at === 2,
    );
    stop.abort(new Error('enough'));
    await expect(reading).rejects.toThrow('enough');
    expect(valuesOf(events)).toEqual(['before', 'after']);
    assertTiles(events, { topic, partition: 0 }, 0);
    expect(kinds(events).filter((kind) => kind === 'waiting' || kind === 'resumed')).toEqual([
      'waiting',
      'resumed',
    ]);
    await Promise.allSettled([writer.disconnect(), topics[Symbol.asyncDispose]()]);
  });

  test('a broker that hangs is waited for, and closing does not wait for it', async () => {
    await using broker = await startKafka();
    await using topics = await TestTopics.connect(broker.bootstrap);
    const topic = await topics.make('hang');
    await topics.producer.send({ topic, messages: [{ value: 'before' }] });
    const source = kafka({
      brokers: [broker.bootstrap],
      topics: [topic],
      groupId: 'hang',
      fetch: { maxWaitMs: 100 },
      requestTimeoutMs: 1_000,
      outageMs: 200,
    });
    const stop = new AbortController();
    const events: SourceEvent[] = [];
    const reading = (async () => {
      for await (const event of source.open({
        resumeAt: () => Promise.resolve(0),
        untilEnd: false,
        signal: stop.signal,
      })) {
        events.push(event);
      }
    })();
    await eventually(
      async () => valuesOf(events).length,
      (count) => count === 1,
    );
    await broker.pause();
    await eventually(
      async () => kinds(events),
      (all) => all.includes('waiting'),
    );
    const abortedAt = performance.now();
    stop.abort(new Error('enough'));
    await expect(reading).rejects.toThrow('enough');
    expect(performance.now() - abortedAt).toBeLessThan(1_000);
    await broker.resume();
    await source[Symbol.asyncDispose]();
  });

  test('a broker that was never there is told of, and BROKER_UNAVAILABLE for who asks directly', async () => {
    const source = kafka({
      brokers: [`127.0.0.1:${await freePort()}`],
      topics: ['any'],
      groupId: 'nobody',
      outageMs: 100,
      patienceMs: 500,
    });
    const identity = source.identity(never);
    await expect(identity).rejects.toSatisfy(
      (cause) => isSluiceError(cause, 'BROKER_UNAVAILABLE') && cause.retry === 'safe',
    );
    const stop = new AbortController();
    const events: SourceEvent[] = [];
    const reading = (async () => {
      for await (const event of source.open({
        resumeAt: () => Promise.resolve(0),
        untilEnd: false,
        signal: stop.signal,
      })) {
        events.push(event);
        if (event.kind === 'waiting') setTimeout(() => stop.abort(new Error('enough')), 1_500);
      }
    })();
    await expect(reading).rejects.toThrow('enough');
    expect(kinds(events)).toEqual(['waiting']);
    await source[Symbol.asyncDispose]();
  });
});

function kinds(events: readonly SourceEvent[]): readonly string[] {
  return events.map(({ kind }) => kind);
}
