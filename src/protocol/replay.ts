import { SluiceError, assert } from '../base/errors.js';
import { parseSchemaString } from '../schema/schema-string.js';
import type { StructType } from '../schema/types.js';
import type { Action, AddFile, Metadata, Protocol, RemoveFile, Txn } from './actions.js';
import { FileSet, type FileSetChange, type LiveFiles } from './live-files.js';

export { deletionVectorId, FileSet, type LiveFiles } from './live-files.js';

/**
 * A removed file that VACUUM must still keep, without what only the change feed needs (stats and tags stay
 * in the commit that removed it).
 */
export type Tombstone = Omit<RemoveFile, 'stats' | 'tags'>;

/**
 * What a table is at one version, from its log alone. Immutable; made by `foldActions` or `LogReplay`.
 * Delta protocol, "Action Reconciliation".
 */
export class TableState {
  readonly version: number;
  readonly protocol: Protocol;
  readonly metadata: Metadata;
  readonly files: LiveFiles;
  /** Removed files that are not forgotten yet: a checkpoint leaves out those past their retention. */
  readonly tombstones: FileSet<Tombstone>;
  /** By app id, the latest by log order: its version may go down. */
  readonly txns: ReadonlyMap<string, Txn>;
  /** Configuration by domain; domains that were removed are not there. */
  readonly domains: ReadonlyMap<string, string>;
  readonly #schemaOf: SchemaCell;

  constructor(parts: TableStateParts, schemaOf: SchemaCell) {
    this.version = parts.version;
    this.protocol = parts.protocol;
    this.metadata = parts.metadata;
    this.files = parts.files;
    this.tombstones = parts.tombstones;
    this.txns = parts.txns;
    this.domains = parts.domains;
    this.#schemaOf = schemaOf;
  }

  /** Columns under their logical names. Read on first use, so that the protocol can be checked before. */
  get schema(): StructType {
    return this.#schemaOf.get();
  }

  /** Logical names, in order. */
  get partitionColumns(): readonly string[] {
    return this.metadata.partitionColumns;
  }

  get configuration(): Readonly<Record<string, string>> {
    return this.metadata.configuration;
  }

  /** The schema as text and what was read from it, for states that share it. */
  schemaCell(): SchemaCell {
    return this.#schemaOf;
  }
}

export type TableStateParts = {
  readonly version: number;
  readonly protocol: Protocol;
  readonly metadata: Metadata;
  readonly files: LiveFiles;
  readonly tombstones: FileSet<Tombstone>;
  readonly txns: ReadonlyMap<string, Txn>;
  readonly domains: ReadonlyMap<string, string>;
};

/**
 * The state after one more commit. Costs the commit, not the table (see `FileSet`), but for the maps of txns
 * and domains, which are copied when the commit holds one.
 *
 * @param state - undefined for what starts a table: a first commit or the rows of a checkpoint
 * @throws SluiceError CORRUPT_LOG if there is no protocol or no metadata by then
 */
export function foldActions(
  state: TableState | undefined,
  actions: Iterable<Action>,
  version: number,
): TableState {
  return new LogReplay(state).apply(actions, version).finish();
}

/**
 * The state without tombstones older than `beforeMs` (a removal without a time counts as older). Their files
 * may be gone; nothing refers to them. Costs all tombstones.
 */
export function forgetTombstones(state: TableState, beforeMs: number): TableState {
  const expired: FileSetChange<Tombstone>[] = [];
  for (const file of state.tombstones) {
    if ((file.deletionTimestamp ?? 0) < beforeMs) expired.push({ kind: 'drop', file });
  }
  if (expired.length === 0) return state;
  return new TableState({ ...state, tombstones: state.tombstones.with(expired) }, state.schemaCell());
}

/**
 * A fold over many commits, or over a checkpoint and the commits after it, oldest first. Unlike
 * `foldActions` it lets protocol and metadata come in any commit before `finish`.
 */
export class LogReplay {
  #version: number;
  #protocol: Protocol | undefined;
  #metadata: Metadata | undefined;
  #schemaOf: SchemaCell | undefined;
  #files: LiveFiles;
  #tombstones: FileSet<Tombstone>;
  #txns: CopyOnWrite<Txn>;
  #domains: CopyOnWrite<string>;

