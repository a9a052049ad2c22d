import type {
  Action,
  AddFile,
  CdcFile,
  CommitInfo,
  DeletionVectorDescriptor,
  RemoveFile,
} from './actions.js';
import { noRowsMerged } from './commit-info.js';
import { canonicalPath } from './path.js';

/** One thing to read for the change feed of a version. */
export type ChangeRead =
  /** A change file: each row names its change type. */
  | { readonly kind: 'cdc'; readonly cdc: CdcFile }
  /** The rows that the file's deletion vector leaves are inserts. */
  | { readonly kind: 'inserted'; readonly add: AddFile }
  /** The rows that the file's deletion vector left are deletes. */
  | { readonly kind: 'deleted'; readonly remove: RemoveFile }
  /** One file whose deletion vector changed: rows in `after` alone are deletes, rows in `before` alone inserts. */
  | {
      readonly kind: 'marked';
      readonly add: AddFile;
      readonly remove: RemoveFile;
      readonly before: DeletionVectorDescriptor | undefined;
      readonly after: DeletionVectorDescriptor | undefined;
    };

/**
 * What the change feed of one version is read from. If there is a change file, from change files alone. Otherwise
 * adds and removes of one path are paired before anything else; what is left of those that change data are
 * inserts and deletes. A MERGE that reports no row inserted, updated or deleted only moved rows and is
 * empty. Delta protocol, "Change Data Files"; the rule for MERGE is Delta Spark's.
 */
export function planChanges(actions: Iterable<Action>): ChangeRead[] {
  const cdc: ChangeRead[] = [];
  const adds: AddFile[] = [];
  const removes = new Map<string, RemoveFile>();
  let commitInfo: CommitInfo | undefined;
  for (const action of actions) {
    switch (action.kind) {
      case 'cdc':
        cdc.push({ kind: 'cdc', cdc: action.cdc });
        break;
      case 'add':
        if (action.add.dataChange) adds.push(action.add);
        break;
      case 'remove':
        if (action.remove.dataChange) removes.set(canonicalPath(action.remove.path), action.remove);
        break;
      case 'commitInfo':
        commitInfo = action.commitInfo;
        break;
      default:
        break;
    }
  }
  if (cdc.length > 0) return cdc;
  if (commitInfo !== undefined && noRowsMerged(commitInfo)) return [];
  const reads = adds.map((add): ChangeRead => {
    const path = canonicalPath(add.path);
    const remove = removes.get(path);
    if (remove === undefined) return { kind: 'inserted', add };
    removes.delete(path);
    return { kind: 'marked', add, remove, before: remove.deletionVector, after: add.deletionVector };
  });
  for (const remove of removes.values()) reads.push({ kind: 'deleted', remove });
  return reads;
}
