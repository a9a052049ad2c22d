import { reader } from '../../../src/columnar/cells.js';
import { piecesOf } from '../../../src/operations/feed/read-version.js';
import { CHANGE_TYPE, FEED_COLUMNS } from '../../../src/operations/change-types.js';
import type { World } from '../world/world.js';
import { type Counts, textsOf } from './rows.js';
import { TableVersions } from './table-versions.js';

const never = new AbortController().signal;

/**
 * What the change feed says of each version is what the version changed: rows put in counted up and rows taken out counted
 * down, the feed's and the data files' sums are equal at every version, and so the feed's sum is the table at every version.
 *
 * A version without change files has its feed derived from the very data files that it is compared with; those are
 * looked at in one history of eight only, for the reader's sake.
 */
export async function feedSumsUp(world: World): Promise<void> {
  for (const table of world.log.tables) {
    const versions = new TableVersions(world, table);
    for (const [at, { version, actions }] of versions.commits.entries()) {
      const derived = !actions.some(({ kind }) => kind === 'cdc');
      if (derived && world.plan.seed % 8 !== 0) continue;
      const counts = await versions.changed(at);
      await subtractFeed(versions, at, counts);
      if (!counts.isEmpty)
        world.violate('feed sums up', `${table} version ${version}, table less feed: ${counts.describe()}`);
    }
  }
}

async function subtractFeed(versions: TableVersions, at: number, counts: Counts): Promise<void> {
  const layout = versions.layout(at);
  const commit = versions.commits[at];
  if (layout === undefined || commit === undefined) return;
  const options = { version: commit.version, timestampMs: 0, layout, signal: never };
  for await (const piece of piecesOf(versions.store, commit.actions, options)) {
    const rows = await piece.read();
    const kind = reader(rows, CHANGE_TYPE.name, CHANGE_TYPE.type);
    const names = rows.schema.fields.map(({ name }) => name).filter((name) => !FEED_COLUMNS.includes(name));
    textsOf(rows.select(names), { own: true }).forEach((text, row) => {
      const puts = kind(row) === 'insert' || kind(row) === 'update_postimage';
      counts.add(text, puts ? -1 : 1);
    });
  }
}
