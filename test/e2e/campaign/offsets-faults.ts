import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { FailedTable } from '../../../src/sink/sink-events.js';
import { localStore } from '../../../src/storage/local.js';
import type { ObjectStore } from '../../../src/storage/object-store.js';
import { loadSnapshot, openSnapshot, type Snapshot } from '../../../src/table/snapshot.js';
import type { KafkaBroker } from '../../support/kafka-server.js';
import type { TestTopics } from '../../support/kafka-topics.js';
import { never } from '../../support/postgres-replay.js';
import { eventually } from '../../support/source-events.js';
import { heldOffsets } from '../../support/table-laws.js';
import { PROGRAM } from '../support/package.js';
import { topicOf } from './debezium-records.js';
import type { Feeder } from './feeder.js';
import type { Fleet } from './fleet.js';
import { LEDGER, RENEWED } from './generated.js';
import type { Spark } from './spark.js';

const run = promisify(execFile);

/** What faults happen to. */
export type FaultsOptions = {
  /** Where the tables are. */
  readonly base: string;
  readonly fleet: Fleet;
  readonly broker: KafkaBroker;
  readonly spark: Spark | undefined;
  readonly topics: TestTopics;
  readonly feeder: Feeder;
  readonly log: (line: string) => void;
};

/** How long a failure that must come may let itself be waited for, before the workers are started anew to find it. */
const FAILS_WITHIN_MS = 10_000;

/** What must become of the tables that something is done to. */
const EXPECTED = [
  { table: `shop/${LEDGER}`, code: 'TABLE_REWOUND' },
  { table: `shop/${RENEWED}`, code: 'TOPIC_REGRESSED' },
] as const;

type Expected = (typeof EXPECTED)[number];

/** Whether a table had to fail so. */
export function isExpected(failure: FailedTable): boolean {
  return EXPECTED.some(({ table, code }) => table === failure.table && code === failure.code);
}

/** Faults after which a table stops until somebody has said how it goes on: told, and then said by `sluice offsets`. */
export class OffsetsFaults {
  readonly #options: FaultsOptions;

  constructor(options: FaultsOptions) {
    this.#options = options;
  }

  /** The other engine puts a table back by some versions; its offsets are then set to those of that version. */
  async restore(feed: () => Promise<void>, versions: number): Promise<void> {
    const { spark, log, base } = this.#options;
    if (spark === undefined) throw new Error('Spark takes no part in this campaign');
    const [ledger] = EXPECTED;
    const newest = await eventually(
      async () => (await loadSnapshot(this.#storeOf(ledger.table), { signal: never }))?.version ?? 0,
      (version) => version > 1,
    );
    const to = Math.max(1, newest - versions);
    const since = performance.now();
    await spark.run(ledger.table, `RESTORE TABLE $ TO VERSION AS OF ${to}`);
    log(`  Spark: ${ledger.table} restored to version ${to}`);
    await feed();
    await this.#untilFailed(ledger, since);
    const path = join(base, ledger.table);
    const then = heldOffsets(await this.#snapshotOf(ledger.table, to));
    for (const [key, now] of heldOffsets(await this.#snapshotOf(ledger.table))) {
      const next = then.get(key) ?? 0;
      const partition = key.slice(key.lastIndexOf(':') + 1);
      const at = ['--topic', topicOf(LEDGER), '--partition', partition, '--to', String(next)];
      if (next !== now) await this.#offsets('set', path, ...at, '--reason', 'restored');
    }
    await this.#offsets('accept', path, '--rewind', '--reason', 'restored');
    await this.#options.fleet.fill();
  }

  /** A topic is deleted and made again under its name. */
  async renewTopic(feed: () => Promise<void>): Promise<void> {
    const { feeder, topics, base, log } = this.#options;
    const [, renewed] = EXPECTED;
    const topic = topicOf(RENEWED);
    // What the table has not read yet would be gone with the topic, and rightly so.
    await eventually(
      async () => {
        const snapshot = await loadSnapshot(this.#storeOf(renewed.table), { signal: never });
        return feeder.ahead(topic, snapshot === undefined ? new Map() : heldOffsets(snapshot));
      },
      (ahead) => ahead === 0,
    );
    const since = performance.now();
    await topics.admin.deleteTopics({ topics: [topic] });
    await eventually(
      () => topics.admin.listTopics(),
      (listed) => !listed.includes(topic),
    );
    const shape = { topic, numPartitions: 3, replicationFactor: 1 };
    await eventually(
      async () => {
        // An answer that does not come in time is none: what there is then says it.
        await topics.admin.createTopics({ topics: [shape], waitForLeaders: true }).catch(() => false);
        return topics.admin.listTopics();
      },
      (listed) => listed.includes(topic),
    );
    log(`  ${topic} made anew`);
    feeder.forget(topic);
    await feed();
    await this.#untilFailed(renewed, since);
    await this.#offsets('accept', join(base, renewed.table), '--new-topic', '--reason', 'made anew');
    await this.#options.fleet.fill();
  }

  /** Waits until a worker has told the failure, and stops all of them. */
  async #untilFailed(expected: Expected, sinceMs: number): Promise<void> {
    const { fleet, log } = this.#options;
    const failed = (): boolean =>
      fleet.heard().some(({ atMs, told }) => {
        return (
          atMs > sinceMs &&
          told.kind === 'failed' &&
          told.failure.table === expected.table &&
          told.failure.code === expected.code
        );
      });
    const wait = (withinMs: number): Promise<boolean> =>
      eventually(() => Promise.resolve(failed()), Boolean, withinMs).catch(() => false);
    if (!(await wait(FAILS_WITHIN_MS))) {
      log(`  nobody has come upon it; the workers are started anew`);
      await fleet.stop();
      await fleet.fill();
      if (!(await wait(6 * FAILS_WITHIN_MS)))
        throw new Error(`${expected.table} did not fail with ${expected.code}`);
    }
    log(`  ${expected.table} failed with ${expected.code}`);
    await fleet.stop();
  }

  async #offsets(...args: readonly string[]): Promise<void> {
    const { stdout } = await run(process.execPath, [PROGRAM, 'offsets', ...args]);
    this.#options.log(`  sluice offsets ${args.join(' ')}: ${stdout.trim().replaceAll('\n', '; ')}`);
  }

  #storeOf(table: string): ObjectStore {
    return localStore(join(this.#options.base, table));
  }

  #snapshotOf(table: string, version?: number): Promise<Snapshot> {
    return openSnapshot(this.#storeOf(table), {
      signal: never,
      ...(version === undefined ? {} : { version }),
    });
  }
}
