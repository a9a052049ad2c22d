import type { World } from '../world/world.js';

/** Brings the database's records into the topics, each in its time. */
export async function produce(world: World): Promise<void> {
  const { plan, broker, time, stream, history } = world;
  const gaps = world.chance.fork('gaps');
  const withGaps = plan.kinds.has('gaps');
  for (const { atMs, records } of stream.deliveries) {
    if (atMs > time.elapsedMs) await world.sleep(atMs - time.elapsedMs);
    for (const { topic, partition, record, table, bad, about } of records) {
      const skipped = withGaps && gaps.happens(0.15) ? gaps.between(1, 5) : 0;
      const offset = broker.append({ topic, partition }, record, skipped);
      if (bad) world.badRecords.push({ table, topic, partition, offset });
      history.note(
        `database: ${record.value === null ? 'tombstone of ' : ''}${about} is ${topic}:${partition} ${offset}`,
      );
      if (withGaps && gaps.happens(0.1)) broker.mark({ topic, partition }, 1);
    }
  }
}
