import type { World } from '../world/world.js';
import { Counts } from './rows.js';
import type { Tables } from './table-versions.js';

/** Whoever read a table while it was written saw the rows of one version, all of them and no others. */
export async function readsAreWhole(world: World, tables: Tables): Promise<void> {
  for (const table of world.log.tables) {
    const readings = world.readings.filter((reading) => reading.table === table);
    if (readings.length === 0) continue;
    const versions = tables.at(table);
    const standing = new Counts();
    for (const [at, { version }] of versions.commits.entries()) {
      for (const [text, count] of (await versions.changed(at)).entries) standing.add(text, count);
      for (const reading of readings.filter((one) => one.version === version)) {
        const counts = new Counts();
        counts.addAll(reading.rows);
        for (const [text, count] of standing.entries) counts.add(text, -count);
        if (!counts.isEmpty)
          world.violate('reads are whole', `${table} version ${version}, as read: ${counts.describe()}`);
      }
    }
  }
}
