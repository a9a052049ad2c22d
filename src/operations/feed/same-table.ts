import { isSluiceError, SluiceError } from '../../base/errors.js';
import type { ObjectStore } from '../../storage/object-store.js';
import type { Readable } from './feed-errors.js';
import { shapeAt } from './table-shape.js';

/** Where a subscriber has come to. */
export type Reached = {
  readonly log: Readable;
  readonly nextVersion: number;
  /** `metaData.id` at the version before. */
  readonly tableId: string;
};

/**
 * Makes sure that the log is still the one that a subscriber has read: `TABLE_REPLACED` if another table lies in its
 * place, `TABLE_REWOUND` if it ends before what was read.
 */
export async function assertSameTable(
  store: ObjectStore,
  { log, nextVersion, tableId }: Reached,
  signal: AbortSignal,
): Promise<void> {
  const table = store.url;
  const last = Math.min(nextVersion - 1, log.latest);
  const found = await tableIdAt(store, Math.max(last, log.earliest ?? log.latest), signal);
  const context = { table, nextVersion, latest: log.latest };
  if (found !== tableId) {
    throw new SluiceError('TABLE_REPLACED', `another table lies at ${table} than the one that was followed`, {
      context: { ...context, tableId, found },
      hint: 'it was dropped and made anew: begin anew, without the cursor or under another name',
    });
  }
  if (nextVersion <= log.latest + 1) return;
  throw new SluiceError(
    'TABLE_REWOUND',
    `${table} ends at version ${log.latest}, and versions up to ${nextVersion - 1} were read of it`,
    {
      context,
      hint: 'an older copy of the table was put back: begin anew, without the cursor or under another name',
    },
  );
}

async function tableIdAt(
  store: ObjectStore,
  version: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    return (await shapeAt(store, version, signal)).metadata.id;
  } catch (cause) {
    if (isSluiceError(cause, 'VERSION_NOT_FOUND')) return undefined;
    throw cause;
  }
}
