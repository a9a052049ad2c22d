import { SluiceError } from '../base/errors.js';
import { SIDECAR_FOLDER } from '../protocol/log-files.js';
import { decodePath, isAbsolutePath } from '../protocol/path.js';
import { openStore } from '../storage/open-store.js';
import type { ObjectStore } from '../storage/object-store.js';

/** Where a file lies: a key of some store. */
export type FileLocation = { readonly store: ObjectStore; readonly key: string };

/**
 * The place that `path` of a file action names: below the table, or for an absolute path, as a shallow clone has, in a
 * store of its own. `CORRUPT_LOG` for a relative path that leaves the table.
 */
export function locateFile(table: ObjectStore, path: string): FileLocation {
  const key = decodePath(path);
  return isAbsolutePath(path) ? locateUrl(table, key) : { store: table, key };
}

/** The place of a decoded URL, as `decodePath` gives it: a key of the table's store if it lies below the table. */
export function locateUrl(table: ObjectStore, url: string): FileLocation {
  const root = `${decodePath(table.url)}/`;
  if (url.startsWith(root)) return { store: table, key: url.slice(root.length) };
  const slash = url.lastIndexOf('/');
  return { store: openStore(encodeUrl(url.slice(0, slash))), key: url.slice(slash + 1) };
}

/** Stores are opened by URLs, in which a name's own percent sign is escaped. */
function encodeUrl(url: string): string {
  const [scheme = '', ...parts] = url.split('/');
  return [scheme, ...parts.map(encodeURIComponent)].join('/');
}

/**
 * The place of a sidecar of a V2 checkpoint: a bare name, or a path of the table that leads into the sidecar folder, where
 * sidecars always lie (Delta protocol, "Sidecar File Information"). `CORRUPT_LOG` for any other.
 */
export function locateSidecar(table: ObjectStore, path: string): FileLocation {
  if (!path.includes('/')) return { store: table, key: SIDECAR_FOLDER + decodePath(path) };
  const at = locateFile(table, path);
  if (at.store === table && at.key.startsWith(SIDECAR_FOLDER)) return at;
  throw new SluiceError('CORRUPT_LOG', `a checkpoint names a sidecar outside of ${SIDECAR_FOLDER}: ${path}`, {
    context: { table: table.url, file: path },
    hint: 'restore the checkpoint, or read a version before it while the commits are there',
  });
}