  constructor(from?: TableState) {
    this.#version = from?.version ?? -1;
    this.#protocol = from?.protocol;
    this.#metadata = from?.metadata;
    this.#schemaOf = from?.schemaCell();
    this.#files = from?.files ?? FileSet.ofPaths<AddFile>();
    this.#tombstones = from?.tombstones ?? FileSet.ofKeys<Tombstone>();
    this.#txns = new CopyOnWrite(from?.txns ?? new Map());
    this.#domains = new CopyOnWrite(from?.domains ?? new Map());
  }

  /** Begins with a checkpoint, whose files come as sets of their own. */
  begin({ actions, files, tombstones }: CheckpointContents, version: number): this {
    assert(this.#version < 0, 'a checkpoint is what a replay begins with');
    this.#files = files;
    this.#tombstones = tombstones;
    return this.apply(actions, version);
  }

  /** Folds the actions of one version, which is the state's version from then on. */
  apply(actions: Iterable<Action>, version: number): this {
    const files: FileSetChange<AddFile>[] = [];
    const tombstones: FileSetChange<Tombstone>[] = [];
    for (const action of actions) {
      switch (action.kind) {
        case 'add':
          files.push({ kind: 'put', file: action.add });
          tombstones.push({ kind: 'drop', file: action.add });
          break;
        case 'remove':
          files.push({ kind: 'drop', file: action.remove });
          tombstones.push({ kind: 'put', file: tombstoneOf(action.remove) });
          break;
        case 'txn':
          this.#txns.set(action.txn.appId, action.txn);
          break;
        case 'domainMetadata': {
          const { domain, configuration, removed } = action.domainMetadata;
          if (removed) this.#domains.delete(domain);
          else this.#domains.set(domain, configuration);
          break;
        }
        case 'protocol':
          this.#protocol = action.protocol;
          break;
        case 'metaData':
          this.#schemaOf =
            this.#metadata?.schemaString === action.metaData.schemaString ? this.#schemaOf : undefined;
          this.#metadata = action.metaData;
          break;
        case 'commitInfo':
        case 'cdc':
          // Provenance and the change feed: no part of the table.
          break;
      }
    }
    this.#files = this.#files.with(files);
    this.#tombstones = this.#tombstones.with(tombstones);
    this.#version = version;
    return this;
  }

  finish(): TableState {
    const version = this.#version;
    if (this.#protocol === undefined) throw incomplete('protocol', version);
    if (this.#metadata === undefined) throw incomplete('metaData', version);
    this.#schemaOf ??= new SchemaCell(this.#metadata.schemaString);
    return new TableState(
      {
        version,
        protocol: this.#protocol,
        metadata: this.#metadata,
        files: this.#files,
        tombstones: this.#tombstones,
        txns: this.#txns.share(),
        domains: this.#domains.share(),
      },
      this.#schemaOf,
    );
  }
}

/** What a checkpoint holds: its live and removed files, and all else as actions. */
export type CheckpointContents = {
  readonly actions: readonly Action[];
  readonly files: LiveFiles;
  readonly tombstones: FileSet<Tombstone>;
};

/** A schema string and what it says, read once for all versions that share it. */
export class SchemaCell {
  readonly #text: string;
  #schema: StructType | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  get(): StructType {
    this.#schema ??= parseSchemaString(this.#text);
    return this.#schema;
  }
}

class CopyOnWrite<V> {
  #map: ReadonlyMap<string, V>;
  #own: Map<string, V> | undefined;

  constructor(map: ReadonlyMap<string, V>) {
    this.#map = map;
  }

  set(key: string, value: V): void {
    this.#owned().set(key, value);
  }

  delete(key: string): void {
    if (this.#map.has(key)) this.#owned().delete(key);
  }

  /** The map as it is; the next change makes a copy. */
  share(): ReadonlyMap<string, V> {
    this.#own = undefined;
    return this.#map;
  }

  #owned(): Map<string, V> {
    this.#own ??= new Map(this.#map);
    this.#map = this.#own;
    return this.#own;
  }
}

/** A removal without what only the change feed needs. */
export function tombstoneOf(remove: RemoveFile): Tombstone {
  const { stats: _stats, tags: _tags, ...rest } = remove;
  return rest;
}

function incomplete(what: 'protocol' | 'metaData', version: number): SluiceError {
  return new SluiceError('CORRUPT_LOG', `the log up to version ${version} has no ${what} action`, {
    context: { version },
    hint: 'The first commit or checkpoint of the table is damaged or was not written by a Delta writer.',
  });
}
