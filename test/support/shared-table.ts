import { expect } from 'vitest';
import { must } from '../../src/base/errors.js';
import { createTableSettler } from '../../src/sink/settle/table-settler.js';
import { formatAppId } from '../../src/sink/app-id.js';
import type { Settled, TableSettler } from '../../src/sink/settler.js';
import { tableDefaults } from '../../src/sink/sink-options.js';
import { withFaults } from '../../src/storage/faults.js';
import { memoryStore } from '../../src/storage/memory.js';
import type { ObjectStore } from '../../src/storage/object-store.js';
import { openSnapshot } from '../../src/table/snapshot.js';
import { sliceOf, type EventText } from './change-events.js';
import { never, tableRows } from './postgres-replay.js';
import { feedErrors, tilingErrors } from './table-laws.js';

export const TOPIC = 'test.public.items';

/** A table that several processes write, each with partitions of its own. */
export class Shared {
  readonly store: ObjectStore;
  readonly #next = new Map<number, number>();
  nowMs = Date.parse('2026-01-01T00:00:00Z');

  constructor(store: ObjectStore = memoryStore()) {
    this.store = store;
  }

  /** One process settles these partitions' events in one batch; `before`: what others do between plan and commit. */
  async settle(
    events: Readonly<Record<number, readonly EventText[]>>,
    before?: () => Promise<unknown>,
  ): Promise<Settled> {
    let called = false;
    const rule = {
      operation: 'putIfAbsent',
      key: /_delta_log\/\d{20}\.json$/,
      fault: {
        kind: 'delay',
        when: 'before',
        until: async () => {
          if (called) return;
          called = true;
          await before?.();
        },
      },
    } as const;
    const settler = this.settlerOf(before === undefined ? this.store : withFaults(this.store, [rule]));
    const partitions = Object.keys(events).map(Number);
    const held = await settler.recover(
      partitions.map((partition) => ({ topic: TOPIC, partition })),
      never,
    );
    const slices = partitions.map((partition) => {
      const base = Math.max(this.#next.get(partition) ?? 0, held.get(`${TOPIC}:${partition}`) ?? 0);
      return sliceOf(base, must(events[partition], 'events'), { partition });
    });
    const outcome = await settler.settle(slices, never);
    if (outcome.kind === 'committed') {
      for (const { partition, next } of slices) this.#next.set(partition, next);
    }
    return outcome;
  }

  /** The rows as `id=v`, sorted, once feed and ranges are seen to agree. */
  async rows(): Promise<readonly string[]> {
    expect(await feedErrors(this.store)).toEqual([]);
    expect(await tilingErrors(this.store)).toEqual([]);
    const rows = await tableRows(this.store);
    return rows.map(({ id, v }) => `${String(id)}=${String(v)}`).toSorted();
  }

  async version(): Promise<number> {
    return (await openSnapshot(this.store, { signal: never })).version;
  }

  settlerOf(store: ObjectStore = this.store): TableSettler {
    return createTableSettler({
      url: store.url,
      store,
      name: 'table',
      appId: (partition) => formatAppId({ identity: 'test', incarnation: 0, ...partition }),
      options: tableDefaults,
      now: () => this.nowMs,
      random: Math.random,
      tell: () => undefined,
    });
  }
}
