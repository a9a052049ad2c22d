import assert from 'node:assert/strict';
import { isSluiceError } from '../base/errors.js';
import { never } from '../base/signals.js';
import type { RawRecord } from '../cdc/record.js';
import {
  partitionKey,
  type ChangeSource,
  type OpenOptions,
  type SourceBatch,
  type SourceEvent,
  type TopicPartition,
} from '../source/change-source.js';
import type { TestApi } from './object-store-contract.js';

/** A record that a source under test is to hold. Its offset is its place among those of its partition, from 0. */
export type GivenRecord = TopicPartition & {
  readonly key: string | null;
  readonly value: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timestampMs: number;
};

/** A source that holds exactly the given records, and how to be rid of it. */
export type OpenedSource = AsyncDisposable & {
  readonly source: ChangeSource;
  /** What a topic of the given records is called in this source. */
  topic(name: string): string;
};

/** Makes a source of its own for one test. Topics named in `records` have partitions 0 up to the highest that is used. */
export type OpenSource = (records: readonly GivenRecord[]) => Promise<OpenedSource>;

/**
 * What it means to be a `ChangeSource`: each test opens one of its own. A sink that keeps `next` of what
 * it has taken, and answers `resumeAt` with it, loses and doubles nothing on a source that passes.
 */
export function describeChangeSource(name: string, open: OpenSource, api: TestApi): void {
  const each: Each = (title, records, body) => {
    api.test(title, async () => {
      await using opened = await open(records);
      await body(opened);
    });
  };
  api.describe(`${name} is a change source`, () => {
    describeReading(each);
    describeStarting(each);
    describeSteering(each);
    describeEnding(each);
    describeAsking(each);
  });
}

type Each = (
  title: string,
  records: readonly GivenRecord[],
  body: (opened: OpenedSource) => Promise<void>,
) => void;

function describeReading(each: Each): void {
  each(
    'every record is handed over once and in order, and the ranges tile each partition',
    TWO,
    async (opened) => {
      const events = await all(opened.source.open(fromStart({ untilEnd: true })));
      for (const [topic, partition] of PARTITIONS) {
        const at = { topic: opened.topic(topic), partition };
        const given = TWO.filter((record) => record.topic === topic && record.partition === partition);
        assert.equal(assertTiles(events, at, 0), given.length);
        assert.deepEqual(recordsOf(events, at).map(textOf), given.map(textOfGiven));
      }
    },
  );

  each('keys, values and headers are the exact bytes, and null stays null', ODD, async (opened) => {
    const events = await all(opened.source.open(fromStart({ untilEnd: true })));
    const records = recordsOf(events, { topic: opened.topic('odd'), partition: 0 });
    assert.deepEqual(records.map(textOf), ODD.map(textOfGiven));
    assert.deepEqual(
      records.map(({ offset, timestamp }) => [offset, timestamp]),
      ODD.map(({ timestampMs }, i) => [String(i), String(timestampMs)]),
    );
  });

  each(
    'partitions are assigned before anything of them, and each is then asked once where to begin',
    TWO,
    async (opened) => {
      const asked: string[] = [];
      const events: SourceEvent[] = [];
      const resumeAt = ({ topic, partition }: TopicPartition) => {
        assert.notEqual(events.length, 0, 'asked while the assignment was still on its way');
        asked.push(partitionKey(topic, partition));
        return Promise.resolve(0);
      };
      for await (const event of opened.source.open({ ...fromStart({ untilEnd: true }), resumeAt })) {
        events.push(event);
      }
      const first = events[0];
      assert.equal(first?.kind, 'assigned');
      const assigned = first.partitions.map(({ topic, partition }) => partitionKey(topic, partition));
      const wanted = PARTITIONS.map(([topic, partition]) => partitionKey(opened.topic(topic), partition));
      assert.deepEqual(assigned.toSorted(), wanted.toSorted());
      assert.deepEqual(asked.toSorted(), wanted.toSorted());
    },
  );

  each('a batch says how many bytes it holds', TWO, async (opened) => {
    for (const batch of batchesOf(await all(opened.source.open(fromStart({ untilEnd: true }))))) {
      const payload = batch.records.reduce(
        (sum, { key, value }) => sum + (key?.length ?? 0) + (value?.length ?? 0),
        0,
      );
      assert.ok(batch.bytes >= payload, `${batch.bytes} bytes for ${payload} of payload`);
    }
  });
}

