import { pathOf, type World } from '../world/world.js';
import type { Tables } from './table-versions.js';

/**
 * The feed tells each change once: no row of a table with a key is inserted a second time at the same place of the
 * source's history, however often the source delivers it (R24).
 */
export async function changesAreFedOnce(world: World, tables: Tables): Promise<void> {
  if (!world.plan.kinds.has('redelivery')) return;
  for (const table of world.stream.tables) {
    if (!table.keyed || world.isSetBack(table)) continue;
    const versions = tables.at(pathOf(table));
    const seen = new Map<string, number>();
    for (const [at, { version }] of versions.commits.entries()) {
      const fed = await versions.fed(at);
      const deleted = new Set(fed.flatMap(({ change, place }) => (change === 'delete' ? [place] : [])));
      for (const { change, place } of fed) {
        // A row that is written anew with what it lacked goes out and comes in at its own place.
        if (change !== 'insert' || place === undefined || deleted.has(place)) continue;
        const before = seen.get(place);
        if (before !== undefined)
          world.violate(
            'changes are fed once',
            `${table.name}: ${place} is inserted in version ${before} and again in ${version}`,
          );
        seen.set(place, version);
      }
    }
  }
}
