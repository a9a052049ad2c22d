import { setTimeout as pause } from 'node:timers/promises';
import type { TestTopics } from '../../support/kafka-topics.js';
import { rowEvent } from '../support/rows.js';
import type { Fleet } from './fleet.js';

const TOPIC = 'steady.shop.ticks';
const EVERY_MS = 150;

/**
 * Kills one worker with the client's default session again and again while its topic is written, and measures from the
 * moment at which the group no longer knows the dead member to the next commit.
 */
export class DefaultSessions implements AsyncDisposable {
  static readonly topic = TOPIC;
  readonly recoveryMs: number[] = [];
  readonly #fleet: Fleet;
  readonly #topics: TestTopics;
  readonly #groupId: string;
  readonly #over = new AbortController();
  #running: Promise<unknown> = Promise.resolve();
  #written = 0;

  constructor(fleet: Fleet, topics: TestTopics, groupId: string) {
    this.#fleet = fleet;
    this.#topics = topics;
    this.#groupId = groupId;
  }

  /** Goes on until it is disposed of; whatever goes wrong with the broker meanwhile only spoils a measurement. */
  begin(): void {
    this.#running = Promise.allSettled([this.#write(), this.#measure()]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    await this.#running;
  }

  get #ended(): boolean {
    return this.#over.signal.aborted;
  }

  async #write(): Promise<void> {
    while (!this.#ended) {
      const id = (this.#written += 1);
      await this.#topics.producer
        .send({ topic: TOPIC, messages: [rowEvent({ table: 'ticks', id, row: { qty: id } })] })
        .catch(() => undefined);
      await pause(EVERY_MS);
    }
  }

  async #measure(): Promise<void> {
    while (!this.#ended) {
      const life = this.#fleet.running[0] ?? (await this.#fleet.start(0));
      if (!(await this.#until(() => hasCommitted(life.worker.heard, 0)))) return;
      const dead = new Set(await this.#members());
      await this.#fleet.kill(0);
      const next = await this.#fleet.start(0);
      let letGoMs: number | undefined;
      await this.#until(async () => {
        const members = await this.#members();
        // A coordinator that is loading, after a restart of its broker, knows nobody for a while.
        if (members.length === 0 || members.some((member) => dead.has(member))) return false;
        letGoMs = performance.now();
        return true;
      });
      const sinceMs = letGoMs;
      if (sinceMs === undefined) return;
      if (!(await this.#until(() => hasCommitted(next.worker.heard, 0)))) return;
      const first = next.worker.heard.find(({ told }) => told.kind === 'committed');
      if (first !== undefined) this.recoveryMs.push(Math.max(0, first.atMs - sinceMs));
    }
  }

  async #members(): Promise<readonly string[]> {
    const { groups } = await this.#topics.admin.describeGroups([this.#groupId]);
    return groups.flatMap(({ members }) => members.map(({ memberId }) => memberId));
  }

  /** False if it ended first. */
  async #until(holds: () => boolean | Promise<boolean>): Promise<boolean> {
    while (!this.#ended) {
      if (await Promise.resolve(holds()).catch(() => false)) return true;
      await pause(100);
    }
    return false;
  }
}

function hasCommitted(heard: Fleet['lives'][number]['worker']['heard'], sinceMs: number): boolean {
  return heard.some(({ atMs, told }) => told.kind === 'committed' && atMs > sinceMs);
}
