import { scan } from '../../../src/table/scan.js';
import { loadSnapshot } from '../../../src/table/snapshot.js';
import { rowText } from '../database/model.js';
import { pathOf, type World } from '../world/world.js';
import { Counts, textsOf } from './rows.js';

const never = new AbortController().signal;

/** The tables, read as any reader does, hold what the database holds. */
export async function tablesEqualModel(world: World): Promise<void> {
  for (const table of world.database.tables) {
    const counts = new Counts();
    const snapshot = await loadSnapshot(world.objects.at(pathOf(table)), { signal: never });
    if (snapshot !== undefined) {
      for await (const rows of scan(snapshot, { signal: never }))
        counts.addAll(textsOf(rows, { own: false }));
    }
    for (const row of world.database.rows(table)) counts.add(rowText(Object.entries(row)), -1);
    if (!counts.isEmpty) world.violate('tables equal the model', `${table.name}: ${counts.describe()}`);
  }
}
