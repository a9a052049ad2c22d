import { SluiceError } from '../base/errors.js';
import { parseActions } from '../protocol/action-json.js';
import type { Action, CommitInfo } from '../protocol/actions.js';
import { LOG_FOLDER, commitKey, paddedVersion, parseLogFile, type LogFile } from '../protocol/log-files.js';
import type { ObjectStore } from '../storage/object-store.js';

/** A commit as it stands in the log. */
export type Winner = {
  readonly version: number;
  readonly actions: readonly Action[];
  readonly commitInfo: CommitInfo | undefined;
};

/** A file of the log's folder; names that the log's grammar does not know are not listed. */
export type LogEntry = { readonly file: LogFile; readonly key: string; readonly modifiedAtMs: number };

/** Reads the commit of one version; undefined if the log does not hold it. `CORRUPT_LOG` names the file. */
export async function readCommit(
  store: ObjectStore,
  version: number,
  options: { readonly signal: AbortSignal },
): Promise<Winner | undefined> {
  const actions = await readActions(store, commitKey(version), options);
  if (actions === undefined) return undefined;
  const info = actions.find((action) => action.kind === 'commitInfo');
  return { version, actions, commitInfo: info?.commitInfo };
}

/** Reads the actions of a file of the log in JSON; undefined if it is not there. `CORRUPT_LOG` names the file. */
export async function readActions(
  store: ObjectStore,
  key: string,
  options: { readonly signal: AbortSignal },
): Promise<readonly Action[] | undefined> {
  const body = await store.get(key, options);
  return body === undefined ? undefined : parseActions(UTF8.decode(body), key);
}

const UTF8 = new TextDecoder();

/** Like `readCommit` for a version that the log must hold: `CORRUPT_LOG` if it does not. */
export async function mustReadCommit(
  store: ObjectStore,
  version: number,
  options: { readonly signal: AbortSignal },
): Promise<Winner> {
  const commit = await readCommit(store, version, options);
  if (commit !== undefined) return commit;
  const key = commitKey(version);
  throw new SluiceError(
    'CORRUPT_LOG',
    `the log of ${store.url} has no ${key}, though later versions are there`,
    {
      context: { table: store.url, file: key, version },
      hint: 'restore the file, or read a version that a checkpoint after it holds',
    },
  );
}

/**
 * The files of the log from a version on, in order of their names; empty where there is no log. Hints and folders,
 * which come behind the versions, are not looked at.
 */
export async function listLog(
  store: ObjectStore,
  options: { readonly signal: AbortSignal; readonly from?: number },
): Promise<readonly LogEntry[]> {
  const entries: LogEntry[] = [];
  const from = LOG_FOLDER + (options.from === undefined ? '' : paddedVersion(options.from));
  for await (const { key, size, modifiedAtMs } of store.list(LOG_FOLDER, { signal: options.signal, from })) {
    const name = key.slice(LOG_FOLDER.length);
    // Versions begin with a digit; sidecars and staged commits, of which there may be many, sort behind them.
    if (name > ':') break;
    const file = parseLogFile(name, size);
    if (file.kind !== 'foreign') entries.push({ file, key, modifiedAtMs });
  }
  return entries;
}

/** When the file of a commit was written, ms since 1970; undefined if the log does not hold it. */
export async function commitModifiedAtMs(
  store: ObjectStore,
  version: number,
  options: { readonly signal: AbortSignal },
): Promise<number | undefined> {
  return (await store.head(commitKey(version), options))?.modifiedAtMs;
}
