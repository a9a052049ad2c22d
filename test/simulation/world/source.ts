import { SluiceError } from '../../../src/base/errors.js';
import { anySignal } from '../../../src/base/signals.js';
import {
  partitionKey,
  type ChangeSource,
  type OpenOptions,
  type SourceEvent,
  type StartPolicy,
  type TopicPartition,
  type Watermarks,
} from '../../../src/source/change-source.js';
import { bytesOf } from '../../../src/source/records.js';
import type { Broker, PartitionLog } from './broker.js';
import type { Chance } from './chance.js';
import type { Group, Member } from './group.js';
import type { History } from './history.js';
import type { Life } from './life.js';
import type { Time } from './time.js';

export type SourceWorld = {
  readonly time: Time;
  readonly history: History;
  readonly broker: Broker;
  readonly group: Group;
  /** Told when a process says that everything below `next` is safe. */
  acknowledged(by: string, partition: TopicPartition, next: number): void;
};

/** A partition that is ours. */
type Part = TopicPartition & {
  /** Undefined until it is known where it begins, and while a gap waits for a `seek`. */
  position: number | undefined;
  paused: boolean;
  /** Someone has said where it begins: no answer to where it resumes counts any more. */
  sought: boolean;
  /** The end it had when it was assigned. */
  readonly end: number;
};

/**
 * One process's consumer: a member of the group that fetches from the broker, in batches of any size, from any of its
 * partitions, after any delay.
 */
export class SimulatedSource implements ChangeSource, Member {
  readonly life: Life;
  readonly #world: SourceWorld;
  readonly #chance: Chance;
  readonly #parts = new Map<string, Part>();
  #inbox: SourceEvent[] = [];
  #wake: () => void = () => undefined;
  #refused: { readonly cause: unknown } | undefined;
  #toldDown = false;
  #drained = false;

  constructor(world: SourceWorld, life: Life, chance: Chance) {
    this.#world = world;
    this.life = life;
    this.#chance = chance;
  }

  async identity(signal: AbortSignal): Promise<string> {
    await this.#pass(signal);
    return 'simulated';
  }

