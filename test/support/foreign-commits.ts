import { removalOf } from '../../src/protocol/file-actions.js';
import type { JsonObject } from '../../src/protocol/actions.js';
import type { Action } from '../../src/protocol/actions.js';
import type { ObjectStore } from '../../src/storage/object-store.js';
import { openSnapshot } from '../../src/table/snapshot.js';
import { commitActions } from '../operations/tables.js';

const never = new AbortController().signal;

/** Another engine commits, in its own words. */
export async function foreignCommit(
  store: ObjectStore,
  operation: string,
  operationParameters: JsonObject = {},
  actions: readonly Action[] = [],
): Promise<void> {
  const snapshot = await openSnapshot(store, { signal: never });
  await commitActions(snapshot, { operation, operationParameters }, () => actions);
}

/** Another engine takes the rows of a table back to a version, and leaves transactions and domains alone, as Spark does. */
export async function restoreTo(store: ObjectStore, version: number): Promise<void> {
  const snapshot = await openSnapshot(store, { signal: never });
  const then = await openSnapshot(store, { version, signal: never });
  const kept = new Set([...then.files].map(({ path }) => path));
  const there = new Set([...snapshot.files].map(({ path }) => path));
  const operation = { operation: 'RESTORE', operationParameters: { version, timestamp: null } };
  await commitActions(snapshot, operation, (deletionTimestamp) => [
    ...[...snapshot.files]
      .filter(({ path }) => !kept.has(path))
      .map((add) => ({
        kind: 'remove' as const,
        remove: removalOf(add, { deletionTimestamp, dataChange: true }),
      })),
    ...[...then.files]
      .filter(({ path }) => !there.has(path))
      .map((add) => ({ kind: 'add' as const, add: { ...add, dataChange: true } })),
  ]);
}
