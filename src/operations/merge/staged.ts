import type { Action, AddFile, CdcFile } from '../../protocol/actions.js';
import { removalOf } from '../../protocol/file-actions.js';
import type { RowSet } from '../../protocol/row-set.js';
import {
  mergeMetrics,
  type FileCounts,
  type MergeCounts,
  type MergeMetrics,
  type MergeTimes,
} from './metrics.js';

/** How rows are taken out of a file: by a deletion vector beside it, or by writing it anew without them. */
export type MergeStrategy = 'merge-on-read' | 'copy-on-write';

/** A file that a staged change takes rows out of. */
export type TouchedFile = {
  /** The file as the commit's base has it. */
  readonly base: AddFile;
  /** Rows in the file, deleted ones included. */
  readonly rows: number;
  /** Rows that the base's deletion vector names; undefined if it has none. */
  readonly dead: RowSet | undefined;
  /** Rows that this change takes out; none of them is in `dead`. */
  readonly gone: RowSet;
  /** What becomes of the file: undefined if it is only removed (no row is left, or the rest was written anew). */
  readonly next: AddFile | undefined;
};

export type StagedParts = {
  readonly touched: readonly TouchedFile[];
  /** New data files. */
  readonly added: readonly AddFile[];
  readonly changeFiles: readonly CdcFile[];
  readonly strategy: MergeStrategy;
  readonly counts: MergeCounts;
  /** Rows that were written anew as they were (copy-on-write). */
  readonly copiedRows: number;
  readonly times: MergeTimes;
};

/** File actions of a change, durable in the store and ready to be committed. Immutable. */
export class StagedChanges {
  readonly parts: StagedParts;

  constructor(parts: StagedParts) {
    this.parts = parts;
  }

  get touched(): readonly TouchedFile[] {
    return this.parts.touched;
  }

  /** Whether the change takes out or puts in any row. */
  get isEmpty(): boolean {
    return this.parts.touched.length === 0 && this.parts.added.length === 0;
  }

  /** remove, add and cdc actions in the order of the log; `nowMs` becomes the removes' deletion timestamp. */
  actions(nowMs: number): readonly Action[] {
    const actions: Action[] = [];
    for (const { base, next } of this.parts.touched) {
      actions.push({ kind: 'remove', remove: removalOf(base, { deletionTimestamp: nowMs }) });
      if (next !== undefined) actions.push({ kind: 'add', add: next });
    }
    for (const add of this.parts.added) actions.push({ kind: 'add', add });
    for (const cdc of this.parts.changeFiles) actions.push({ kind: 'cdc', cdc });
    return actions;
  }

  /** `operationMetrics` of the change as a MERGE, in Delta Spark's names. */
  get metrics(): MergeMetrics {
    const { counts, times } = this.parts;
    return mergeMetrics(counts, this.files, times);
  }

  /** What the change does to the table's files. */
  get files(): FileCounts {
    const { touched, added, changeFiles, copiedRows } = this.parts;
    const removed = touched.filter(({ next }) => next === undefined);
    const had = touched.filter(({ base }) => base.deletionVector !== undefined);
    const have = touched.filter(({ next }) => next?.deletionVector !== undefined);
    return {
      copiedRows,
      filesAdded: added.length,
      bytesAdded: added.reduce((sum, { size }) => sum + size, 0),
      filesRemoved: removed.length,
      bytesRemoved: removed.reduce((sum, { base }) => sum + base.size, 0),
      changeFiles: changeFiles.length,
      vectorsAdded: have.length,
      vectorsRemoved: had.length,
      vectorsUpdated: have.filter(({ base }) => base.deletionVector !== undefined).length,
    };
  }

  /** The same change over other bases. */
  withTouched(touched: readonly TouchedFile[]): StagedChanges {
    return new StagedChanges({ ...this.parts, touched });
  }
}
