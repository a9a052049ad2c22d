import type { Producer } from '../database/production.js';
import type { Kind } from '../kinds.js';
import type { Chance } from './chance.js';
import { CALM } from './store.js';
import type { Worker } from './worker.js';
import type { World } from './world.js';

/**
 * Lets faults come until the world is no longer busy. What lasts ends at the latest then: no one is dead, no one
 * stands still, and store and broker answer.
 */
export async function trouble(world: World, workers: readonly Worker[], producer: Producer): Promise<void> {
  const { plan, time } = world;
  const until = time.elapsedMs + plan.busyMs;
  const troubles = TROUBLES.filter(([kind]) => plan.kinds.has(kind));
  await Promise.all(
    troubles.map(async ([kind, per, happen]) => {
      const chance = world.chance.fork(`trouble ${kind}`);
      for (;;) {
        const pause = (plan.busyMs / (per * plan.roughness)) * 2 * chance.next();
        if (time.elapsedMs + pause >= until) return;
        await world.sleep(pause);
        await happen({ world, workers, producer, chance, left: until - time.elapsedMs });
      }
    }),
  );
  if (time.elapsedMs < until) await world.sleep(until - time.elapsedMs);
  world.weatherNow = CALM;
  world.broker.setDown(false);
  for (const worker of workers) {
    worker.resume();
    worker.start();
  }
  world.history.note('faults have ceased');
}

type Moment = {
  readonly world: World;
  readonly workers: readonly Worker[];
  readonly producer: Producer;
  readonly chance: Chance;
  /** Ms until faults must end. */
  readonly left: number;
};

/** Each kind of fault, how often it comes in a history, and what it does. */
const TROUBLES: readonly (readonly [Kind, number, (moment: Moment) => Promise<void> | void])[] = [
  [
    'crash',
    4,
    async ({ world, workers, chance }) => {
      const worker = chance.pick(workers);
      worker?.crash();
      await world.sleep(chance.oneOf(1, 100, 3_000, 15_000));
      worker?.start();
    },
  ],
  [
    'pause',
    3,
    ({ workers, chance, left }) => {
      chance.pick(workers)?.pause(Math.min(left, chance.oneOf(100, 2_000, 12_000, 30_000)));
    },
  ],
  [
    'restart',
    2,
    async ({ world, workers, chance }) => {
      const worker = chance.pick(workers);
      worker?.resume();
      await worker?.stop();
      await world.sleep(chance.between(1, 1_000));
      worker?.start();
    },
  ],
  ['rebalance', 4, ({ world }) => world.group.rebalance('someone came and went')],
  [
    'brokerOutage',
    1.5,
    async ({ world, chance, left }) => {
      world.history.note('the broker is gone');
      world.broker.setDown(true);
      await world.sleep(Math.min(left, chance.between(100, 5_000)));
      world.broker.setDown(false);
    },
  ],
  [
    'topicAnew',
    1,
    ({ world, producer, chance }) => {
      const topic = chance.pick(world.stream.tables)?.topic ?? '';
      world.history.note(`${topic} is deleted and made anew`);
      world.madeAnew.add(topic);
      world.group.lose(topic);
      world.broker.createTopic(topic, world.plan.partitions);
      producer.again(topic);
      world.group.rebalance(`${topic} is there`);
    },
  ],
  [
    'retention',
    2,
    ({ world, chance }) => {
      const { broker, stream, history } = world;
      const at = chance.pick(broker.partitions);
      const log = at && broker.log(at);
      if (at === undefined || log === undefined) return;
      const fed = stream.tables.filter((table) => stream.feeds(table, at));
      const held = fed.map((table) => world.held(table, at));
      // What a table never began is not lost to it, but to the start policy.
      if (held.length === 0 || held.includes(undefined)) return;
      const low = chance.between(Math.min(...held.map(Number)), log.high);
      history.note(`${at.topic}:${at.partition} holds nothing below ${low} any more`);
      broker.expire(at, low);
    },
  ],
  ['lostAnswers', 3, (moment) => storm(moment, { lost: moment.chance.oneOf(0.1, 0.5, 1) })],
  ['storeErrors', 3, (moment) => storm(moment, { fails: moment.chance.oneOf(0.05, 0.3, 1) })],
  ['slowStore', 3, (moment) => storm(moment, { slowMs: moment.chance.oneOf(200, 2_000, 20_000) })],
  [
    'fullDisk',
    1,
    (moment) =>
      storm(moment, {
        refused: moment.chance.oneOf<'STORE_FULL' | 'STORE_DENIED'>('STORE_FULL', 'STORE_DENIED'),
      }),
  ],
];

/** Bad weather on top of what there is, for a while. */
async function storm({ world, chance, left }: Moment, weather: Partial<World['weatherNow']>): Promise<void> {
  world.weatherNow = { ...world.weatherNow, ...weather };
  world.history.note(`weather: ${JSON.stringify(world.weatherNow)}`);
  await world.sleep(Math.min(left, chance.oneOf(50, 500, 5_000, 20_000)));
  const gone = Object.fromEntries(Object.keys(weather).map((name) => [name, Reflect.get(CALM, name)]));
  world.weatherNow = { ...world.weatherNow, ...gone };
}
