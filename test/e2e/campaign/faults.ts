import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { localStore } from '../../../src/storage/local.js';
import { loadSnapshot } from '../../../src/table/snapshot.js';
import { never, tableRows } from '../../support/postgres-replay.js';
import { eventually } from '../../support/source-events.js';
import { ARCHIVE, DOOMED } from './generated.js';
import { OffsetsFaults, type FaultsOptions } from './offsets-faults.js';
import type { Fault } from './plan.js';

/** `session.timeout.ms` of the fleet's connector. */
const SESSION_MS = 1_500;

/** How long a worker may take to come to the moment in which it is to be killed. */
const MOMENT_WITHIN_MS = 4_000;

/** Carries faults out, one at a time. */
export class Faults {
  readonly #options: FaultsOptions;
  readonly #offsets: OffsetsFaults;
  #pauses = 0;
  #brokerRestarts = 0;

  constructor(options: FaultsOptions) {
    this.#options = options;
    this.#offsets = new OffsetsFaults(options);
  }

  get counts(): { readonly pauses: number; readonly brokerRestarts: number } {
    return { pauses: this.#pauses, brokerRestarts: this.#brokerRestarts };
  }

  /** `feed` writes the stage's part of the streams; it is called once, when the fault allows it. */
  async carryOut(fault: Fault, feed: () => Promise<void>): Promise<void> {
    switch (fault.kind) {
      case 'restart broker':
        await feed();
        return this.#restartBroker(fault);
      case 'restore':
        return this.#offsets.restore(feed, fault.versions);
      case 'topic anew':
        return this.#offsets.renewTopic(feed);
      default:
        await Promise.all([feed(), this.#whileFed(fault)]);
    }
  }

  async #whileFed(
    fault: Exclude<Fault, { kind: 'restart broker' | 'restore' | 'topic anew' }>,
  ): Promise<void> {
    switch (fault.kind) {
      case 'kill':
        return this.#kill(fault);
      case 'kill all':
        return this.#killAll(fault);
      case 'pause':
        return this.#pause(fault);
      case 'optimize':
        return this.#spark(fault.table, 'OPTIMIZE $');
      case 'delete':
        return this.#deleteDoomed();
    }
  }

  async #kill(fault: Extract<Fault, { kind: 'kill' }>): Promise<void> {
    const { fleet } = this.#options;
    const { worker: place, moment, waitMs, downMs } = fault;
    let victim = place;
    switch (moment) {
      case 'starting':
        await this.#killNow(place);
        await fleet.start(place);
        break;
      case 'writing files':
        victim = (await fleet.firstToWrite(MOMENT_WITHIN_MS)) ?? place;
        break;
      case 'after a commit':
        victim = (await fleet.firstToCommit(performance.now(), MOMENT_WITHIN_MS)) ?? place;
        break;
      case 'any time':
        break;
    }
    await pause(waitMs);
    await this.#killNow(victim);
    await pause(downMs);
    await fleet.start(victim);
  }

  async #killNow(place: number): Promise<void> {
    this.#options.log(`  killed worker ${place} while ${await this.#options.fleet.kill(place)}`);
  }

  async #killAll({ waitMs }: Extract<Fault, { kind: 'kill all' }>): Promise<void> {
    const { fleet } = this.#options;
    await pause(waitMs);
    await Promise.all(fleet.running.map(({ place }) => this.#killNow(place)));
    await fleet.fill();
  }

  async #pause({ worker, beyondSessionMs }: Extract<Fault, { kind: 'pause' }>): Promise<void> {
    const { fleet } = this.#options;
    const life = fleet.at((await fleet.firstToWrite(MOMENT_WITHIN_MS)) ?? worker);
    life.worker.pause();
    await pause(SESSION_MS + beyondSessionMs);
    life.worker.resume();
    this.#pauses += 1;
  }

  async #restartBroker({ killed }: Extract<Fault, { kind: 'restart broker' }>): Promise<void> {
    const { broker, topics, feeder } = this.#options;
    await feeder.disconnect();
    if (killed) await broker.kill();
    await broker.restart();
    await eventually(
      () => topics.admin.listTopics().catch(() => []),
      (found) => found.length > 0,
    );
    this.#brokerRestarts += 1;
  }

  async #deleteDoomed(): Promise<void> {
    const store = localStore(join(this.#options.base, `shop/${ARCHIVE}`));
    // They must be in, or the sink would bring them back, and rightly so.
    await eventually(
      async () => (await tableRows(store)).filter(({ id }) => Number(id) <= DOOMED).length,
      (count) => count === DOOMED,
    );
    await this.#spark(`shop/${ARCHIVE}`, `DELETE FROM $ WHERE id <= ${DOOMED}`);
  }

  async #spark(table: string, statement: string): Promise<void> {
    const { spark, log, base } = this.#options;
    if (spark === undefined) throw new Error('Spark takes no part in this campaign');
    await eventually(
      () => loadSnapshot(localStore(join(base, table)), { signal: never }),
      (snapshot) => snapshot !== undefined,
    );
    await spark.run(table, statement);
    log(`  Spark: ${statement} of ${table}`);
  }
}
