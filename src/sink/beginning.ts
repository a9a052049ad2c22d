import type { TopicPartition } from '../source/change-source.js';
import { bare, type Failure, type Place } from './lane-state.js';
import type { ReadPosition } from './read-positions.js';
import { Resumption } from './resumption.js';
import type { Table } from './tables.js';
import type { TopicTables } from './topic-tables.js';

/** Where a partition begins, for each of its tables. */
export type Beginning = {
  /** Where it begins for a table that holds nothing of it, by the start policy. */
  readonly start: number;
  /** The lowest offset that any of the tables wants. */
  readonly position: number;
  readonly tables: Set<Table>;
  /** What each table holds, or the place from which it wants the partition. */
  readonly committed: Map<Table, number>;
  /** The way to `position`, past what its tables applied last. */
  readonly resumption: Resumption<Table>;
  /** What was read of it in earlier runs was no row changes. */
  readonly foreign: boolean;
};

export type BeginningOptions = {
  readonly topic: TopicTables;
  /** Where the partition begins for a table that holds nothing of it. */
  readonly startOf: (partition: TopicPartition) => Promise<number>;
  /** How far the partition was read by earlier runs, if it fed no table. */
  readonly readOf: (partition: TopicPartition) => Promise<ReadPosition | undefined>;
  /** Whether the assignment that is asked for is over: its lanes belong to the one that may have followed. */
  readonly isOver: () => boolean;
};

type Asked = Pick<Beginning, 'start' | 'tables'> & {
  readonly answers: Map<Table, Place>;
  /** The newest making of the topic that any of the tables knows. */
  readonly incarnation: number;
};

/**
 * Lets every table of a topic take a partition on, and finds out where it begins; undefined if the assignment was over
 * before that was known. Lanes take it on anew, so what they held of an earlier assignment is dropped and comes again.
 *
 * What start policies and records of sources say, they say of the topic as it was first made: if one of its tables has
 * accepted a newer making, that begins at 0, and a table that holds offsets of an older one ends (R3).
 */
export async function beginPartition(
  partition: TopicPartition,
  options: BeginningOptions,
): Promise<Beginning | undefined> {
  const asked = await askForNewest(partition, options);
  if (asked === undefined) return undefined;
  const outdated = [...asked.answers.keys()].filter(({ lane }) => {
    return (lane.applied(partition).incarnation ?? Infinity) < asked.incarnation;
  });
  for (const table of outdated) asked.answers.delete(table);
  const wanted = wantedOf(partition, asked, options);
  const read = wanted.size === 0 ? await options.readOf(partition) : undefined;
  if (options.isOver()) return undefined;
  for (const table of outdated) {
    table.lane.halt(partition, madeAnew(partition, table, 'other tables have accepted it'));
  }
  const { start, tables, answers } = asked;
  const position = wanted.size === 0 ? Math.max(start, read?.next ?? start) : Math.min(...wanted.values());
  const committed = new Map(wanted);
  for (const [table, { next, fresh }] of answers) {
    const from = wanted.get(table) ?? position;
    committed.set(table, from);
    if (fresh && from > next) table.lane.pass(partition, next, from);
  }
  const last = [...committed.keys()].flatMap((table) => {
    const record = table.lane.applied(partition).last;
    return record === undefined ? [] : [{ table, last: record }];
  });
  const resumption = new Resumption(last, position);
  return { start, position, tables, committed, resumption, foreign: read?.foreign === true };
}

async function askForNewest(
  partition: TopicPartition,
  options: BeginningOptions,
): Promise<Asked | undefined> {
  for (let making = 0; ;) {
    const asked = await ask(partition, making, options);
    if (asked === undefined || asked.incarnation === making) return asked;
    making = asked.incarnation;
  }
}

/** Asks every table where it stands, those too that come up meanwhile. */
async function ask(
  partition: TopicPartition,
  incarnation: number,
  { topic, startOf, isOver }: BeginningOptions,
): Promise<Asked | undefined> {
  await topic.load();
  const start = incarnation > 0 ? 0 : await startOf(partition);
  const tables = new Set<Table>();
  const answers = new Map<Table, Place>();
  for (;;) {
    if (isOver()) return undefined;
    const added = [...topic.tables].filter((table) => !tables.has(table));
    const asked = added.map(async (table) => {
      tables.add(table);
      const place = await table.lane.assign({ ...bare(partition), start, from: undefined });
      if (place !== undefined) answers.set(table, place);
    });
    await Promise.all(asked);
    // Another worker may have met a source, and passed its first rows, since the record was read.
    await topic.load();
    if ([...topic.tables].every((table) => tables.has(table))) break;
  }
  const makings = [...answers.keys()].map(({ lane }) => lane.applied(partition).incarnation ?? 0);
  return { start, tables, answers, incarnation: Math.max(incarnation, ...makings) };
}

/**
 * Where the tables want a partition: one that holds nothing of it wants it from where it was first met there. Without
 * those that were met nowhere: they want nothing that others have passed.
 */
function wantedOf(
  partition: TopicPartition,
  { answers, incarnation, start }: Asked,
  { topic }: BeginningOptions,
): Map<Table, number> {
  const wanted = new Map<Table, number>();
  for (const [table, { next, fresh }] of answers) {
    const met = incarnation > 0 ? start : topic.emptyBelow(table, partition.partition);
    const from = fresh ? met : next;
    if (from !== undefined) wanted.set(table, Math.max(next, from));
  }
  return wanted;
}

/** The failure of a table whose offsets speak of another topic than the one that is there. */
export function madeAnew({ topic, partition }: TopicPartition, { url }: Table, why: string): Failure {
  return {
    code: 'TOPIC_REGRESSED',
    reason: `the topic was made anew, or its cluster restored: ${why}`,
    hint: acceptNewTopic(url),
    topic,
    partition,
  };
}

/** What to type where a topic was made anew. */
export function acceptNewTopic(table: string): string {
  return `if the topic was made anew: "sluice offsets accept ${table} --new-topic" begins it from its start`;
}
