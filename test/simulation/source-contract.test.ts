import { describe, test } from 'vitest';
import {
  describeChangeSource,
  type GivenRecord,
  type OpenedSource,
} from '../../src/testing/change-source-contract.js';
import { Broker } from './world/broker.js';
import { Chance } from './world/chance.js';
import { Group } from './world/group.js';
import { History } from './world/history.js';
import { Life } from './world/life.js';
import { SimulatedSource } from './world/source.js';
import { Time } from './world/time.js';

let made = 0;

/** A simulated source in a world whose time runs as fast as it can. */
async function openSource(records: readonly GivenRecord[]): Promise<OpenedSource> {
  const time = new Time();
  const broker = new Broker();
  const history = new History({ keep: false, atMs: () => time.elapsedMs });
  const chance = new Chance(`contract ${++made}`);
  const world = { time, broker, history, group: new Group({ time, history, broker }, chance) };
  for (const topic of new Set(records.map((record) => record.topic))) {
    const own = records.filter((record) => record.topic === topic);
    broker.createTopic(topic, 1 + Math.max(...own.map(({ partition }) => partition)));
  }
  for (const { topic, partition, key, value, headers = {}, timestampMs } of records) {
    const bytes = (text: string | null): Buffer | null => (text === null ? null : Buffer.from(text));
    const kept = Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)]));
    broker.append({ topic, partition }, { key: bytes(key), value: bytes(value), headers: kept, timestampMs });
  }
  const source = new SimulatedSource({ ...world, acknowledged: () => undefined }, new Life('reader'), chance);
  let over = false;
  const run = (): void => {
    if (over) return;
    time.step();
    setImmediate(run);
  };
  run();
  return {
    source,
    topic: (name) => name,
    [Symbol.asyncDispose]: async () => {
      over = true;
      await source[Symbol.asyncDispose]();
    },
  };
}

describeChangeSource('the simulated source', openSource, { describe, test });
