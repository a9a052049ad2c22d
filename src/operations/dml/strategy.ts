import type { Snapshot } from '../../table/snapshot.js';
import type { MergeStrategy } from '../merge/staged.js';

export type StrategyOptions = {
  /** Default: deletion vectors where the table has them on, else files written anew. */
  readonly strategy?: MergeStrategy | undefined;
};

/** How rows are taken out of the table's files. */
export function strategyOf({ configuration }: Snapshot, { strategy }: StrategyOptions): MergeStrategy {
  if (strategy !== undefined) return strategy;
  const on = configuration['delta.enableDeletionVectors']?.toLowerCase() === 'true';
  return on ? 'merge-on-read' : 'copy-on-write';
}
