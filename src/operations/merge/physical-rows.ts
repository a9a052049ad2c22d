import type { AddFile } from '../../protocol/actions.js';
import { recordCount } from '../../protocol/stats.js';
import { openDataFile } from '../../table/data-file.js';
import type { Snapshot } from '../../table/snapshot.js';

/** Rows in a file, deleted ones included: from its stats, else from the file itself. */
export async function physicalRows(
  snapshot: Snapshot,
  file: AddFile,
  options: { readonly signal: AbortSignal },
): Promise<number> {
  const known = recordCount(file.stats);
  if (known !== undefined) return known;
  using open = await openDataFile(snapshot.store, file, { layout: snapshot.layout, signal: options.signal });
  return open.rows;
}
