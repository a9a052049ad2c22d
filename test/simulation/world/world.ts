import { partitionKey, type TopicPartition } from '../../../src/source/change-source.js';
import { parseAppId } from '../../../src/sink/app-id.js';
import { memoryStore } from '../../../src/storage/memory.js';
import type { ObjectStore } from '../../../src/storage/object-store.js';
import type { DbTable } from '../database/model.js';
import { createStream, type Stream } from '../database/stream.js';
import type { Plan } from '../plan.js';
import { Broker } from './broker.js';
import { Chance } from './chance.js';
import { Group } from './group.js';
import { History } from './history.js';
import { type LandedCommit, LogWatch } from './log-watch.js';
import { CALM, type StoreWeather } from './store.js';
import type { Operator } from './operator.js';
import { Time } from './time.js';

/** What a checker has against a history. */
export type Violation = { readonly checker: string; readonly message: string };

/** Rows that another writer takes out of a table for good, if its commit lands. */
export type ForeignDelete = {
  readonly table: string;
  readonly txnId: string;
  readonly ids: readonly string[];
};

/** What somebody read of a table while others wrote it; rows as `rowText`, with the sink's own columns. */
export type Reading = { readonly table: string; readonly version: number; readonly rows: readonly string[] };

/** A table's rows taken back to a version by somebody else. */
export type Restore = {
  readonly table: DbTable;
  readonly version: number;
  landed(): boolean;
  /** The operator has brought back what went. */
  answered: boolean;
};

/** A record that cannot be read, and the table it was meant for. */
export type BadRecord = TopicPartition & { readonly table: DbTable; readonly offset: number };

/** All that there is: clock, store, broker, database; and what went on in it. */
export class World {
  readonly plan: Plan;
  readonly chance: Chance;
  readonly time = new Time();
  readonly history: History;
  readonly objects: ObjectStore = memoryStore();
  readonly log: LogWatch;
  readonly broker = new Broker();
  readonly group: Group;
  readonly violations: Violation[] = [];
  readonly foreignDeletes: ForeignDelete[] = [];
  readonly readings: Reading[] = [];
  readonly restores: Restore[] = [];
  readonly badRecords: BadRecord[] = [];
  /** When each letter about a bad record landed first. */
  readonly letters = new Map<string, number>();
  readonly stream: Stream;
  /** Lets go of what would outlive the history. */
  readonly whenOver: (() => void)[] = [];
  weatherNow: StoreWeather = CALM;
  /** Tables that have stopped at some process, and wait for people there: what others hold is acknowledged without them. */
  readonly hasStopped = new Set<DbTable>();
  /** Topics that were deleted and made anew. */
  readonly madeAnew = new Set<string>();
  readonly #unknown = new Set<string>();
  readonly #onLanded = new Set<(key: string, by: string) => void>();
  /** There as soon as there are workers. */
  operator: Operator | undefined;

  constructor(plan: Plan, options: { readonly trace: boolean }) {
    this.plan = plan;
    this.chance = new Chance(`world ${plan.seed}`);
    this.history = new History({ keep: options.trace, atMs: () => this.time.elapsedMs });
    this.log = new LogWatch(
      (commit) => this.#noteCommit(commit),
      (why) => this.violate('versions stand', why),
    );
    this.group = new Group(this, this.chance.fork('group'));
    this.stream = createStream(this);
  }

  weather(): StoreWeather {
    return this.weatherNow;
  }

