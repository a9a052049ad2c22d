import { isSluiceError, SluiceError } from '../../base/errors.js';
import type { Action } from '../../protocol/actions.js';
import { dvFileKey } from '../../protocol/deletion-vector.js';
import { planChanges } from '../../protocol/change-plan.js';
import type { ObjectStore } from '../../storage/object-store.js';
import { hasInCommitTimestamps, inCommitTimestampMs } from '../../table/commit-time.js';
import { locateFile } from '../../table/location.js';
import { readCommit, type Winner } from '../../table/log.js';
import type { ListedCommit } from '../commit-list.js';
import { versionGone } from './feed-errors.js';
import { listFeedLog } from './feed-log.js';
import { piecesOf, type ChangePiece, type VersionOptions } from './read-version.js';
import type { TableShape } from './table-shape.js';

/** Reads a commit that a listing showed. `VERSION_NOT_FOUND`, telling what is there, if it went away since. */
export async function readFeedCommit(
  store: ObjectStore,
  version: number,
  signal: AbortSignal,
): Promise<Winner> {
  const commit = await readCommit(store, version, { signal });
  if (commit !== undefined) return commit;
  throw versionGone(store.url, version, await listFeedLog(store, signal));
}

/**
 * When a commit counts as made, ms since 1970: its in-commit timestamp where its table has them at that version, else the
 * time of its file.
 */
export function commitTimeMs(
  { commitInfo }: Winner,
  { modifiedAtMs }: ListedCommit,
  { metadata }: TableShape,
): number {
  const told = hasInCommitTimestamps(metadata.configuration) ? inCommitTimestampMs(commitInfo) : undefined;
  return told ?? modifiedAtMs;
}

/** `piecesOf`; `FEED_UNAVAILABLE` names the first version that can be read if a file of this one is gone. */
export async function* feedPieces(
  store: ObjectStore,
  actions: readonly Action[],
  options: VersionOptions,
): AsyncGenerator<ChangePiece, void, undefined> {
  try {
    for await (const { read } of piecesOf(store, actions, options)) {
      yield {
        read: async () => {
          try {
            return await read();
          } catch (cause) {
            throw await withoutFile(store, options, cause);
          }
        },
      };
    }
  } catch (cause) {
    throw await withoutFile(store, options, cause);
  }
}

async function withoutFile(
  store: ObjectStore,
  { version, signal }: VersionOptions,
  cause: unknown,
): Promise<unknown> {
  if (!isSluiceError(cause, 'FILE_NOT_FOUND')) return cause;
  const table = store.url;
  const { latest } = await listFeedLog(store, signal);
  const earliest = await firstWithFiles(store, { after: version, latest, signal });
  return new SluiceError(
    'FEED_UNAVAILABLE',
    `the changes of version ${version} of ${table} cannot be read any more: ${cause.message}`,
    {
      context: { table, version, file: cause.context['file'], earliest, latest },
      hint:
        earliest === undefined
          ? 'its files were vacuumed: read the rows of the latest version, then the changes after it'
          : `its files were vacuumed; the files of version ${earliest} and of those after it are there: begin there`,
      cause,
    },
  );
}

/** Only this many versions are looked through for the sake of a message. */
const LOOKED_THROUGH_MAX = 1_000;

/** The version after the last one whose changes lack a file; undefined if that is the latest, or too far to look. */
async function firstWithFiles(
  store: ObjectStore,
  {
    after,
    latest,
    signal,
  }: { readonly after: number; readonly latest: number; readonly signal: AbortSignal },
): Promise<number | undefined> {
  if (latest - after > LOOKED_THROUGH_MAX) return undefined;
  for (let version = latest; version > after; version--) {
    const commit = await readCommit(store, version, { signal });
    const whole = commit !== undefined && (await hasFiles(store, commit.actions, signal));
    if (!whole) return version === latest ? undefined : version + 1;
  }
  return after === latest ? undefined : after + 1;
}

async function hasFiles(
  store: ObjectStore,
  actions: readonly Action[],
  signal: AbortSignal,
): Promise<boolean> {
  for (const read of planChanges(actions)) {
    const file = read.kind === 'cdc' ? read.cdc : read.kind === 'deleted' ? read.remove : read.add;
    const at = locateFile(store, file.path);
    if ((await at.store.head(at.key, { signal })) === undefined) return false;
    const vector = 'deletionVector' in file ? file.deletionVector : undefined;
    const key = vector === undefined ? undefined : dvFileKey(vector);
    if (key !== undefined && (await store.head(key, { signal })) === undefined) return false;
  }
  return true;
}
