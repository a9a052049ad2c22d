import type { Batch, Consumer, EachBatchPayload } from 'kafkajs';
import type { RawRecord } from '../cdc/record.js';
import { settledWithin } from './await.js';
import { kafkaClient, type KafkaConnection } from './client.js';
import type { KafkaLogLine } from './log.js';

/** How a member of a group fetches. The names are Kafka's; what is left out keeps the default that is named. */
export type FetchOptions = {
  /** `max.partition.fetch.bytes`, compressed; default 1 MiB. More only costs memory. */
  readonly maxBytesPerPartition?: number;
  /** `fetch.max.bytes` of one broker's answer, compressed; default 8 MiB. */
  readonly maxBytes?: number;
  /** `fetch.min.bytes`; default 1. */
  readonly minBytes?: number;
  /** `fetch.max.wait.ms`; default 500. Closing waits for a fetch in flight. */
  readonly maxWaitMs?: number;
};

export type MemberOptions = {
  readonly groupId: string;
  readonly fetch?: FetchOptions;
  /** `session.timeout.ms`; default 30 s. */
  readonly sessionTimeoutMs?: number;
  /** `heartbeat.interval.ms`; default a third of the session timeout, 3 s at most. */
  readonly heartbeatIntervalMs?: number;
  /** How long a rebalance waits for this member; default 60 s. */
  readonly rebalanceTimeoutMs?: number;
  /** How long the client trusts what it knows of topics: new partitions are seen after that. Default 5 min. */
  readonly metadataMaxAgeMs?: number;
  /** `client.rack`: fetch from a replica that is near. */
  readonly rackId?: string;
};

/** Records of one fetch from one partition: committed ones only, without transaction markers. At least one. */
export type FetchedBatch = {
  readonly topic: string;
  readonly partition: number;
  /** The offset that was asked for. The answer holds everything that is readable from there on, in order. */
  readonly fetchedOffset: number;
  /** One past the last offset of the answer, aborted records and markers included. */
  readonly nextOffset: number;
  readonly highWatermark: number;
  readonly records: readonly RawRecord[];
};

/** A fetch that brought offsets but no record: transaction markers, aborted records, a compacted stretch. */
export type EmptyRun = {
  readonly topic: string;
  readonly partition: number;
  /** The first offset of the answer at or above the one asked for; undefined if there was none, then `last` is the offset asked for. */
  readonly first: number | undefined;
  /** The last offset that the answer accounts for. */
  readonly last: number;
};

/** What a member of a group lives through. All are called synchronously, in order, and must not throw. */
export type MemberEvents = {
  /** A generation has begun, with these partitions; nothing is fetched of them before this returns. */
  joined(assignment: ReadonlyMap<string, readonly number[]>): void;
  /** The next fetch of this partition waits until this settles. `heartbeat` keeps the membership alive meanwhile; it rejects when the group rebalances. */
  fetched(batch: FetchedBatch, heartbeat: () => Promise<void>): Promise<void> | void;
  empty(run: EmptyRun): void;
  /** A fetch from this node begins; everything from the one before has been handled. */
  fetchStarted(nodeId: string): void;
  /** The offset that was asked for does not exist, and the client moves to another one of its own choice. */
  lostOffset(topic: string, partition: number): void;
  /** A broker answered. */
  answered(): void;
  /** A connection failed, or a request was not answered in the time that it was waited for. */
  unanswered(why: string, waitedMs: number): void;
  /** The member has ended and will not come back; `cause` as the client gave it. */
  crashed(cause: unknown): void;
};

/**
 * A member of a consumer group. Offsets are the caller's: it seeks before it believes a batch. Nothing
 * is committed but by `commit`. Only committed records are read (`isolation.level=read_committed`).
 */
export interface GroupMember {
  /** Joins the group. Rejects with the client's error if no broker can be reached. */
  start(topics: readonly string[]): Promise<void>;
  /** From which offset the next fetch begins; what is in flight is not handed over. */
  seek(topic: string, partition: number, offset: number): void;
  pause(topic: string, partitions: readonly number[]): void;
  resume(topic: string, partitions: readonly number[]): void;
  commit(offsets: readonly { topic: string; partition: number; offset: number }[]): Promise<void>;
  /** Leaves the group. Resolves after `withinMs` at the latest; what is left then ends in the background. */
  stop(withinMs: number): Promise<void>;
}

/** kafkajs says this, with topic and partition, before it moves to its default offset. It has no event for it. */
const LOST_OFFSET = 'Offset out of range, resetting to default offset';

