import { scan } from '../../../src/table/scan.js';
import { loadSnapshot } from '../../../src/table/snapshot.js';
import { rowText } from '../database/model.js';
import { pathOf, type World } from '../world/world.js';
import { Counts, textsOf } from './rows.js';

const never = new AbortController().signal;

/** The tables, read as any reader does, hold what the database holds, but for rows that others took out for good. */
export async function tablesEqualModel(world: World): Promise<void> {
  for (const table of world.stream.tables) {
    if (world.isUnknown(table)) continue;
    const counts = new Counts();
    const snapshot = await loadSnapshot(world.objects.at(pathOf(table)), { signal: never });
    if (snapshot !== undefined) {
      for await (const rows of scan(snapshot, { signal: never }))
        counts.addAll(textsOf(rows, { own: false }));
    }
    const gone = takenOut(world, pathOf(table));
    for (const row of world.stream.rows(table)) {
      if (!gone.has(String(row['id']))) counts.add(rowText(Object.entries(row)), -1);
    }
    if (!counts.isEmpty) world.violate('tables equal the model', `${table.name}: ${counts.describe()}`);
  }
}

function takenOut(world: World, table: string): ReadonlySet<string> {
  const landed = new Set(
    world.log
      .commits(table)
      .flatMap(({ actions }) =>
        actions.flatMap((action) => (action.kind === 'commitInfo' ? [action.commitInfo['txnId']] : [])),
      ),
  );
  const deletes = world.foreignDeletes.filter((one) => one.table === table && landed.has(one.txnId));
  return new Set(deletes.flatMap(({ ids }) => ids));
}
