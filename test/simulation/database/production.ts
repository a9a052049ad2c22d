import type { History } from '../world/history.js';
import type { World } from '../world/world.js';
import type { Delivery } from './stream.js';

/** The connector: brings the database's records into the topics, each in its time. */
export class Producer {
  readonly #world: World;
  readonly #gaps: World['chance'];
  #said = 0;

  constructor(world: World) {
    this.#world = world;
    this.#gaps = world.chance.fork('gaps');
  }

  async run(): Promise<void> {
    const { time, stream } = this.#world;
    for (const { atMs, records } of stream.deliveries) {
      if (atMs > time.elapsedMs) await this.#world.sleep(atMs - time.elapsedMs);
      this.#said++;
      for (const record of records) this.#append(record);
    }
  }

  /** Says everything of a topic again, as new records: the topic was made anew. */
  again(topic: string): void {
    const { time, stream, badRecords } = this.#world;
    const old = badRecords.filter((bad) => bad.topic !== topic);
    badRecords.splice(0, badRecords.length, ...old);
    for (const { records } of stream.deliveries.slice(0, this.#said)) {
      for (const one of records) {
        if (one.topic !== topic) continue;
        const record = { ...one.record, timestampMs: time.nowMs };
        this.#append({ ...one, record, about: `again ${one.about}` });
      }
    }
  }

  #append({ topic, partition, record, table, bad, about }: Delivery['records'][number]): void {
    const { plan, broker, badRecords } = this.#world;
    const history: History = this.#world.history;
    const withGaps = plan.kinds.has('gaps');
    const skipped = withGaps && this.#gaps.happens(0.15) ? this.#gaps.between(1, 5) : 0;
    const offset = broker.append({ topic, partition }, record, skipped);
    if (bad) badRecords.push({ table, topic, partition, offset });
    const what = record.value === null ? `tombstone of ${about}` : about;
    history.note(`database: ${what} is ${topic}:${partition} ${offset}`);
    if (withGaps && this.#gaps.happens(0.1)) broker.mark({ topic, partition }, 1);
  }
}
