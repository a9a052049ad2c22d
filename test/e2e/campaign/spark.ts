import { setTimeout as pause } from 'node:timers/promises';
import { join } from 'node:path';
import { Oracle } from '../../support/oracle/oracle.js';

/** So often Spark may lose against the sink before it is told to be a failure. */
const ATTEMPTS_MAX = 30;

/** Another engine that changes the tables while the sink writes them. */
export class Spark implements AsyncDisposable {
  readonly #oracle = Oracle.start();
  readonly #base: string;
  /** Statements that came through, by their first word. */
  readonly done = new Map<string, number>();
  /** How often it lost against a commit of the sink and tried again. */
  lost = 0;

  constructor(base: string) {
    this.#base = base;
    // It takes some seconds to start; if it does not, the first statement says so.
    void this.#oracle.sql('SELECT 1').catch(() => undefined);
  }

  /** Runs a statement; `$` in it stands for the table. What loses against the sink is tried again. */
  async run(table: string, statement: string): Promise<void> {
    const text = statement.replace('$', `delta.\`${join(this.#base, table)}\``);
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#oracle.sql(text);
        const word = statement.split(' ')[0] ?? '';
        this.done.set(word, (this.done.get(word) ?? 0) + 1);
        return;
      } catch (cause) {
        if (attempt === ATTEMPTS_MAX || !/CONCURRENT/.test(String(cause))) throw cause;
        this.lost += 1;
        await pause(50 * attempt);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#oracle[Symbol.asyncDispose]();
  }
}
