import type { Winner } from '../../table/commit.js';
import type { Snapshot } from '../../table/snapshot.js';
import type { KeySet } from './key-set.js';
import type { RowPlaces } from './rows.js';
import type { StagedChanges } from './stage.js';

/**
 * What a change read of the table, and so what a winner must not have touched.
 * - `nothing`: plain inserts.
 * - `keys`: the rows of these keys, those that were found and those that were not.
 * - `everything`: any row that a winner puts in matters (updates of a table without a key, a truncate).
 */
export type ReadSet =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'keys'; readonly columns: readonly string[]; readonly keys: KeySet }
  | { readonly kind: 'everything' };

/** A staged change and all that decides whether a winner concerns it. */
export type RebaseState = {
  /** The snapshot that the change was planned on. */
  readonly snapshot: Snapshot;
  readonly staged: StagedChanges;
  readonly reads: ReadSet;
  /** Every row that was found and looked at, also those that the change leaves alone. */
  readonly located?: RowPlaces | undefined;
  /** Application ids whose `txn` the change read or writes. */
  readonly appIds: ReadonlySet<string>;
  /** Metadata domains that the change read or writes. */
  readonly domains: ReadonlySet<string>;
};

export type Rebased =
  | { readonly kind: 'rebased'; readonly state: RebaseState }
  | { readonly kind: 'conflict'; readonly why: string };

/**
 * Carries a staged change over a commit that came first, row by row, or says why it must be planned anew.
 *
 * For a touched file whose deletion vector the winner changed: new = winner's ∪ (ours \ base), and the remove names the
 * winner's vector; only if the winner's holds all of the base and shares no new row with ours. The winner's new files
 * are probed for the keys that were read. Any other change to what was read is a conflict, and so are a metaData, a
 * protocol, a domain of ours, and a `txn` of our application ids. Decisions are never changed: a change file that was
 * written stays right, and where there is none there is still none needed.
 */
export declare function rebase(
  state: RebaseState,
  winner: Winner,
  options: { readonly signal: AbortSignal },
): Promise<Rebased>;
