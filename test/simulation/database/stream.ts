import type { TopicPartition } from '../../../src/source/change-source.js';
import type { Produced } from '../world/broker.js';
import type { World } from '../world/world.js';
import type { Chance } from '../world/chance.js';
import { recordsOf } from './debezium.js';
import { Database, keyOf, type DbChange, type DbTable } from './model.js';

/** Records that come into the topics together. */
export type Delivery = {
  readonly atMs: number;
  readonly records: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly record: Produced;
    readonly table: DbTable;
    /** It cannot be read. */
    readonly bad: boolean;
    readonly about: string;
  }[];
};

/** The database's whole life, known before it is lived: what it says, when, and what it holds in the end. */
export class Stream {
  readonly tables: readonly DbTable[];
  readonly deliveries: readonly Delivery[];
  readonly #database: Database;
  /** By table and key: what is said of it, in order. */
  readonly #said = new Map<string, { readonly change: DbChange; readonly atMs: number }[]>();

  constructor(
    tables: readonly DbTable[],
    deliveries: readonly Delivery[],
    database: Database,
    changes: readonly { readonly change: DbChange; readonly atMs: number }[],
  ) {
    this.tables = tables;
    this.deliveries = deliveries;
    this.#database = database;
    for (const one of changes) {
      const { table, after, before, otherKey } = one.change;
      const ids = new Set([after, before, otherKey].map((row) => String(row?.['id'])));
      for (const id of ids) {
        const key = `${table.name} ${id}`;
        this.#said.set(key, [...(this.#said.get(key) ?? []), one]);
      }
    }
  }

  /** The table's rows when all has been said. */
  rows(table: DbTable): ReturnType<Database['rows']> {
    return this.#database.rows(table);
  }

  /** Whether the partition has anything to say of the table. */
  feeds(table: DbTable, at: TopicPartition): boolean {
    return this.deliveries.some(({ records }) =>
      records.some((one) => one.table === table && one.topic === at.topic && one.partition === at.partition),
    );
  }

  /**
   * What becomes of a row that a change at this place wrote, if somebody else deletes it: `gone` for good, for the stream
   * never speaks of its key again; `back`, for what it says next does without the row. Undefined: it would be missed.
   */
  ifDeleted(table: DbTable, id: string, lsn: number): 'gone' | 'back' | undefined {
    if (!table.keyed) return undefined;
    const said = (this.#said.get(`${table.name} ${id}`) ?? []).map(({ change }) => change);
    const wrote = (change: DbChange): boolean => change.lsn === lsn && change.after !== undefined;
    const at = said.findIndex(wrote);
    // A snapshot and the first change after it may share a place: which of them wrote the row is not known then.
    if (at < 0 || at !== said.findLastIndex(wrote)) return undefined;
    const next = said[at + 1];
    if (next === undefined) return 'gone';
    return next.otherKey === undefined && !next.bigUnchanged ? 'back' : undefined;
  }

  /**
   * A key under which the stream will still create a row, when it does, and without looking at one that somebody else
   * puts there; in the end a row stands there.
   */
  keyToCome(table: DbTable, afterMs: number, chance: Chance): { id: number; atMs: number } | undefined {
    if (!table.keyed) return undefined;
    const found = [...this.#said].flatMap(([key, said]) => {
      const [name, id] = key.split(' ');
      const next = said.find(({ atMs }) => atMs > afterMs);
      const fits = name === table.name && next?.change.op === 'c' && next.change.otherKey === undefined;
      if (!fits || said.at(-1)?.change.after === undefined || Number.isNaN(Number(id))) return [];
      return [{ id: Number(id), atMs: next.atMs }];
    });
    return chance.pick(found);
  }
}

/** Makes the topics and the life of the database. */
export function createStream(world: World): Stream {
  const { plan, broker, chance } = world;
  const { kinds } = plan;
  const draw = chance.fork('tables');
  const tables = Array.from({ length: plan.tables }, (_, number): DbTable => {
    const name = `t${number}`;
    const keyed = !(kinds.has('keyless') && draw.happens(0.6));
    return {
      name,
      topic: kinds.has('sharedTopic') ? 'app.all' : `app.public.${name}`,
      keyed,
      fullImages: !keyed || (kinds.has('fullImages') && draw.happens(0.5)),
      toast: kinds.has('toast') && draw.happens(0.8),
    };
  });
  for (const topic of new Set(tables.map(({ topic }) => topic))) broker.createTopic(topic, plan.partitions);
  const database = new Database({
    tables,
    chance: chance.fork('database'),
    deletes: kinds.has('deletes'),
    truncates: kinds.has('truncate'),
    newColumnAt: kinds.has('newColumn') ? draw.below(plan.transactions) : undefined,
    mayBecome: kinds.has('keyChange')
      ? (table, from, to) =>
          kinds.has('crossPartitionKeyChange') ||
          partitionOf(world, table, from) === partitionOf(world, table, to)
      : undefined,
  });
  return live(world, tables, database);
}

