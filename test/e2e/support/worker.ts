import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunSummary, SinkEvent } from '../../../src/sink/sink-events.js';
import { PROGRAM } from './package.js';

/** How a process ended: its code, or the signal that ended it. */
export type Exit = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

/** A connector's configuration, in the shape that Kafka Connect takes. */
export type ConnectorFile = { readonly name: string; readonly config: Readonly<Record<string, string>> };

export type RunFlags = {
  readonly untilEnd?: boolean;
  /** A command to run it under, which must become it (`exec`). */
  readonly under?: readonly string[];
  /** A file that keeps all that it writes. */
  readonly log?: string;
};

/** An event of a run, the summary included, as `--json` writes it. */
export type Told =
  | (SinkEvent & { readonly connector: string })
  | (RunSummary & { readonly connector: string; readonly kind: 'summary' });

/** An event with the time at which it was heard, by `performance.now()` of the process that listens. */
export type Heard = { readonly atMs: number; readonly told: Told };

/** `sluice run` as a process of its own. */
export class Worker implements AsyncDisposable {
  readonly startedMs = performance.now();
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #heard: Heard[] = [];
  #said = '';
  /** The last line of standard output, not whole yet. */
  #line = '';

  private constructor(args: readonly string[], { under = [], log }: RunFlags) {
    const [program = process.execPath, ...before] = under;
    const command = under.length === 0 ? [PROGRAM, ...args] : [...before, process.execPath, PROGRAM, ...args];
    this.#child = spawn(program, command, { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#said += chunk.toString();
        if (log !== undefined) appendFileSync(log, chunk);
        if (stream === this.#child.stdout) this.#hear(chunk.toString());
      });
    }
    const killAlong = () => void this.#child.kill('SIGKILL');
    process.once('exit', killAlong);
    this.exited = once(this.#child, 'close').then(([code, signal]) => {
      process.removeListener('exit', killAlong);
      return { code: code as number | null, signal: signal as NodeJS.Signals | null };
    });
  }

  /** Writes the configuration into `folder` and runs it; its events are told as JSON. */
  static async run(folder: string, connector: ConnectorFile, options: RunFlags = {}): Promise<Worker> {
    const file = join(folder, `${connector.name}.json`);
    await writeFile(file, JSON.stringify(connector, null, 2));
    const flags = options.untilEnd === true ? ['--until-end'] : [];
    return new Worker(['run', file, '--json', ...flags], options);
  }

  /** All that it has written so far, to standard output and standard error. */
  get said(): string {
    return this.#said;
  }

  /** The process that runs; with `under`, the one that has become it. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** What has happened so far, oldest first. */
  get events(): readonly Told[] {
    return this.#heard.map(({ told }) => told);
  }

  /** The same with their times. It grows while the worker runs. */
  get heard(): readonly Heard[] {
    return this.#heard;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** How it ended by itself; fails, with what it said, if it goes on for longer. */
  async ended(withinMs = 60_000): Promise<Exit> {
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new Error(`still running after ${withinMs} ms:\n${this.#said}`)),
        withinMs,
      );
    });
    return Promise.race([this.exited, deadline]).finally(() => clearTimeout(timer));
  }

  /** SIGSTOP: it does nothing more, and its connections stay open. */
  pause(): void {
    this.#child.kill('SIGSTOP');
  }

  /** SIGCONT. */
  resume(): void {
    this.#child.kill('SIGCONT');
  }

  /** SIGKILL; resolves when it is gone. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exited;
  }

  /** SIGTERM, as a supervisor stops a service; how it ended, and after how long. */
  async stop(): Promise<Exit & { readonly elapsedMs: number }> {
    const asked = performance.now();
    this.#child.kill('SIGTERM');
    const exit = await this.exited;
    return { ...exit, elapsedMs: performance.now() - asked };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.running) await this.kill();
  }

  #hear(chunk: string): void {
    const lines = (this.#line + chunk).split('\n');
    this.#line = lines.pop() ?? '';
    const atMs = performance.now();
    for (const line of lines) {
      if (line !== '') this.#heard.push({ atMs, told: JSON.parse(line) as Told });
    }
  }
}
