import { deltaSink, type DeltaSinkRun } from '../../../src/sink/delta-sink.js';
import type { FailedTable, RunSummary } from '../../../src/sink/sink-events.js';
import type { Chance } from './chance.js';
import { SimulatedDeadLetters } from './dead-letters.js';
import { Life } from './life.js';
import { SimulatedSource } from './source.js';
import { SimulatedStore } from './store.js';
import { pathOf, type World } from './world.js';

const RESTARTS_AFTER_MS = 20_000;

/** A worker of the sink: one process after another in one place. */
export class Worker {
  readonly name: string;
  readonly #world: World;
  readonly #chance: Chance;
  #starts = 0;
  #process: Process | undefined;

  constructor(world: World, name: string) {
    this.#world = world;
    this.name = name;
    this.#chance = world.chance.fork(name);
  }

  /** Starts a process, if none is there. */
  start(): void {
    if (this.#process !== undefined) return;
    const name = `${this.name}.${++this.#starts}`;
    this.#world.history.note(`${name} starts`);
    const process = new Process(this.#world, name, this.#chance.fork(`life ${this.#starts}`), () => {
      // Its supervisor starts one that ended by itself again, after a while.
      if (this.#process !== process) return;
      this.#process = undefined;
      this.#world.time.in(RESTARTS_AFTER_MS, () => this.start());
    });
    this.#process = process;
  }

  /** Kills the process in the middle of whatever it does. */
  crash(): void {
    const process = this.#process;
    if (process === undefined) return;
    this.#world.history.note(`${process.life.name} crashes`);
    this.#process = undefined;
    process.life.kill();
    this.#world.whenOver.push(() => process.letGo());
    this.#world.group.silent(process.life);
  }

  /** Holds the process still for a while; it may be taken for dead meanwhile. */
  pause(ms: number): void {
    const life = this.#process?.life;
    if (life?.state !== 'running') return;
    const { time, history, group } = this.#world;
    history.note(`${life.name} stands still for ${ms} ms`);
    life.pause();
    group.silent(life);
    time.in(ms, () => this.#resume(life));
  }

  resume(): void {
    if (this.#process !== undefined) this.#resume(this.#process.life);
  }

  #resume(life: Life): void {
    if (life.state !== 'paused') return;
    const { time, history, group } = this.#world;
    history.note(`${life.name} goes on`);
    let ms = 0;
    life.resume((held) => time.in(ms++, () => life.deliver(held)));
    group.awake(life);
  }

  /** Stops the process as its owner would, and resolves when it is gone. */
  async stop(): Promise<void> {
    const process = this.#process;
    if (process === undefined) return;
    this.#world.history.note(`${process.life.name} is told to stop`);
    this.#process = undefined;
    await process.stop();
    this.#world.history.note(`${process.life.name} has stopped`);
  }
}

/** One run of the sink over its own ways to store and broker. */
class Process {
  readonly life: Life;
  readonly #world: World;
  readonly #sink: DeltaSinkRun;

  constructor(world: World, name: string, chance: Chance, ended: () => void) {
    this.#world = world;
    this.life = new Life(name);
    const source = new SimulatedSource(world, this.life, chance.fork('source'));
    const store = new SimulatedStore(world, this.life, chance.fork('store'));
    const random = chance.fork('sink');
    this.#sink = deltaSink(source, {
      ...world.plan.sink,
      base: store,
      scheduler: world.time.schedulerOf(this.life),
      random: () => random.next(),
      ...(world.plan.kinds.has('deadLetters')
        ? { errors: { tolerance: 'all' as const, deadLetters: new SimulatedDeadLetters(world, store) } }
        : {}),
    });
    this.#sink.events$.subscribe((event) => {
      if (event.kind === 'failed') this.#failed(event.failure);
      if (event.kind === 'unproven') world.unproven(event.table, event);
      if (event.kind === 'waiting')
        world.history.note(`${name} waits: ${event.table ?? 'source'}: ${event.why}`);
    });
    this.#sink.done.then(
      (summary) => this.#ended(summary, ended),
      (cause: unknown) => this.#broke(cause),
    );
  }

  async stop(): Promise<void> {
    await this.#sink.stop();
  }

  /** Ends what a process that was killed waits for in vain: Node keeps a signal that someone listens to. */
  letGo(): void {
    void this.#sink.stop();
    void this.#sink.stop();
  }

  #failed({ code, reason, table, topic }: FailedTable): void {
    const { history, stream, operator } = this.#world;
    // Before its topic's table is known a bad record is the trouble of the topic.
    const tables = stream.tables.filter((one) =>
      table === undefined ? one.topic === topic : pathOf(one) === table,
    );
    const told = `${this.life.name}: ${table ?? 'a topic'}: ${code}: ${reason}`;
    if (code === 'RECORD_INVALID' && tables.some((one) => this.#world.isSpoiled(one))) {
      history.note(told);
    } else if (operator?.answers(code) === true && !reason.includes('never came')) {
      history.note(told);
      for (const one of tables) this.#world.hasStopped.add(one);
      operator.call(tables, code);
    } else {
      this.#world.violate('no failure', told);
    }
  }

  #ended({ ended, failed }: RunSummary, told: () => void): void {
    if (ended !== 'stopped' && !(ended === 'failed' && failed.length > 0))
      this.#world.violate('no failure', `${this.life.name} ended: ${ended}`);
    const held = this.#sink.heldBytes();
    if (held > 0)
      this.#world.violate('credit comes back', `${this.life.name} has ended and holds ${held} bytes`);
    told();
  }

  #broke(cause: unknown): void {
    const why = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
    this.#world.violate('no failure', `${this.life.name} broke: ${why}`);
  }
}
