import { assert, must, unreachable } from '../base/errors.js';
import type { Action, DeletionVectorDescriptor } from '../protocol/actions.js';

/**
 * Asserts what every commit must satisfy, as other engines check it on read: commitInfo first and with the commit's id,
 * at most one action of a kind for a key, an add and a remove of one path only under different deletion vectors, and a
 * first commit that says what the table is. A violation is our bug. Delta protocol, "Action Reconciliation".
 */
export function assertCommitRules(
  actions: readonly Action[],
  commit: { readonly version: number; readonly txnId: string },
): void {
  const first = must(actions[0], 'the first action of a commit');
  assert(first.kind === 'commitInfo', 'a commit begins with its commitInfo');
  assert(first.commitInfo['txnId'] === commit.txnId, 'a commit carries its own txnId');
  const seen = new Set<string>();
  const adds = new Map<string, string>();
  const removes = new Map<string, string>();
  for (const action of actions) {
    const key = keyOf(action);
    assert(!seen.has(key), () => `one commit holds two actions for ${key}`);
    seen.add(key);
    if (action.kind === 'add') adds.set(action.add.path, vectorId(action.add.deletionVector));
    if (action.kind === 'remove') removes.set(action.remove.path, vectorId(action.remove.deletionVector));
  }
  for (const [path, removed] of removes) {
    assert(adds.get(path) !== removed, () => `one commit adds and removes the same file: ${path}`);
  }
  if (commit.version === 0) {
    assert(seen.has('protocol') && seen.has('metaData'), 'the first commit names protocol and metadata');
  }
}

function keyOf(action: Action): string {
  switch (action.kind) {
    case 'add':
      return `add ${action.add.path}`;
    case 'remove':
      return `remove ${action.remove.path}`;
    case 'cdc':
      return `cdc ${action.cdc.path}`;
    case 'txn':
      return `txn ${action.txn.appId}`;
    case 'domainMetadata':
      return `domain ${action.domainMetadata.domain}`;
    case 'commitInfo':
    case 'metaData':
    case 'protocol':
      return action.kind;
    default:
      return unreachable(action);
  }
}

function vectorId(vector: DeletionVectorDescriptor | undefined): string {
  if (vector === undefined) return '';
  const offset = vector.offset === undefined ? '' : `@${vector.offset}`;
  return `${vector.storageType}${vector.pathOrInlineDv}${offset}`;
}