  async *open(options: OpenOptions): AsyncGenerator<SourceEvent> {
    const { untilEnd, signal } = options;
    const { broker, group } = this.#world;
    signal.throwIfAborted();
    const ended = new AbortController();
    const inner = anySignal(signal, ended.signal);
    this.#parts.clear();
    this.#inbox = [];
    this.#refused = undefined;
    this.#drained = false;
    let assigned = false;
    const watching = broker.watch(() => this.#wake());
    group.join(this);
    try {
      for (;;) {
        await this.#pass(signal);
        this.#throwIfRefused();
        const event = this.#inbox.shift() ?? this.#fetch();
        if (event !== undefined) {
          this.#world.history.note(`${this.life.name} ${describe(event)}`);
          if (event.kind === 'assigned') {
            assigned = true;
            this.#begin(event.partitions, options, inner);
          }
          yield event;
        } else if (untilEnd && assigned && this.#atEnd()) {
          yield { kind: 'drained' };
          return;
        } else {
          await this.#something(signal);
        }
      }
    } finally {
      ended.abort(new DOMException('the source was closed', 'AbortError'));
      watching[Symbol.dispose]();
      group.leave(this);
    }
  }

  #throwIfRefused(): void {
    if (this.#refused !== undefined) throw this.#refused.cause;
  }

  assign({ revoked, assigned }: Parameters<Member['assign']>[0]): void {
    const gone = new Set(revoked.map(({ topic, partition }) => partitionKey(topic, partition)));
    for (const key of gone) this.#parts.delete(key);
    this.#inbox = this.#inbox.filter((event) => {
      return event.kind !== 'gap' || !gone.has(partitionKey(event.topic, event.partition));
    });
    if (revoked.length > 0) this.#inbox.push({ kind: 'revoked', partitions: revoked });
    if (assigned.length > 0) this.#inbox.push({ kind: 'assigned', partitions: assigned });
    this.#wake();
  }

  /** Asks side by side where each partition begins; nothing of it comes before that is known. */
  #begin(partitions: readonly TopicPartition[], options: OpenOptions, signal: AbortSignal): void {
    for (const { topic, partition } of partitions) {
      const end = this.#world.broker.log({ topic, partition })?.high ?? 0;
      const part: Part = { topic, partition, position: undefined, paused: false, sought: false, end };
      this.#parts.set(partitionKey(topic, partition), part);
      const isOurs = (): boolean =>
        this.#parts.get(partitionKey(topic, partition)) === part && !signal.aborted;
      const begin = (offset: number): void => {
        this.#world.history.note(`${this.life.name} resumes ${partitionKey(topic, partition)} at ${offset}`);
        if (!isOurs() || part.sought) return;
        part.position = offset;
        this.#wake();
      };
      const refuse = (cause: unknown): void => {
        if (!isOurs()) return;
        this.#refused = { cause };
        this.#wake();
      };
      this.#world.time.in(1, () =>
        this.life.deliver(() => {
          if (isOurs()) options.resumeAt({ topic, partition }, signal).then(begin, refuse);
        }),
      );
    }
  }

  /** The next of what is there to be read; undefined if nothing is. */
  #fetch(): SourceEvent | undefined {
    if (this.#world.broker.down) {
      if (this.#toldDown) return undefined;
      this.#toldDown = true;
      return { kind: 'waiting', why: 'the broker does not answer' };
    }
    if (this.#toldDown) {
      this.#toldDown = false;
      return { kind: 'resumed' };
    }
    for (const part of this.#chance.shuffled([...this.#parts.values()])) {
      const log = this.#world.broker.log(part);
      if (log === undefined || part.position === undefined || part.paused) continue;
      const { topic, partition, position } = part;
      if (position < log.low || position > log.high) {
        part.position = undefined;
        return {
          kind: 'gap',
          topic,
          partition,
          expected: position,
          found: position < log.low ? log.low : log.high,
        };
      }
      if (position < log.high) return this.#read(part, position, log);
    }
    return undefined;
  }

  #read(part: Part, base: number, log: PartitionLog): SourceEvent {
    const { topic, partition } = part;
    const from = log.indexOf(base);
    const count = this.#chance.happens(0.3) ? 1 : this.#chance.between(1, 12);
    const records = log.records.slice(from, from + count);
    const last = records.at(-1);
    const following = log.records[from + count];
    // What lies between this batch and the record after it comes with one of the two.
    const beyond = following === undefined ? log.high : Number(following.offset);
    const next = last === undefined || this.#chance.happens(0.5) ? beyond : Number(last.offset) + 1;
    part.position = next;
    if (records.length === 0) return { kind: 'progress', topic, partition, base, next };
    return {
      kind: 'batch',
      batch: { topic, partition, base, next, records, bytes: bytesOf(records), highWatermark: log.high },
    };
  }

  #atEnd(): boolean {
    if (this.#drained) return true;
    this.#drained = [...this.#parts.values()].every(
      ({ position, end }) => position !== undefined && position >= end,
    );
    return this.#drained;
  }

  acknowledge(partition: TopicPartition, next: number): void {
    this.#world.acknowledged(this.life.name, partition, next);
  }

  async partitions(topic: string, signal: AbortSignal): Promise<readonly number[]> {
    await this.#pass(signal);
    const found = this.#world.broker.partitions.filter((at) => at.topic === topic);
    if (found.length > 0) return found.map(({ partition }) => partition);
    throw new SluiceError('TOPIC_NOT_FOUND', `there is no topic ${topic}`, { context: { topic } });
  }

  async resolve(partition: TopicPartition, start: StartPolicy, signal: AbortSignal): Promise<number> {
    const log = await this.#ask(partition, signal);
    if (start === 'earliest') return log.low;
    if (start === 'latest') return log.high;
    const later = log.records.find(({ timestamp }) => Number(timestamp) >= start.atMs);
    return later === undefined ? log.high : Number(later.offset);
  }

  async watermarks(partition: TopicPartition, signal: AbortSignal): Promise<Watermarks> {
    const { low, high } = await this.#ask(partition, signal);
    return { low, high };
  }

  async #ask(partition: TopicPartition, signal: AbortSignal): Promise<PartitionLog> {
    await this.#pass(signal);
    const log = this.#world.broker.log(partition);
    if (log !== undefined) return log;
    throw new SluiceError(
      'TOPIC_NOT_FOUND',
      `there is no partition ${partition.topic}:${partition.partition}`,
      {
        context: partition,
      },
    );
  }

  seek({ topic, partition }: TopicPartition, offset: number): void {
    const part = this.#parts.get(partitionKey(topic, partition));
    if (part === undefined) return;
    part.position = offset;
    part.sought = true;
    this.#inbox = this.#inbox.filter(
      (event) => event.kind !== 'gap' || event.topic !== topic || event.partition !== partition,
    );
    this.#wake();
  }

  pause(partitions: readonly TopicPartition[]): void {
    for (const { topic, partition } of partitions) {
      const part = this.#parts.get(partitionKey(topic, partition));
      if (part !== undefined) part.paused = true;
    }
  }

  resume(partitions: readonly TopicPartition[]): void {
    for (const { topic, partition } of partitions) {
      const part = this.#parts.get(partitionKey(topic, partition));
      if (part !== undefined) part.paused = false;
    }
    this.#wake();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }

  /** Lets the time pass that a request takes. */
  #pass(signal: AbortSignal): Promise<void> {
    return this.#wait(signal, (done) => {
      this.#world.time.in(this.#chance.between(1, 20), () => this.life.deliver(done));
    });
  }

  /** Waits until there is perhaps something to hand over. */
  #something(signal: AbortSignal): Promise<void> {
    return this.#wait(signal, (done) => {
      this.#wake = () => {
        this.#wake = () => undefined;
        this.life.deliver(done);
      };
    });
  }

  #wait(signal: AbortSignal, begin: (done: () => void) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      const onAbort = () => reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      begin(() => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      });
    });
  }
}

function describe(event: SourceEvent): string {
  const names = (partitions: readonly TopicPartition[]): string =>
    partitions.map(({ topic, partition }) => partitionKey(topic, partition)).join(' ');
  switch (event.kind) {
    case 'assigned':
    case 'revoked':
      return `hears ${event.kind} ${names(event.partitions)}`;
    case 'batch':
      return `reads ${names([event.batch])} [${event.batch.base}, ${event.batch.next})`;
    case 'progress':
      return `passes ${names([event])} [${event.base}, ${event.next})`;
    case 'gap':
      return `finds a gap in ${names([event])}: ${event.expected}, ${event.found}`;
    case 'waiting':
    case 'resumed':
    case 'drained':
      return `hears ${event.kind}`;
  }
}
