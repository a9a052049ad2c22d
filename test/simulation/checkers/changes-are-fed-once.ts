import { reader } from '../../../src/columnar/cells.js';
import { structOf } from '../../../src/columnar/arrow.js';
import { CHANGE_TYPE } from '../../../src/operations/change-types.js';
import { piecesOf } from '../../../src/operations/feed/read-version.js';
import { pathOf, type World } from '../world/world.js';
import { TableVersions } from './table-versions.js';

const never = new AbortController().signal;

/**
 * The feed tells each change once: no row of a table with a key is inserted a second time at the same place of the
 * source's history, however often the source delivers it (R24).
 */
export async function changesAreFedOnce(world: World): Promise<void> {
  if (!world.plan.kinds.has('redelivery')) return;
  for (const table of world.stream.tables) {
    if (!table.keyed) continue;
    const versions = new TableVersions(world, pathOf(table));
    const seen = new Map<string, number>();
    for (const [at, { version }] of versions.commits.entries()) {
      const { inserted, deleted } = await toldIn(versions, at);
      for (const change of inserted) {
        // A row that is written anew with what it lacked goes out and comes in at its own place.
        if (deleted.has(change)) continue;
        const before = seen.get(change);
        if (before !== undefined)
          world.violate(
            'changes are fed once',
            `${table.name}: ${change} is inserted in version ${before} and again in ${version}`,
          );
        seen.set(change, version);
      }
    }
  }
}

/** Rows that the feed of a version inserts and deletes, each as its key and place. */
async function toldIn(
  versions: TableVersions,
  at: number,
): Promise<{ readonly inserted: readonly string[]; readonly deleted: ReadonlySet<string> }> {
  const inserted: string[] = [];
  const deleted = new Set<string>();
  const layout = versions.layout(at);
  const commit = versions.commits[at];
  if (layout === undefined || commit === undefined) return { inserted, deleted };
  const options = { version: commit.version, timestampMs: 0, layout, signal: never };
  for await (const piece of piecesOf(versions.store, commit.actions, options)) {
    const rows = await piece.read();
    const [kind, id, position] = [CHANGE_TYPE.name, 'id', '__position'].map((name) => {
      const type = structOf(rows.schema).fields.find((field) => field.name === name)?.type;
      return type === undefined ? () => null : reader(rows, name, type);
    });
    for (let row = 0; row < rows.numRows; row++) {
      const change = `key ${String(id?.(row))} at ${String(position?.(row))}`;
      if (kind?.(row) === 'insert') inserted.push(change);
      if (kind?.(row) === 'delete') deleted.add(change);
    }
  }
  return { inserted, deleted };
}