  landed(key: string, body: Uint8Array, by: string): void {
    for (const look of this.#onLanded) look(key, by);
    if (key.startsWith('_dead/') && !this.letters.has(key.slice(6)))
      this.letters.set(key.slice(6), this.time.elapsedMs);
    this.log.look(key, body, by, this.time.elapsedMs);
  }

  /** What a partition's owner says is safe must be in every table that the topic feeds; others are not listened to. */
  acknowledged(by: string, at: TopicPartition, next: number): void {
    this.history.note(`${by} acknowledges ${partitionKey(at.topic, at.partition)} up to ${next}`);
    if (!this.group.owns(by, at)) return;
    for (const table of this.stream.tables) {
      if (table.topic !== at.topic || this.isSetBack(table) || this.hasStopped.has(table)) continue;
      const held = this.held(table, at);
      if (held !== undefined && held < next)
        this.violate(
          'acknowledged',
          `${by} acknowledged ${next} of ${partitionKey(at.topic, at.partition)}; ${table.name} holds ${held}`,
        );
    }
  }

  /** The next offset that a table holds of a partition, as it was made last; undefined if none. */
  held(table: DbTable, { topic, partition }: TopicPartition): number | undefined {
    let newest = -1;
    let held: number | undefined;
    for (const [appId, next] of this.log.txns(pathOf(table))) {
      const id = parseAppId(appId);
      if (id?.topic !== topic || id.partition !== partition || id.incarnation <= newest) continue;
      newest = id.incarnation;
      held = next;
    }
    return held;
  }

  violate(checker: string, message: string): void {
    this.history.note(`VIOLATION ${checker}: ${message}`);
    this.violations.push({ checker, message });
  }

  /** Whether the table's offsets have gone back, or its topic's have, and rightly so. */
  isSetBack(table: DbTable): boolean {
    return this.plan.kinds.has('topicAnew') || this.restores.some((restore) => restore.table === table);
  }

  /** A process has looked for the record that a table applied last, and there is none. */
  unproven(table: string, at: TopicPartition & { readonly offset: number }): void {
    const told = `${table}: no record at ${partitionKey(at.topic, at.partition)} ${at.offset} any more`;
    const log = this.broker.log(at);
    const there = log?.records.some(({ offset }) => Number(offset) === at.offset) === true;
    const anew = this.madeAnew.has(at.topic);
    const expired = log !== undefined && at.offset < log.low;
    if (there || !(anew || expired)) this.violate('nothing is unproven', told);
    else this.history.note(told);
    if (anew) this.#unknown.add(table);
  }

  /** The table goes on without records that were never read. */
  lost(table: DbTable): void {
    this.#unknown.add(pathOf(table));
  }

  /**
   * Whether nobody can know what belongs into the table: it has met a record that it may not pass, or lacks some that have
   * expired, or its topic was made anew and has nothing where the table's last record was (docs/errors.md, OFFSET_GAP and
   * TOPIC_REGRESSED).
   */
  isUnknown(table: DbTable): boolean {
    return this.isSpoiled(table) || this.#unknown.has(pathOf(table));
  }

  /** Whether the table has met a record that it may not pass. */
  isSpoiled(table: DbTable): boolean {
    return !this.plan.kinds.has('deadLetters') && this.badRecords.some((bad) => bad.table === table);
  }

  /** Lets virtual time pass. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.time.in(ms, resolve);
    });
  }

  /**
   * Resolves when somebody else has written a file into the table and is about to commit it, or after `withinMs`: the
   * most awkward moment to come first.
   */
  async awkwardMoment(table: string, self: string, withinMs: number): Promise<void> {
    let look: (key: string, by: string) => void = () => undefined;
    const comes = new Promise<void>((resolve) => {
      look = (key, by) => {
        if (by !== self && key.startsWith(`${table}/`) && key.endsWith('.parquet')) resolve();
      };
    });
    this.#onLanded.add(look);
    await Promise.race([comes, this.sleep(withinMs)]);
    this.#onLanded.delete(look);
  }

  #noteCommit({ table, version, actions, by }: LandedCommit): void {
    const info = actions.find((action) => action.kind === 'commitInfo')?.commitInfo;
    const told = info?.['userMetadata'];
    this.history.note(
      `${by} COMMIT ${table} ${version} ${String(info?.['operation'])} ${typeof told === 'string' ? told : ''}`,
    );
  }
}

/** Where the sink puts a table, below the base. */
export function pathOf({ name }: DbTable): string {
  return `public/${name}`;
}
