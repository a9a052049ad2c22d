import { isOperators } from './ranges-tile.js';
import type { World } from '../world/world.js';

/** The next offset that a table holds of a partition never goes back, but where an operator says so. */
export function txnMovesForward(world: World): void {
  for (const table of world.log.tables) {
    const at = new Map<string, bigint>();
    for (const commit of world.log.commits(table)) {
      const { version, actions } = commit;
      const said = isOperators(commit);
      for (const action of actions) {
        if (action.kind !== 'txn') continue;
        const { appId, version: next } = action.txn;
        const before = at.get(appId);
        if (before !== undefined && next < before && !said)
          world.violate(
            'txn moves forward',
            `${table} version ${version}: ${appId} from ${before} to ${next}`,
          );
        at.set(appId, next);
      }
    }
  }
}
