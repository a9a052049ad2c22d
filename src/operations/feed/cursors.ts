import { never } from '../../base/signals.js';
import { openStore } from '../../storage/open-store.js';
import type { ObjectStore } from '../../storage/object-store.js';
import { checkCursorName, cursorKey, CURSORS_FOLDER, findCursor, listClaims } from './cursor.js';
import type { CursorState } from './cursor-record.js';

export type CursorOptions = {
  /** Where the cursors are, if not with the table: a store or a URL. */
  readonly cursorStore?: string | ObjectStore;
  readonly signal?: AbortSignal;
};

/** The folder of a table's cursors, or the place that a subscriber gave for them. */
export function cursorFolder(table: string | ObjectStore, { cursorStore }: CursorOptions): ObjectStore {
  if (cursorStore !== undefined)
    return typeof cursorStore === 'string' ? openStore(cursorStore) : cursorStore;
  return (typeof table === 'string' ? openStore(table) : table).at(CURSORS_FOLDER);
}

/**
 * The named cursors of a table's change feed, by name. Those that subscribers keep elsewhere are known there alone.
 *
 * @throws SluiceError CURSOR_INVALID for a file that is no cursor
 */
export async function listCursors(
  table: string | ObjectStore,
  options: CursorOptions = {},
): Promise<readonly CursorState[]> {
  const store = cursorFolder(table, options);
  const { signal = never } = options;
  const names = new Set<string>();
  for await (const { key } of store.list('', { signal })) {
    const name = key.includes('/') ? key.slice(0, key.indexOf('/')) : key.replace(/\.json$/, '');
    if (name !== key) names.add(name);
  }
  const found: CursorState[] = [];
  for (const name of names) {
    const { record } = await findCursor(store, name, signal);
    if (record === undefined) continue;
    const { nextVersion, tableId, updatedAt } = record;
    found.push({ name, nextVersion, tableId, updatedAt });
  }
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * Removes a cursor: a subscriber that comes again under its name begins where it says, and one that runs ends with
 * `CURSOR_CONFLICT` at its next acknowledgement. Whether there was one.
 */
export async function deleteCursor(
  table: string | ObjectStore,
  name: string,
  options: CursorOptions = {},
): Promise<boolean> {
  checkCursorName(name);
  const store = cursorFolder(table, options);
  const { signal = never } = options;
  const { record } = await findCursor(store, name, signal);
  await store.delete(cursorKey(name), { signal });
  for (const { key } of await listClaims(store, name, signal)) await store.delete(key, { signal });
  return record !== undefined;
}

/**
 * The cursors of a table whose subscribers have yet to be given a version at or before `through`: if these versions' log
 * or files are cleaned up, they must begin anew (`CURSOR_EXPIRED`). Whoever cleans up warns of them first. Cursors that
 * are kept elsewhere than with the table are not seen.
 */
export async function cursorsPassedBy(
  table: string | ObjectStore,
  options: { readonly through: number; readonly signal?: AbortSignal },
): Promise<readonly CursorState[]> {
  const { through, signal = never } = options;
  return (await listCursors(table, { signal })).filter(({ nextVersion }) => nextVersion <= through);
}
