import type { World } from '../world/world.js';
import { recordsOf } from './debezium.js';
import { Database, keyOf, type DbChange, type DbTable } from './model.js';

/** Makes the database and the topics that its changes go to. */
export function createDatabase(world: World): Database {
  const { plan, broker, chance } = world;
  const { kinds } = plan;
  const draw = chance.fork('tables');
  const tables = Array.from({ length: plan.tables }, (_, number): DbTable => {
    const name = `t${number}`;
    return {
      name,
      topic: kinds.has('sharedTopic') ? 'app.all' : `app.public.${name}`,
      keyed: true,
      fullImages: kinds.has('fullImages') && draw.happens(0.5),
      toast: kinds.has('toast') && draw.happens(0.8),
    };
  });
  for (const topic of new Set(tables.map(({ topic }) => topic))) broker.createTopic(topic, plan.partitions);
  return new Database({
    tables,
    chance: chance.fork('database'),
    deletes: kinds.has('deletes'),
    truncates: kinds.has('truncate'),
    newColumnAt: kinds.has('newColumn') ? draw.below(plan.transactions) : undefined,
    mayBecome: kinds.has('keyChange')
      ? (table, from, to) => partitionOf(world, table, from) === partitionOf(world, table, to)
      : undefined,
  });
}

/** Lets the database work while the world is busy, and its changes come into the topics. */
export async function produce(world: World): Promise<void> {
  const { plan, database } = world;
  const chance = world.chance.fork('production');
  if (plan.kinds.has('snapshot')) append(world, database.snapshot(chance.between(1, 8)));
  for (let i = 0; i < plan.transactions; i++) {
    await world.sleep(Math.floor((chance.next() * 2 * plan.busyMs) / plan.transactions));
    append(world, database.transaction());
  }
}

function append(world: World, changes: readonly DbChange[]): void {
  const { plan, broker, time, chance } = world;
  const gaps = chance.fork(`gaps ${time.nowMs}`);
  for (const change of changes) {
    const row = change.after ?? change.before;
    const { topic } = change.table;
    const partition = row === undefined ? 0 : partitionOf(world, change.table, Number(row['id']));
    const records = recordsOf(change, {
      schemas: plan.kinds.has('schemas'),
      transactions: plan.kinds.has('transactions'),
      timestampMs: time.nowMs,
    });
    for (const record of records) {
      const skipped = plan.kinds.has('gaps') && gaps.happens(0.15) ? gaps.between(1, 5) : 0;
      broker.append({ topic, partition }, record, skipped);
    }
    if (plan.kinds.has('gaps') && gaps.happens(0.1)) broker.mark({ topic, partition }, 1);
    world.history.note(`database ${describe(change)} into ${topic}:${partition}`);
  }
}

function describe({ op, table, lsn, after, before, otherKey }: DbChange): string {
  const key = JSON.stringify(keyOf(after ?? before ?? {}));
  return `${op} ${table.name} ${key}${otherKey === undefined ? '' : ` key change with ${JSON.stringify(otherKey)}`} at ${lsn}`;
}

/** As Kafka's own partitioner has it: the same key is always in the same partition. */
function partitionOf({ plan }: World, { name }: DbTable, id: number): number {
  let hash = 17;
  for (const char of `${name} ${id}`) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193);
  return (hash >>> 8) % plan.partitions;
}
