import type { World } from '../world/world.js';
import type { Tables } from './table-versions.js';

/**
 * What the change feed says of each version is what the version changed: rows put in counted up and rows taken out counted
 * down, the feed's and the data files' sums are equal at every version, and so the feed's sum is the table at every version.
 *
 * A version without change files has its feed derived from the very data files that it is compared with; those are
 * looked at in one history of eight only, for the reader's sake.
 */
export async function feedSumsUp(world: World, tables: Tables): Promise<void> {
  for (const table of world.log.tables) {
    const versions = tables.at(table);
    for (const [at, { version, actions }] of versions.commits.entries()) {
      const derived = !actions.some(({ kind }) => kind === 'cdc');
      if (derived && world.plan.seed % 8 !== 0) continue;
      const counts = await versions.changed(at);
      for (const { change, text } of await versions.fed(at))
        counts.add(text, change === 'insert' || change === 'update_postimage' ? -1 : 1);
      if (!counts.isEmpty)
        world.violate('feed sums up', `${table} version ${version}, table less feed: ${counts.describe()}`);
    }
  }
}
