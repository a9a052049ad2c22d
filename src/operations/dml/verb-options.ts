import type { Expr } from '../../expr/parse.js';
import { isOn } from '../../protocol/properties.js';
import type { Snapshot } from '../../table/snapshot.js';
import type { Isolation, ReadSet } from '../merge/rebase.js';
import type { MergeStrategy } from '../merge/staged.js';

/** What DELETE and UPDATE are told. */
export type VerbOptions = {
  /** The rows for which it is true are meant; all rows without it. */
  readonly where?: Expr | undefined;
  /** Default: deletion vectors where the table has them on, else files written anew. */
  readonly strategy?: MergeStrategy | undefined;
  readonly isolation?: Isolation;
  readonly retries?: number;
  readonly signal: AbortSignal;
};

/** How rows are taken out of the table's files. */
export function strategyOf({ configuration }: Snapshot, { strategy }: VerbOptions): MergeStrategy {
  if (strategy !== undefined) return strategy;
  return isOn(configuration, 'delta.enableDeletionVectors') ? 'merge-on-read' : 'copy-on-write';
}

/** What a verb reads of the table. */
export function readsOf({ where }: VerbOptions): ReadSet {
  return where === undefined ? { kind: 'everything' } : { kind: 'condition', where };
}
