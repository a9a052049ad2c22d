import { readdirSync, readlinkSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { isTemporaryName } from '../../../src/storage/keys.js';
import { Worker, type ConnectorFile, type Heard } from '../support/worker.js';

/** What a worker was in the middle of when it was killed. */
export type Phase = 'starting' | 'writing files' | 'committing' | 'between commits';

/** One process of a place in the fleet. */
export type Life = {
  readonly place: number;
  readonly worker: Worker;
  /** When the process before it at this place was killed; undefined if there was none, or it ended in peace. */
  readonly afterKillMs: number | undefined;
  killedAs?: Phase;
};

/** Workers of one group, each in its place: a place whose worker is killed gets another. */
export class Fleet implements AsyncDisposable {
  readonly lives: Life[] = [];
  readonly #folder: string;
  readonly #connector: ConnectorFile;
  readonly #places: (Life | undefined)[];
  readonly #killedMs: (number | undefined)[] = [];

  constructor(folder: string, connector: ConnectorFile, size: number) {
    this.#folder = folder;
    this.#connector = connector;
    this.#places = Array.from({ length: size }, () => undefined);
  }

  /** Starts a worker wherever none runs. */
  async fill(): Promise<void> {
    for (const [place, life] of this.#places.entries()) {
      if (life === undefined) await this.start(place);
    }
  }

  async start(place: number): Promise<Life> {
    const folder = join(this.#folder, `worker-${place}`);
    await mkdir(folder, { recursive: true });
    const log = join(folder, `life-${String(this.lives.length).padStart(3, '0')}.log`);
    const worker = await Worker.run(folder, this.#connector, { log });
    const life: Life = { place, worker, afterKillMs: this.#killedMs[place] };
    this.#killedMs[place] = undefined;
    this.lives.push(life);
    this.#places[place] = life;
    return life;
  }

  /** The worker in a place. */
  at(place: number): Life {
    const life = this.#places[place];
    if (life === undefined) throw new Error(`no worker runs in place ${place}`);
    return life;
  }

  get running(): readonly Life[] {
    return this.#places.filter((life) => life !== undefined);
  }

  /** SIGKILL; the place stays empty until `start`. */
  async kill(place: number): Promise<Phase> {
    const life = this.at(place);
    if (!life.worker.running)
      throw new Error(`worker ${place} had ended by itself:\n${life.worker.said.slice(-4000)}`);
    // Stopped first, so that what is looked at is what it dies in.
    life.worker.pause();
    life.killedAs = phaseOf(life);
    this.#places[place] = undefined;
    this.#killedMs[place] = performance.now();
    await life.worker.kill();
    return life.killedAs;
  }

  /** Ends all workers as a supervisor does; each must end well, but for tables that it has told to have failed. */
  async stop(): Promise<void> {
    const lives = this.running;
    this.#places.fill(undefined);
    for (const { place, worker } of lives) {
      const { code, signal } = await worker.stop();
      // One that has not begun yet has nothing to bring to an end.
      const failed = worker.heard.some(({ told }) => told.kind === 'failed');
      const ended = code === (failed ? 1 : 0) || (signal === 'SIGTERM' && worker.said === '');
      if (!ended)
        throw new Error(`worker ${place} ended with ${code ?? signal}:\n${worker.said.slice(-4000)}`);
    }
  }

  /** Ends what still runs, whatever comes of it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.lives.map(({ worker }) => worker[Symbol.asyncDispose]()));
  }

  /** Everything that any worker told, by time. */
  heard(): readonly Heard[] {
    return this.lives.flatMap(({ worker }) => worker.heard).toSorted((a, b) => a.atMs - b.atMs);
  }

  /** The place of the first worker that commits after a time; undefined if none does for `withinMs`. */
  firstToCommit(sinceMs: number, withinMs: number): Promise<number | undefined> {
    return this.#first(({ worker }) => hasCommitted(worker, sinceMs), { everyMs: 20, withinMs });
  }

  /** The place of the first worker that has a file in the making; undefined if none has for `withinMs`. */
  firstToWrite(withinMs: number): Promise<number | undefined> {
    return this.#first(({ worker }) => filesInTheMaking(worker.pid).length > 0, { everyMs: 1, withinMs });
  }

  async #first(
    is: (life: Life) => boolean,
    { everyMs, withinMs }: { readonly everyMs: number; readonly withinMs: number },
  ): Promise<number | undefined> {
    const deadline = performance.now() + withinMs;
    while (performance.now() < deadline) {
      const life = this.running.find(is);
      if (life !== undefined) return life.place;
      await pause(everyMs);
    }
    return undefined;
  }
}

function phaseOf({ worker }: Life): Phase {
  const files = filesInTheMaking(worker.pid);
  if (files.some((file) => file.includes('/_delta_log/'))) return 'committing';
  if (files.length > 0) return 'writing files';
  return hasCommitted(worker, 0) ? 'between commits' : 'starting';
}

function hasCommitted({ heard }: Worker, sinceMs: number): boolean {
  const last = heard.findLast(({ told }) => told.kind === 'committed');
  return last !== undefined && last.atMs > sinceMs;
}

/** Where the system tells which files a process has open (Linux), those that a store has not given their names yet. */
function filesInTheMaking(pid: number): readonly string[] {
  const folder = `/proc/${pid}/fd`;
  try {
    return readdirSync(folder).flatMap((fd) => {
      const path = targetOf(join(folder, fd));
      return path !== undefined && isTemporaryName(basename(path)) ? [path] : [];
    });
  } catch {
    return []; // The process has ended, or the system does not tell.
  }
}

function targetOf(link: string): string | undefined {
  try {
    return readlinkSync(link);
  } catch {
    return undefined; // Closed meanwhile.
  }
}
