import { isSluiceError } from '../../base/errors.js';
import type { Action, Metadata, Protocol } from '../../protocol/actions.js';
import { parseSchemaString } from '../../schema/schema-string.js';
import type { ObjectStore } from '../../storage/object-store.js';
import type { TableLayout } from '../../table/layout.js';
import { assertReadable } from '../../table/protocol-gate.js';
import { openSnapshot } from '../../table/snapshot.js';

/** What a version says of its table besides the files: all that the feed needs to read the version's rows. */
export type TableShape = {
  readonly protocol: Protocol;
  readonly metadata: Metadata;
  readonly layout: TableLayout;
};

/** The shape of a version. Errors as `openSnapshot`. */
export async function shapeAt(store: ObjectStore, version: number, signal: AbortSignal): Promise<TableShape> {
  const { state, layout } = await openSnapshot(store, { signal, version });
  return { protocol: state.protocol, metadata: state.metadata, layout };
}

/**
 * The shape after one more commit: the same object where the commit leaves it alone; undefined where no commit has told
 * it yet. `PROTOCOL_UNSUPPORTED` if this reader does not know the protocol that the commit brings.
 *
 * @param table - the table's URL, for messages
 */
export function nextShape(
  table: string,
  before: TableShape | undefined,
  { version, actions }: { readonly version: number; readonly actions: readonly Action[] },
): TableShape | undefined {
  let protocol = before?.protocol;
  let metadata = before?.metadata;
  for (const action of actions) {
    if (action.kind === 'protocol') protocol = action.protocol;
    else if (action.kind === 'metaData') metadata = action.metaData;
  }
  if (protocol === undefined || metadata === undefined) return undefined;
  if (protocol !== before?.protocol) assertReadable(table, { version, protocol });
  if (metadata === before?.metadata) return protocol === before.protocol ? before : { ...before, protocol };
  const { schemaString, partitionColumns, configuration } = metadata;
  const schema =
    schemaString === before?.metadata.schemaString ? before.layout.schema : parseSchemaString(schemaString);
  return { protocol, metadata, layout: { schema, partitionColumns, configuration } };
}

/** The shape that a version found, undefined where that cannot be loaded any more, or is the first version. */
export async function shapeBefore(
  store: ObjectStore,
  version: number,
  signal: AbortSignal,
): Promise<TableShape | undefined> {
  if (version === 0) return undefined;
  try {
    return await shapeAt(store, version - 1, signal);
  } catch (cause) {
    if (isSluiceError(cause, 'VERSION_NOT_FOUND')) return undefined;
    throw cause;
  }
}

/** Whether a commit changes metadata and takes out rows, which lay under the metadata before. */
export function reshapesRows(actions: readonly Action[]): boolean {
  return (
    actions.some(({ kind }) => kind === 'metaData') &&
    actions.some((action) => action.kind === 'remove' && action.remove.dataChange)
  );
}
