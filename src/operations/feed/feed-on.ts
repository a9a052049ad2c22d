import type { SluiceError } from '../../base/errors.js';
import type { ObjectStore } from '../../storage/object-store.js';
import { hasChangeFeed } from '../change-types.js';
import { feedIsOff } from './feed-errors.js';
import { listFeedLog } from './feed-log.js';
import { readFeedCommit } from './feed-version.js';
import { nextShape, type TableShape } from './table-shape.js';

export function isFeedOn({ metadata }: TableShape): boolean {
  return hasChangeFeed(metadata.configuration);
}

/** The error for a version at which the feed is off: it names the first from which on it is on up to the latest, if any. */
export async function feedOff(
  store: ObjectStore,
  { version, shape }: { readonly version: number; readonly shape: TableShape },
  signal: AbortSignal,
): Promise<SluiceError> {
  const { commits, latest } = await listFeedLog(store, signal);
  let current = shape;
  let earliest: number | undefined;
  for (const later of commits) {
    if (later.version <= version) continue;
    const commit = await readFeedCommit(store, later.version, signal);
    current = nextShape(store.url, current, commit) ?? current;
    if (!isFeedOn(current)) earliest = undefined;
    else earliest ??= later.version;
  }
  return feedIsOff(store.url, version, { earliest, latest });
}
