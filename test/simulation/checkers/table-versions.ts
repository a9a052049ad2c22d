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

/** A table through its versions, from its log and its data files alone. */
export class TableVersions {
  readonly store: ObjectStore;
  readonly commits: readonly LandedCommit[];
  readonly #layouts: (TableLayout | undefined)[] = [];
  readonly #rows = new Map<string, readonly string[]>();

  constructor(world: World, table: string) {
    this.store = world.objects.at(table);
    this.commits = world.log.commits(table);
    let layout: TableLayout | undefined;
    for (const commit of this.commits) {
      layout = layoutAfter(commit, layout);
      this.#layouts.push(layout);
    }
  }

  /** How the table is to be read at the version that `commits[at]` made; undefined before there is one. */
  layout(at: number): TableLayout | undefined {
    return this.#layouts[at];
  }

  /** Rows that a version put in, less rows that it took out. */
  async changed(at: number): Promise<Counts> {
    const counts = new Counts();
    const layout = this.layout(at);
    if (layout === undefined) return counts;
    for (const action of this.commits[at]?.actions ?? []) {
      if (action.kind === 'add') counts.addAll(await this.#live(action.add, layout));
      if (action.kind === 'remove') counts.addAll(await this.#live(action.remove, layout), -1);
    }
    return counts;
  }

  /** Rows of the file that its deletion vector leaves. */
  async #live(file: AddFile | RemoveFile, layout: TableLayout): Promise<readonly string[]> {
    const rows = await this.#all(file, layout);
    const { deletionVector } = file;
    if (deletionVector === undefined) return rows;
    const gone = await readDeletionVector(this.store, deletionVector, { signal: never });
    return rows.filter((_, ordinal) => !gone.has(ordinal));
  }

  /** A file never changes, so each is read once. */
  async #all({ path, size }: AddFile | RemoveFile, layout: TableLayout): Promise<readonly string[]> {
    const known = this.#rows.get(path);
    if (known !== undefined) return known;
    const file = { path, ...(size === undefined ? {} : { size }) };
    using open = await openDataFile(this.store, file, { layout, signal: never });
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
