import { randomUUID } from 'node:crypto';
import { SluiceError } from '../base/errors.js';
import { commitInfo } from '../protocol/commit-info.js';
import { createTable as createOperation } from '../protocol/operation.js';
import type { ObjectStore } from '../storage/object-store.js';
import { commit } from '../table/commit.js';
import { loadSnapshot, type Snapshot } from '../table/snapshot.js';
import { settled } from './clean-log.js';
import { createTableActions, type CreateOptions } from './create.js';

/**
 * Commits version 0 of an empty table. `TABLE_EXISTS` if there is one already, even if another writer made it just now;
 * other errors as `createTableActions`.
 */
export async function createTable(
  store: ObjectStore,
  options: Omit<CreateOptions, 'nowMs'> & { readonly signal: AbortSignal },
): Promise<Snapshot> {
  const { signal } = options;
  if ((await loadSnapshot(store, { signal })) !== undefined) throw exists(store);
  const { actions, metaData } = createTableActions({ ...options, nowMs: Date.now() });
  const txnId = randomUUID();
  const outcome = await commit(undefined, store, {
    readVersion: -1,
    txnId,
    signal,
    actions: ({ nowMs }) => [
      {
        kind: 'commitInfo',
        commitInfo: commitInfo({
          operation: createOperation({
            partitionBy: metaData.partitionColumns,
            properties: metaData.configuration,
            ...(metaData.description === undefined ? {} : { description: metaData.description }),
          }),
          timestamp: nowMs,
          readVersion: -1,
          isBlindAppend: true,
          txnId,
        }),
      },
      ...actions,
    ],
    reconcile: () => Promise.resolve({ conflict: 'the table was created by another writer' }),
  });
  if (outcome.kind === 'committed') {
    await settled(outcome, signal);
    return outcome.snapshot;
  }
  throw exists(store);
}

function exists(store: ObjectStore): SluiceError {
  return new SluiceError('TABLE_EXISTS', `there is a Delta table at ${store.url} already`, {
    context: { table: store.url },
    hint: 'open it, or choose another place',
  });
}
