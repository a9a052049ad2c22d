import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export type Engine = 'spark' | 'deltars' | 'duckdb';

export type OracleRows = { readonly count: number; readonly sha256: string; readonly lines: readonly string[] };

type Answer = { readonly id: number; readonly ok: boolean } & Record<string, unknown>;

const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'sluice-oracle');

/** The Python with Spark, delta-rs and DuckDB in it; undefined where `npm run prepare:oracle` has not been run. */
export function oraclePython(): string | undefined {
  const python = join(cache, 'venv', 'bin', 'python');
  return existsSync(join(cache, 'installed-1')) ? python : undefined;
}

/** Other engines, kept running between questions (README.md beside this file). */
export class Oracle {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #next = 1;
  #chatter = '';

  private constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child;
    child.stderr.on('data', (chunk: Buffer) => (this.#chatter = (this.#chatter + chunk.toString()).slice(-4000)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      const answer: unknown = JSON.parse(line);
      if (!isAnswer(answer)) return;
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    });
    child.on('exit', () => {
      for (const [id, resolve] of this.#waiting) {
        resolve({ id, ok: false, error: 'exit', message: `the oracle has ended: ${this.#chatter}` });
      }
      this.#waiting.clear();
    });
  }

  /** Spark starts at the first question that needs it. */
  static start(): Oracle {
    const python = oraclePython();
    if (python === undefined) throw new Error('no oracle: run `npm run prepare:oracle` first');
    return new Oracle(spawn(python, ['test/support/oracle/oracle.py', 'serve', '--lazy']));
  }

  async read(table: string, options: { version?: number; engine?: Engine; columns?: string } = {}): Promise<OracleRows> {
    return rows(await this.#ask({ cmd: 'read', table, ...options }));
  }

  async feed(table: string, options: { from: number; to?: number; engine?: Engine }): Promise<OracleRows> {
    return rows(await this.#ask({ cmd: 'feed', table, drop: ['_commit_timestamp'], ...options }));
  }

  /** Runs statements in Spark; one list of canonical rows a statement. */
  async sql(...statements: string[]): Promise<readonly (readonly string[])[]> {
    const answer = await this.#ask({ cmd: 'sql', statements });
    return answer['results'] as readonly (readonly string[])[];
  }

  async history(table: string): Promise<readonly Record<string, unknown>[]> {
    const found = (await this.#ask({ cmd: 'history', table }))['history'];
    return (Array.isArray(found) ? found : [found]).map((row: unknown) =>
      typeof row === 'string' ? (JSON.parse(row) as Record<string, unknown>) : (row as Record<string, unknown>),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()));
    this.#child.stdin.end();
    await ended;
  }

  async #ask(question: Record<string, unknown>): Promise<Answer> {
    const id = this.#next++;
    const answered = new Promise<Answer>((resolve) => this.#waiting.set(id, resolve));
    this.#child.stdin.write(`${JSON.stringify({ id, ...question })}\n`);
    const answer = await answered;
    if (!answer.ok) throw new Error(`oracle: ${String(answer['condition'] ?? answer['error'])}: ${String(answer['message'])}`);
    return answer;
  }
}

function rows(answer: Answer): OracleRows {
  return { count: Number(answer['count']), sha256: String(answer['sha256']), lines: answer['lines'] as readonly string[] };
}

function isAnswer(found: unknown): found is Answer {
  return typeof found === 'object' && found !== null && 'id' in found && 'ok' in found;
}
