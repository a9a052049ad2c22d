import { structOf, type ArrowTable } from '../../../src/columnar/arrow.js';
import { reader } from '../../../src/columnar/cells.js';
import { CHANGE_TYPE, FEED_COLUMNS } from '../../../src/operations/change-types.js';
import { piecesOf } from '../../../src/operations/feed/read-version.js';
import type { AddFile, RemoveFile } from '../../../src/protocol/actions.js';
import { parseSchemaString } from '../../../src/schema/schema-string.js';
import { openDataFile } from '../../../src/table/data-file.js';
import { readDeletionVector } from '../../../src/table/deletion-vectors.js';
import type { TableLayout } from '../../../src/table/layout.js';
import type { ObjectStore } from '../../../src/storage/object-store.js';
import type { LandedCommit } from '../world/log-watch.js';
import type { World } from '../world/world.js';
import { Counts, textsOf } from './rows.js';

const never = new AbortController().signal;

/** What the change feed tells of one row. */
type FedRow = {
  /** As the feed names it: `insert`, `delete`, `update_preimage`, `update_postimage`. */
  readonly change: string;
  /** The row with the columns that the sink adds, as `rowText`. */
  readonly text: string;
  /** Its key and its place in the source's history; a row that somebody else put there has none. */
  readonly place: string | undefined;
};

/** Every table of a history through its versions; each is read once, whoever asks. */
export class Tables {
  readonly #world: World;
  readonly #known = new Map<string, TableVersions>();

  constructor(world: World) {
    this.#world = world;
  }

  at(table: string): TableVersions {
    const known = this.#known.get(table) ?? new TableVersions(this.#world, table);
    this.#known.set(table, known);
    return known;
  }
}

/** A table through its versions, from its log and its data files alone. */
class TableVersions {
  readonly commits: readonly LandedCommit[];
  readonly #layouts: (TableLayout | undefined)[] = [];
  readonly #rows = new Map<string, readonly string[]>();
  readonly #fed = new Map<number, readonly FedRow[]>();
  readonly #store: ObjectStore;

  constructor(world: World, table: string) {
    this.#store = world.objects.at(table);
    this.commits = world.log.commits(table);
    let layout: TableLayout | undefined;
    for (const commit of this.commits) {
      layout = layoutAfter(commit, layout);
      this.#layouts.push(layout);
    }
  }

  /** Rows that a version put in, less rows that it took out. */
  async changed(at: number): Promise<Counts> {
    const counts = new Counts();
    const layout = this.#layouts[at];
    if (layout === undefined) return counts;
    for (const action of this.commits[at]?.actions ?? []) {
      if (action.kind === 'add') counts.addAll(await this.#live(action.add, layout));
      if (action.kind === 'remove') counts.addAll(await this.#live(action.remove, layout), -1);
    }
    return counts;
  }

  /** What the feed tells of the version that `commits[at]` made. */
  async fed(at: number): Promise<readonly FedRow[]> {
    const known = this.#fed.get(at);
    if (known !== undefined) return known;
    const rows: FedRow[] = [];
    const layout = this.#layouts[at];
    const commit = this.commits[at];
    if (layout === undefined || commit === undefined) return rows;
    const options = { version: commit.version, timestampMs: 0, layout, signal: never };
    for await (const piece of piecesOf(this.#store, commit.actions, options))
      rows.push(...fedRows(await piece.read()));
    this.#fed.set(at, rows);
    return rows;
  }

  /** Rows of the file that its deletion vector leaves. */
  async #live(file: AddFile | RemoveFile, layout: TableLayout): Promise<readonly string[]> {
    const rows = await this.#all(file, layout);
    const { deletionVector } = file;
    if (deletionVector === undefined) return rows;
    const gone = await readDeletionVector(this.#store, deletionVector, { signal: never });
    return rows.filter((_, ordinal) => !gone.has(ordinal));
  }

  /** A file never changes, so each is read once. */
  async #all({ path, size }: AddFile | RemoveFile, layout: TableLayout): Promise<readonly string[]> {
    const known = this.#rows.get(path);
    if (known !== undefined) return known;
    const file = { path, ...(size === undefined ? {} : { size }) };
    using open = await openDataFile(this.#store, file, { layout, signal: never });
    const rows = textsOf(await open.read({ signal: never }), { own: true });
    this.#rows.set(path, rows);
    return rows;
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

function fedRows(rows: ArrowTable): FedRow[] {
  const { fields } = structOf(rows.schema);
  const [change, id, position] = [CHANGE_TYPE.name, 'id', '__position'].map((name) => {
    const type = fields.find((field) => field.name === name)?.type;
    return type === undefined ? () => null : reader(rows, name, type);
  });
  const names = rows.schema.fields.map(({ name }) => name).filter((name) => !FEED_COLUMNS.includes(name));
  return textsOf(rows.select(names), { own: true }).map((text, row) => ({
    change: String(change?.(row)),
    text,
    place: position?.(row) === null ? undefined : `key ${String(id?.(row))} at ${String(position?.(row))}`,
  }));
}