function live(world: World, tables: readonly DbTable[], database: Database): Stream {
  const { plan } = world;
  const chance = world.chance.fork('production');
  const changes: { change: DbChange; atMs: number }[] = [];
  const deliveries: Delivery[] = [];
  const say = (atMs: number, said: readonly DbChange[]): void => {
    changes.push(...said.map((change) => ({ change, atMs })));
    deliveries.push({ atMs, records: said.flatMap((change) => recordsFor(world, change, atMs)) });
  };
  let atMs = 0;
  const snapshots = plan.kinds.has('snapshot') ? 1 : 0;
  if (snapshots > 0) say(atMs, database.snapshot(chance.between(1, 8)));
  for (let i = 0; i < plan.transactions; i++) {
    // Some come at once, so that all who read them write at the same time.
    if (chance.happens(0.6)) atMs += Math.floor((chance.next() * 3 * plan.busyMs) / plan.transactions);
    say(atMs, database.transaction());
    if (plan.kinds.has('redelivery') && chance.happens(0.15)) {
      // A connector that was started anew is up after some seconds.
      atMs += chance.between(6_000, 20_000);
      deliveries.push(again(world, deliveries.slice(snapshots).slice(-chance.between(1, 6)), atMs));
    }
  }
  const table = tables[0];
  if (plan.kinds.has('badRecord') && table !== undefined) spoil(world, table, deliveries);
  return new Stream(tables, deliveries, database, changes);
}

/** Puts a record that cannot be read somewhere among the table's. */
function spoil(world: World, table: DbTable, deliveries: Delivery[]): void {
  const chance = world.chance.fork('bad record');
  const at = chance.below(deliveries.length);
  const { atMs, records } = deliveries[at] ?? { atMs: 0, records: [] };
  const key = Buffer.from('{"id":0}');
  const record = { key, value: Buffer.from('no event'), headers: {}, timestampMs: world.time.nowMs + atMs };
  const partition = chance.below(world.plan.partitions);
  const bad = {
    topic: table.topic,
    partition,
    record,
    table,
    bad: true,
    about: `a bad record for ${table.name}`,
  };
  deliveries[at] = { atMs, records: [...records, bad] };
}

/** The connector starts anew from a place that it has passed: what it said last comes again, as new records. */
function again({ time }: World, last: readonly Delivery[], atMs: number): Delivery {
  const records = last.flatMap((delivery) => delivery.records);
  const timestampMs = time.nowMs + atMs;
  return {
    atMs,
    records: records.map((one) => {
      return { ...one, record: { ...one.record, timestampMs }, about: `again ${one.about}` };
    }),
  };
}

function recordsFor(world: World, change: DbChange, atMs: number): Delivery['records'] {
  const { plan } = world;
  const { topic } = change.table;
  const partition = placeOf(world, change);
  const about = describe(change);
  return recordsOf(change, {
    schemas: plan.kinds.has('schemas'),
    transactions: plan.kinds.has('transactions'),
    timestampMs: world.time.nowMs + atMs,
  }).map((record) => ({ topic, partition, record, table: change.table, bad: false, about }));
}

/** The partition of a change. A truncate has no key and may come into any. */
function placeOf(world: World, { table, op, after, before, lsn, transaction }: DbChange): number {
  const { plan } = world;
  const row = after ?? before;
  if (row === undefined || op === 't') return lsn % plan.partitions;
  if (table.keyed) return partitionOf(world, table, Number(row['id']));
  // Without a key a producer chooses as it likes, or was told to keep a table together.
  return plan.kinds.has('keylessAcrossPartitions')
    ? (lsn + transaction.order) % plan.partitions
    : partitionOf(world, table, 0);
}

/** As Kafka's own partitioner has it: the same key is always in the same partition. */
function partitionOf({ plan }: World, { name }: DbTable, id: number): number {
  let hash = 17;
  for (const char of `${name} ${id}`) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193);
  return (hash >>> 8) % plan.partitions;
}

function describe({ op, table, lsn, after, before, otherKey, bigUnchanged }: DbChange): string {
  const key = JSON.stringify(keyOf(after ?? before ?? {}));
  const change = otherKey === undefined ? '' : ` key change with ${JSON.stringify(otherKey)}`;
  return `${op} ${table.name} ${key}${change}${bigUnchanged ? ' without big' : ''} at ${lsn}`;
}
