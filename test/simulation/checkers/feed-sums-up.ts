import { CHANGE_TYPE, FEED_COLUMNS } from '../../../src/operations/change-types.js';
import { piecesOf } from '../../../src/operations/feed/read-version.js';
import type { AddFile, DeletionVectorDescriptor, RemoveFile } from '../../../src/protocol/actions.js';
import { parseSchemaString } from '../../../src/schema/schema-string.js';
import { openDataFile } from '../../../src/table/data-file.js';
import { readDeletionVector } from '../../../src/table/deletion-vectors.js';
import type { TableLayout } from '../../../src/table/layout.js';
import { reader } from '../../../src/columnar/cells.js';
import type { ObjectStore } from '../../../src/storage/object-store.js';
import type { LandedCommit } from '../world/log-watch.js';
import type { World } from '../world/world.js';
import { Counts, textsOf } from './rows.js';

const never = new AbortController().signal;

/**
 * What the change feed says of each version is what the version changed: rows put in counted up and rows taken out counted
 * down, the feed's and the data files' sums are equal at every version, and so the feed's sum is the table at every version.
 */
export async function feedSumsUp(world: World): Promise<void> {
  for (const table of world.log.tables) {
    const files = new FileRows(world.objects.at(table));
    let layout: TableLayout | undefined;
    for (const commit of world.log.commits(table)) {
      layout = layoutAfter(commit, layout);
      if (layout === undefined) continue;
      const counts = await changed(commit, layout, files);
      await subtractFeed(commit, layout, files, counts);
      if (!counts.isEmpty)
        world.violate(
          'feed sums up',
          `${table} version ${commit.version}, table less feed: ${counts.describe()}`,
        );
    }
  }
}

function layoutAfter({ actions }: LandedCommit, before: TableLayout | undefined): TableLayout | undefined {
  const made = actions.find((action) => action.kind === 'metaData')?.metaData;
  if (made === undefined) return before;
  return {
    schema: parseSchemaString(made.schemaString),
    partitionColumns: made.partitionColumns,
    configuration: made.configuration,
  };
}

/** Rows that a version put in less rows that it took out, by its data files and deletion vectors. */
async function changed({ actions }: LandedCommit, layout: TableLayout, files: FileRows): Promise<Counts> {
  const counts = new Counts();
  for (const action of actions) {
    if (action.kind === 'add') counts.addAll(await files.live(action.add, layout));
    if (action.kind === 'remove') counts.addAll(await files.live(action.remove, layout), -1);
  }
  return counts;
}

async function subtractFeed(
  { version, actions }: LandedCommit,
  layout: TableLayout,
  { store }: FileRows,
  counts: Counts,
): Promise<void> {
  const options = { version, timestampMs: 0, layout, signal: never };
  for await (const piece of piecesOf(store, actions, options)) {
    const rows = await piece.read();
    const kind = reader(rows, CHANGE_TYPE.name, CHANGE_TYPE.type);
    const names = rows.schema.fields.map(({ name }) => name).filter((name) => !FEED_COLUMNS.includes(name));
    textsOf(rows.select(names), { own: true }).forEach((text, row) => {
      const puts = kind(row) === 'insert' || kind(row) === 'update_postimage';
      counts.add(text, puts ? -1 : 1);
    });
  }
}

/** The rows of data files; a file never changes, so each is read once. */
class FileRows {
  readonly store: ObjectStore;
  readonly #rows = new Map<string, readonly string[]>();

  constructor(store: ObjectStore) {
    this.store = store;
  }

  /** Rows of the file that its deletion vector leaves. */
  async live(file: AddFile | RemoveFile, layout: TableLayout): Promise<readonly string[]> {
    const rows = await this.#all(file, layout);
    const { deletionVector } = file;
    if (deletionVector === undefined) return rows;
    const gone = await readDeletionVector(this.store, deletionVector, { signal: never });
    return rows.filter((_, ordinal) => !gone.has(ordinal));
  }

  async #all({ path, size }: AddFile | RemoveFile, layout: TableLayout): Promise<readonly string[]> {
    const known = this.#rows.get(path);
    if (known !== undefined) return known;
    const file: { path: string; size?: number; deletionVector?: DeletionVectorDescriptor } = { path };
    if (size !== undefined) file.size = size;
    using open = await openDataFile(this.store, file, { layout, signal: never });
    const rows = textsOf(await open.read({ signal: never }), { own: true });
    this.#rows.set(path, rows);
    return rows;
  }
}
