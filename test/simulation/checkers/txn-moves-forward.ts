import type { World } from '../world/world.js';

/** The next offset that a table holds of a partition never goes back. */
export function txnMovesForward(world: World): void {
  for (const table of world.log.tables) {
    const at = new Map<string, bigint>();
    for (const { version, actions } of world.log.commits(table)) {
      for (const action of actions) {
        if (action.kind !== 'txn') continue;
        const { appId, version: next } = action.txn;
        const before = at.get(appId);
        if (before !== undefined && next < before)
          world.violate(
            'txn moves forward',
            `${table} version ${version}: ${appId} from ${before} to ${next}`,
          );
        at.set(appId, next);
      }
    }
  }
}