function describeStarting(each: Each): void {
  each('each partition begins where resumeAt says, and not before it', TWO, async (opened) => {
    const resumeAt = ({ partition }: TopicPartition) => Promise.resolve(partition === 0 ? 7 : 0);
    const events = await all(opened.source.open({ ...fromStart({ untilEnd: true }), resumeAt }));
    for (const [topic, partition] of PARTITIONS) {
      const at = { topic: opened.topic(topic), partition };
      const from = partition === 0 ? 7 : 0;
      assertTiles(events, at, from);
      assert.equal(Number(recordsOf(events, at)[0]?.offset), from);
    }
  });

  each('a partition whose resumeAt has not answered holds up no other', TWO, async (opened) => {
    const slow = partitionKey(opened.topic('a'), 0);
    let answer: (offset: number) => void = () => undefined;
    const answered = new Promise<number>((resolve) => (answer = resolve));
    const resumeAt = ({ topic, partition }: TopicPartition) =>
      partitionKey(topic, partition) === slow ? answered : Promise.resolve(0);
    const others = new Set(
      PARTITIONS.map(([topic, partition]) => partitionKey(opened.topic(topic), partition)),
    );
    others.delete(slow);
    const seen = new Map<string, number>();
    const events: SourceEvent[] = [];
    const reading = (async () => {
      for await (const event of opened.source.open({ ...fromStart({ untilEnd: true }), resumeAt })) {
        events.push(event);
        if (event.kind !== 'batch' && event.kind !== 'progress') continue;
        const { topic, partition, next } = event.kind === 'batch' ? event.batch : event;
        seen.set(partitionKey(topic, partition), next);
        if ([...others].every((key) => (seen.get(key) ?? 0) >= PER_PARTITION)) answer(3);
      }
    })();
    await reading;
    assertTiles(events, { topic: opened.topic('a'), partition: 0 }, 3);
  });

  each('a start at the end drains without a record', TWO, async (opened) => {
    const resumeAt = () => Promise.resolve(PER_PARTITION);
    const events = await all(opened.source.open({ ...fromStart({ untilEnd: true }), resumeAt }));
    assert.deepEqual(
      events.map(({ kind }) => kind),
      ['assigned', 'drained'],
    );
  });

  each('an offset that was never written is a gap, and nothing follows until a seek', TWO, async (opened) => {
    const lost = { topic: opened.topic('a'), partition: 0 };
    const resumeAt = ({ topic, partition }: TopicPartition) =>
      Promise.resolve(topic === lost.topic && partition === 0 ? PER_PARTITION + 1000 : 0);
    const events: SourceEvent[] = [];
    for await (const event of opened.source.open({ ...fromStart({ untilEnd: true }), resumeAt })) {
      events.push(event);
      if (event.kind === 'gap') opened.source.seek(lost, 5);
    }
    assert.deepEqual(
      events.filter(({ kind }) => kind === 'gap'),
      [{ kind: 'gap', ...lost, expected: PER_PARTITION + 1000, found: PER_PARTITION }],
    );
    assertTiles(events, lost, 5);
  });

  each('an error of resumeAt ends the iteration', TWO, async (opened) => {
    const resumeAt = () => Promise.reject(new Error('no table says'));
    const reading = all(opened.source.open({ ...fromStart({ untilEnd: true }), resumeAt }));
    await assert.rejects(reading, /no table says/);
  });
}

function describeSteering(each: Each): void {
  each('a partition that is paused is silent, and goes on where it stood', TWO, async (opened) => {
    const held = { topic: opened.topic('b'), partition: 0 };
    const events: SourceEvent[] = [];
    const others = PARTITIONS.filter(([topic]) => topic !== 'b');
    let state: 'before' | 'paused' | 'after' = 'before';
    for await (const event of opened.source.open(fromStart({ untilEnd: true }))) {
      assert.ok(state !== 'paused' || !isOf(event, held), 'an event of a paused partition');
      events.push(event);
      // By the first batch of another partition, its own may lie ready.
      if (state === 'before' && event.kind === 'batch' && !isOf(event, held)) {
        opened.source.pause([held]);
        state = 'paused';
      }
      const ended = ([topic, partition]: readonly [string, number]) =>
        positionIn(events, { topic: opened.topic(topic), partition }) === PER_PARTITION;
      if (state === 'paused' && others.every(ended)) {
        state = 'after';
        opened.source.resume([held]);
      }
    }
    assert.equal(assertTiles(events, held, 0), PER_PARTITION);
  });

  each('a seek moves an assigned partition, forth and back', TWO, async (opened) => {
    const moved = { topic: opened.topic('b'), partition: 0 };
    let sought = false;
    const after: SourceEvent[] = [];
    for await (const event of opened.source.open(fromStart({ untilEnd: true }))) {
      if (sought) after.push(event);
      if (!sought && event.kind === 'batch' && isOf(event, moved)) {
        opened.source.seek(moved, 2);
        sought = true;
      }
    }
    assertTiles(after, moved, 2);
  });

  each('a seek says where a partition begins, also before resumeAt has answered', TWO, async (opened) => {
    const moved = { topic: opened.topic('b'), partition: 0 };
    let answer: (offset: number) => void = () => undefined;
    const answered = new Promise<number>((resolve) => (answer = resolve));
    const resumeAt = ({ topic }: TopicPartition) => (topic === moved.topic ? answered : Promise.resolve(0));
    const events: SourceEvent[] = [];
    for await (const event of opened.source.open({ ...fromStart({ untilEnd: true }), resumeAt })) {
      // What comes after the assignment comes when the others have begun.
      if (events.length === 1) {
        opened.source.seek(moved, 2);
        answer(9);
      }
      events.push(event);
    }
    assertTiles(events, moved, 2);
  });

  each('progress may be acknowledged at any time', TWO, async (opened) => {
    const unknown = { topic: 'nobody-knows', partition: 9 };
    opened.source.acknowledge(unknown, 1);
    for await (const event of opened.source.open(fromStart({ untilEnd: true }))) {
      if (event.kind === 'batch') opened.source.acknowledge(event.batch, event.batch.next);
    }
    opened.source.acknowledge(unknown, 1);
  });
}