export function groupMember(
  connection: KafkaConnection,
  options: MemberOptions,
  events: MemberEvents,
): GroupMember {
  const kafka = kafkaClient(connection, { listen: (line) => overhear(line, events) });
  const sessionTimeout = options.sessionTimeoutMs ?? 30_000;
  const consumer = kafka.consumer({
    groupId: options.groupId,
    sessionTimeout,
    heartbeatInterval: options.heartbeatIntervalMs ?? Math.min(3_000, Math.floor(sessionTimeout / 3)),
    rebalanceTimeout: options.rebalanceTimeoutMs ?? 60_000,
    metadataMaxAge: options.metadataMaxAgeMs ?? 300_000,
    maxBytesPerPartition: options.fetch?.maxBytesPerPartition ?? 1 << 20,
    maxBytes: options.fetch?.maxBytes ?? 8 << 20,
    minBytes: options.fetch?.minBytes ?? 1,
    maxWaitTimeInMs: options.fetch?.maxWaitMs ?? 500,
    readUncommitted: false,
    allowAutoTopicCreation: false,
    // One that has crashed is replaced by its owner, who knows what to make of the reason.
    retry: { restartOnFailure: () => Promise.resolve(false) },
    ...(options.rackId === undefined ? {} : { rackId: options.rackId }),
  });
  listen(consumer, events);
  return {
    start: async (topics) => {
      await consumer.connect();
      await consumer.subscribe({ topics: [...topics], fromBeginning: true });
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: true,
        eachBatch: async (payload: EachBatchPayload) =>
          events.fetched(fetchedBatch(payload.batch), () => payload.heartbeat()),
      });
    },
    seek: (topic, partition, offset) => consumer.seek({ topic, partition, offset: String(offset) }),
    pause: (topic, partitions) => consumer.pause([{ topic, partitions: [...partitions] }]),
    resume: (topic, partitions) => consumer.resume([{ topic, partitions: [...partitions] }]),
    commit: (offsets) => consumer.commitOffsets(offsets.map((at) => ({ ...at, offset: String(at.offset) }))),
    stop: async (withinMs) => void (await settledWithin(consumer.disconnect(), withinMs)),
  };
}

function listen(consumer: Consumer, events: MemberEvents): void {
  const { GROUP_JOIN, START_BATCH_PROCESS, FETCH_START, REQUEST, REQUEST_TIMEOUT, CRASH } = consumer.events;
  consumer.on(GROUP_JOIN, ({ payload }) => events.joined(new Map(Object.entries(payload.memberAssignment))));
  // The client's types call the node id of a fetch a number, and say nothing of a batch without offsets.
  consumer.on(FETCH_START, ({ payload }) => events.fetchStarted(String(payload.nodeId)));
  consumer.on(START_BATCH_PROCESS, ({ payload }) => {
    if (payload.batchSize > 0) return;
    const first: string | null = payload.firstOffset;
    events.empty({
      topic: payload.topic,
      partition: payload.partition,
      first: first === null ? undefined : Number(first),
      last: Number(payload.lastOffset),
    });
  });
  consumer.on(REQUEST, () => events.answered());
  consumer.on(REQUEST_TIMEOUT, ({ payload }) =>
    events.unanswered(
      `${payload.broker} did not answer ${payload.apiName} in time`,
      Date.now() - payload.sentAt,
    ),
  );
  consumer.on(CRASH, ({ payload }) => events.crashed(payload.error));
}

function overhear(line: KafkaLogLine, events: MemberEvents): void {
  if (line.level !== 'error') return;
  const { topic, partition, broker } = line.fields;
  if (line.message === LOST_OFFSET && typeof topic === 'string' && typeof partition === 'number') {
    events.lostOffset(topic, partition);
  } else if (line.from === 'Connection') {
    events.unanswered(typeof broker === 'string' ? `${broker}: ${line.message}` : line.message, 0);
  }
}

/** kafkajs's batch carries the offset that was asked for, which its types leave out. */
type BatchWithOrigin = Batch & { readonly fetchedOffset: string };

function fetchedBatch(batch: Batch): FetchedBatch {
  const { fetchedOffset } = batch as BatchWithOrigin;
  return {
    topic: batch.topic,
    partition: batch.partition,
    fetchedOffset: Number(fetchedOffset),
    // Of a batch with records this is the last raw offset; only of one without any is it made up of the high watermark.
    nextOffset: Number(batch.lastOffset()) + 1,
    highWatermark: Number(batch.highWatermark),
    records: batch.messages,
  };
}
