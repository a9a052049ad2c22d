import { setTimeout as pause } from 'node:timers/promises';
import type { Producer } from 'kafkajs';
import type { TestTopics } from '../../support/kafka-topics.js';
import type { Recorded } from '../../support/recordings.js';
import { produce } from '../support/recorded-stream.js';
import type { Draw } from './draw.js';
import type { Workload } from './workload.js';

/** How many times a stage's part is written in, with pauses between. */
const SLICES = 8;

/** Writes workloads side by side, each in its own order and each record once, and knows which got which offset. */
export class Feeder implements AsyncDisposable {
  /** `topic:partition` -> its records, each at the index that is its offset. */
  readonly written = new Map<string, Recorded[]>();
  readonly #workloads: readonly { readonly records: readonly Recorded[]; at: number }[];
  readonly #draw: Draw;
  readonly #topics: TestTopics;
  #producer: Promise<Producer> | undefined;

  constructor(topics: TestTopics, workloads: readonly Workload[], draw: Draw) {
    this.#topics = topics;
    this.#workloads = workloads.map(({ records }) => ({ records, at: 0 }));
    this.#draw = draw;
  }

  get count(): number {
    return this.#workloads.reduce((sum, { at }) => sum + at, 0);
  }

  /** Lets go of the connection: one that outlives its broker would have to find that out first. */
  async disconnect(): Promise<void> {
    const producer = await this.#producer;
    this.#producer = undefined;
    await producer?.disconnect();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.disconnect();
  }

  /** Writes until this share of every workload is there; `paceMs` is the longest pause between two parts of it. */
  async feed(upTo: number, paceMs: number): Promise<void> {
    const from = this.#workloads.map(({ at }) => at);
    for (let slice = 1; slice <= SLICES; slice++) {
      const part = this.#workloads.flatMap((workload, index) => {
        const start = from[index] ?? 0;
        const end = Math.round(workload.records.length * upTo);
        const next = start + Math.floor(((end - start) * slice) / SLICES);
        const records = workload.records.slice(workload.at, next);
        workload.at = Math.max(workload.at, next);
        return records;
      });
      await this.#write(part);
      if (paceMs > 0) await pause(this.#draw.below(paceMs));
    }
  }

  /** How many records of a topic say something of a row, beyond the offsets that are held. */
  ahead(topic: string, held: ReadonlyMap<string, number>): number {
    return [...this.written].reduce((sum, [key, records]) => {
      if (!key.startsWith(`${topic}:`)) return sum;
      return sum + records.slice(held.get(key) ?? 0).filter(({ record }) => record.value !== null).length;
    }, 0);
  }

  /** What was written to a topic counts no more: it was made anew. */
  forget(topic: string): void {
    for (const key of this.written.keys()) if (key.startsWith(`${topic}:`)) this.written.delete(key);
  }

  async #write(records: readonly Recorded[]): Promise<void> {
    if (records.length === 0) return;
    this.#producer ??= this.#connect();
    await produce(await this.#producer, records);
    for (const one of records) {
      const key = `${one.topic}:${one.partition}`;
      const list = this.written.get(key);
      if (list === undefined) this.written.set(key, [one]);
      else list.push(one);
    }
  }

  async #connect(): Promise<Producer> {
    const producer = this.#topics.newProducer({ idempotent: true });
    await producer.connect();
    return producer;
  }
}