function describeEnding(each: Each): void {
  each('with untilEnd it tells drained last, and ends', TWO, async (opened) => {
    const events = await all(opened.source.open(fromStart({ untilEnd: true })));
    assert.equal(events.filter(({ kind }) => kind === 'drained').length, 1);
    assert.equal(events.at(-1)?.kind, 'drained');
  });

  each(
    'without untilEnd it waits at its end until it is aborted, and ends within a second',
    TWO,
    async (opened) => {
      const controller = new AbortController();
      const reason = new Error('enough');
      let abortedAt = 0;
      const reading = (async () => {
        const events: SourceEvent[] = [];
        for await (const event of opened.source.open(
          fromStart({ untilEnd: false, signal: controller.signal }),
        )) {
          events.push(event);
          const ended = ([topic, partition]: readonly [string, number]) =>
            positionIn(events, { topic: opened.topic(topic), partition }) === PER_PARTITION;
          if (abortedAt > 0 || !PARTITIONS.every(ended)) continue;
          setTimeout(() => {
            abortedAt = performance.now();
            controller.abort(reason);
          }, 20);
        }
      })();
      await assert.rejects(reading, (cause) => cause === reason);
      const tookMs = performance.now() - abortedAt;
      assert.ok(tookMs < 1_000, `took ${tookMs} ms`);
    },
  );

  each('an aborted signal ends it before it begins', TWO, async (opened) => {
    const reason = new Error('not at all');
    const reading = all(opened.source.open(fromStart({ untilEnd: true, signal: AbortSignal.abort(reason) })));
    await assert.rejects(reading, (cause) => cause === reason);
  });

  each('leaving the loop closes it, and it can be opened again', TWO, async (opened) => {
    for await (const event of opened.source.open(fromStart({ untilEnd: false }))) {
      if (event.kind === 'batch') break;
    }
    const events = await all(opened.source.open(fromStart({ untilEnd: true })));
    for (const [topic, partition] of PARTITIONS)
      assertTiles(events, { topic: opened.topic(topic), partition }, 0);
  });
}

function describeAsking(each: Each): void {
  each('its identity stays the same', TWO, async ({ source }) => {
    const identity = await source.identity(never);
    assert.ok(identity.length > 0);
    assert.equal(await source.identity(never), identity);
  });

  each('watermarks are the first offset and the one past the last', TWO, async (opened) => {
    const at = { topic: opened.topic('a'), partition: 1 };
    assert.deepEqual(await opened.source.watermarks(at, never), { low: 0, high: PER_PARTITION });
  });

  each('a topic has all of its partitions, in order', TWO, async (opened) => {
    assert.deepEqual(await opened.source.partitions(opened.topic('a'), never), [0, 1]);
    assert.deepEqual(await opened.source.partitions(opened.topic('b'), never), [0]);
  });

  each('the partitions of a topic that is not there are TOPIC_NOT_FOUND', TWO, async (opened) => {
    await assert.rejects(opened.source.partitions(opened.topic('nowhere'), never), (cause) =>
      isSluiceError(cause, 'TOPIC_NOT_FOUND'),
    );
  });

  each('a start policy becomes an offset', TWO, async (opened) => {
    const at = { topic: opened.topic('a'), partition: 0 };
    const given = TWO.filter(({ topic, partition }) => topic === 'a' && partition === 0);
    const [fifth, last] = [given[5], given.at(-1)];
    assert.ok(fifth !== undefined && last !== undefined);
    assert.equal(await opened.source.resolve(at, 'earliest', never), 0);
    assert.equal(await opened.source.resolve(at, 'latest', never), PER_PARTITION);
    assert.equal(await opened.source.resolve(at, { atMs: 0 }, never), 0);
    assert.equal(await opened.source.resolve(at, { atMs: fifth.timestampMs }, never), 5);
    assert.equal(await opened.source.resolve(at, { atMs: fifth.timestampMs - 1 }, never), 5);
    assert.equal(await opened.source.resolve(at, { atMs: last.timestampMs + 1 }, never), PER_PARTITION);
  });

  each('a partition that is not there is TOPIC_NOT_FOUND', TWO, async (opened) => {
    const missing = { topic: opened.topic('a'), partition: 77 };
    await assert.rejects(opened.source.watermarks(missing, never), (cause) =>
      isSluiceError(cause, 'TOPIC_NOT_FOUND'),
    );
    await assert.rejects(opened.source.resolve(missing, 'earliest', never), (cause) =>
      isSluiceError(cause, 'TOPIC_NOT_FOUND'),
    );
  });
}

