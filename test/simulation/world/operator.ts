import { isSluiceError } from '../../../src/base/errors.js';
import { parseAppId } from '../../../src/sink/app-id.js';
import { changeOffsets } from '../../../src/sink/offsets/change-offsets.js';
import type { OffsetsChange } from '../../../src/sink/offsets/planned-change.js';
import { partitionKey, type TopicPartition } from '../../../src/source/change-source.js';
import type { DbTable } from '../database/model.js';
import type { Chance } from './chance.js';
import { Life } from './life.js';
import { SimulatedStore } from './store.js';
import type { Worker } from './worker.js';
import { pathOf, type World } from './world.js';

const never = new AbortController().signal;

/** Errors that a person answers, as docs/errors.md says. */
type Answered = 'OFFSET_GAP' | 'TABLE_REWOUND' | 'TOPIC_REGRESSED';

/**
 * The person who is called when a table has stopped: reads the error, types what docs/errors.md says, and starts the
 * workers anew.
 */
export class Operator {
  readonly #world: World;
  readonly #workers: readonly Worker[];
  readonly #chance: Chance;
  readonly #store: SimulatedStore;
  readonly #called = new Map<DbTable, Set<Answered>>();
  #busy = false;

  constructor(world: World, workers: readonly Worker[]) {
    this.#world = world;
    this.#workers = workers;
    this.#chance = world.chance.fork('operator');
    this.#store = new SimulatedStore(world, new Life('operator'), this.#chance.fork('store'));
  }

  /** Whether somebody still waits for an answer. */
  get busy(): boolean {
    return this.#busy || this.#called.size > 0;
  }

  /** Whether the operator knows what to do about an error. */
  answers(code: string): code is Answered {
    const { kinds } = this.#world.plan;
    return (
      (code === 'OFFSET_GAP' && kinds.has('retention')) ||
      (code === 'TABLE_REWOUND' && (kinds.has('restore') || kinds.has('topicAnew'))) ||
      (code === 'TOPIC_REGRESSED' && kinds.has('topicAnew'))
    );
  }

  call(tables: readonly DbTable[], code: Answered): void {
    for (const table of tables) this.#called.set(table, (this.#called.get(table) ?? new Set()).add(code));
    if (this.#busy) return;
    this.#busy = true;
    this.#world.time.in(this.#chance.between(500, 5_000), () => {
      void this.#work().finally(() => (this.#busy = false));
    });
  }

  async #work(): Promise<void> {
    while (this.#called.size > 0) {
      const called = [...this.#called];
      this.#called.clear();
      for (const [table, codes] of called) for (const code of codes) await this.#untilDone(table, code);
      for (const worker of this.#workers) {
        worker.resume();
        await worker.stop();
        worker.start();
      }
    }
  }

  async #untilDone(table: DbTable, code: Answered): Promise<void> {
    for (;;) {
      try {
        if (code === 'TABLE_REWOUND') await this.#bringBack(table);
        else if (code === 'OFFSET_GAP') await this.#doWithout(table);
        else await this.#change(table, { kind: 'accept-new-topic' });
        return;
      } catch (cause) {
        const passes = isSluiceError(cause) && (cause.code === 'CONFLICT' || cause.code.startsWith('STORE_'));
        if (!passes) {
          const why = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
          this.#world.violate('the way out is open', `${table.name}: ${code}: ${why}`);
          return;
        }
        await this.#world.sleep(1_000);
      }
    }
  }

  /** Sets the offsets to those of the version that came back, so that what went is read again, then accepts it. */
  async #bringBack(table: DbTable): Promise<void> {
    const restored = this.#world.restores.findLast((restore) => restore.table === table && restore.landed());
    if (restored !== undefined && !restored.answered) {
      for (const { topic, partition, next } of offsetsAt(this.#world, table, restored.version))
        await this.#change(table, { kind: 'set', topic, partition, to: next });
      await this.#change(table, { kind: 'accept-rewind' });
      restored.answered = true;
    }
  }

  /** Sets the offsets to what the topic still holds. */
  async #doWithout(table: DbTable): Promise<void> {
    const { broker } = this.#world;
    for (const at of broker.partitions) {
      const low = broker.log(at)?.low ?? 0;
      const held = at.topic === table.topic ? this.#world.held(table, at) : undefined;
      if (held === undefined || held >= low) continue;
      this.#world.lost(table);
      await this.#change(table, { kind: 'set', topic: at.topic, partition: at.partition, to: low });
    }
  }

  async #change(table: DbTable, change: OffsetsChange): Promise<void> {
    const store = this.#store.at(pathOf(table));
    const { kind } = await changeOffsets(store, change, { by: 'operator', signal: never });
    this.#world.history.note(`operator: ${table.name}: ${JSON.stringify(change)}: ${kind}`);
  }
}

/** The offsets that a table held at a version; 0 for partitions that it has come to hold since. */
function offsetsAt(
  world: World,
  table: DbTable,
  version: number,
): readonly (TopicPartition & { readonly next: number })[] {
  const offsets = new Map<string, TopicPartition & { next: number }>();
  for (const commit of world.log.commits(pathOf(table))) {
    for (const action of commit.actions) {
      const id = action.kind === 'txn' ? parseAppId(action.txn.appId) : undefined;
      if (action.kind !== 'txn' || id === undefined) continue;
      const { topic, partition } = id;
      const key = partitionKey(topic, partition);
      const known = offsets.get(key)?.next ?? 0;
      offsets.set(key, {
        topic,
        partition,
        next: commit.version <= version ? Number(action.txn.version) : known,
      });
    }
  }
  return [...offsets.values()];
}