const PER_PARTITION = 40;
const PARTITIONS: readonly (readonly [string, number])[] = [
  ['a', 0],
  ['a', 1],
  ['b', 0],
];
const SINCE_MS = 1_700_000_000_000;

/** Three partitions of two topics, their records one second apart. */
const TWO: readonly GivenRecord[] = PARTITIONS.flatMap(([topic, partition]) =>
  Array.from({ length: PER_PARTITION }, (_, i) => ({
    topic,
    partition,
    key: `{"id":${i}}`,
    value: `{"topic":"${topic}","partition":${partition},"n":${i},"text":"${'x'.repeat(i)}"}`,
    headers: { n: String(i) },
    timestampMs: SINCE_MS + i * 1000,
  })),
);

const ODD: readonly GivenRecord[] = [
  { key: null, value: '{"n":9223372036854775807,"zero":-0.0,"exact":1.10}' },
  { key: '{"id":1}', value: null },
  { key: '', value: '' },
  { key: 'ключ\u0000\t"\\', value: '😀 \u2028 é e\u0301', headers: { 'x-é': 'wert 😀', plain: '' } },
  { key: null, value: null },
].map((record, i) => ({ ...record, topic: 'odd', partition: 0, timestampMs: SINCE_MS + i }));

function fromStart(options: { readonly untilEnd: boolean; readonly signal?: AbortSignal }): OpenOptions {
  return { resumeAt: () => Promise.resolve(0), untilEnd: options.untilEnd, signal: options.signal ?? never };
}

async function all(events: AsyncIterable<SourceEvent>): Promise<readonly SourceEvent[]> {
  const found: SourceEvent[] = [];
  for await (const event of events) found.push(event);
  return found;
}

function isOf(event: SourceEvent, { topic, partition }: TopicPartition): boolean {
  const at = event.kind === 'batch' ? event.batch : event.kind === 'progress' ? event : undefined;
  return at?.topic === topic && at.partition === partition;
}

function batchesOf(events: readonly SourceEvent[]): readonly SourceBatch[] {
  return events.flatMap((event) => (event.kind === 'batch' ? [event.batch] : []));
}

function recordsOf(events: readonly SourceEvent[], at: TopicPartition): readonly RawRecord[] {
  return batchesOf(events)
    .filter(({ topic, partition }) => topic === at.topic && partition === at.partition)
    .flatMap(({ records }) => records);
}

function positionIn(events: readonly SourceEvent[], at: TopicPartition): number | undefined {
  const last = events.findLast((event) => isOf(event, at));
  if (last?.kind === 'batch') return last.batch.next;
  return last?.kind === 'progress' ? last.next : undefined;
}

/**
 * Checks that batches and progress of one partition follow each other without hole or overlap, that each
 * record lies in its batch's range, and that records rise. The position at the end.
 */
export function assertTiles(events: readonly SourceEvent[], at: TopicPartition, from: number): number {
  let position = from;
  let offset = from - 1;
  for (const event of events) {
    if (!isOf(event, at)) continue;
    const range = event.kind === 'batch' ? event.batch : event;
    if (!('base' in range)) continue;
    assert.equal(
      range.base,
      position,
      `${at.topic}:${at.partition} goes on at ${range.base} instead of ${position}`,
    );
    assert.ok(range.next > range.base);
    for (const record of event.kind === 'batch' ? event.batch.records : []) {
      assert.ok(Number(record.offset) > offset && Number(record.offset) >= range.base);
      assert.ok(Number(record.offset) < range.next);
      offset = Number(record.offset);
    }
    position = range.next;
  }
  return position;
}

type Text = { key: string | undefined; value: string | undefined; headers: Record<string, string> };

function textOf({ key, value, headers }: RawRecord): Text {
  return {
    key: key?.toString('utf8'),
    value: value?.toString('utf8'),
    headers: Object.fromEntries(Object.entries(headers ?? {}).map(([name, text]) => [name, String(text)])),
  };
}

function textOfGiven({ key, value, headers }: GivenRecord): Text {
  return { key: key ?? undefined, value: value ?? undefined, headers: { ...headers } };
}
