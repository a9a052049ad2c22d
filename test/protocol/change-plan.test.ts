import { describe, expect, test } from 'vitest';
import type { Action, AddFile, RemoveFile } from '../../src/protocol/actions.js';
import { planChanges } from '../../src/protocol/change-plan.js';

type Extra = Partial<AddFile>;

function dv(name: string): Pick<AddFile, 'deletionVector'> {
  return {
    deletionVector: { storageType: 'u', pathOrInlineDv: name, offset: 1, sizeInBytes: 1, cardinality: 1 },
  };
}

function add(path: string, extra: Extra = {}): Extract<Action, { kind: 'add' }> {
  const file: AddFile = {
    path,
    partitionValues: new Map(),
    size: 1,
    modificationTime: 1,
    dataChange: true,
    ...extra,
  };
  return { kind: 'add', add: file };
}

function remove(path: string, extra: Partial<RemoveFile> = {}): Extract<Action, { kind: 'remove' }> {
  return { kind: 'remove', remove: { path, dataChange: true, ...extra } };
}

const CDC: Extract<Action, { kind: 'cdc' }> = {
  kind: 'cdc',
  cdc: { path: '_change_data/c', partitionValues: new Map(), size: 1 },
};

function merge(inserted: string, updated: string, deleted: string): Action {
  return {
    kind: 'commitInfo',
    commitInfo: {
      operation: 'MERGE',
      operationMetrics: {
        numTargetRowsInserted: inserted,
        numTargetRowsUpdated: updated,
        numTargetRowsDeleted: deleted,
        numTargetRowsCopied: '5',
      },
    },
  };
}

describe('what the change feed of a version is read from', () => {
  test('trap 8: with one change file, from change files alone', () => {
    expect(planChanges([add('a'), remove('b'), CDC, merge('0', '0', '0')])).toEqual([
      { kind: 'cdc', cdc: CDC.cdc },
    ]);
  });

  test('without one, adds are inserts and removes are deletes, where they change data', () => {
    const a = add('a');
    const b = remove('b', dv('d'));
    expect(planChanges([a, b, add('c', { dataChange: false }), remove('d', { dataChange: false })])).toEqual([
      { kind: 'inserted', add: a.add },
      { kind: 'deleted', remove: b.remove },
    ]);
  });

  test('trap 9: an add and a remove of one path are a change of its deletion vector, whatever their order and spelling', () => {
    const marked = add('a%20b', dv('new'));
    const before = remove('a b', dv('old'));
    const pair = {
      kind: 'marked',
      add: marked.add,
      remove: before.remove,
      before: before.remove.deletionVector,
      after: marked.add.deletionVector,
    };
    expect(planChanges([marked, before])).toEqual([pair]);
    expect(planChanges([before, marked])).toEqual([pair]);
    expect(planChanges([remove('x', dv('d')), add('x')])).toMatchObject([
      { kind: 'marked', before: dv('d').deletionVector, after: undefined },
    ]);
  });

  test('trap 10: a MERGE that says it changed no row is empty, and only that', () => {
    const files = [add('a'), remove('b')];
    expect(planChanges([merge('0', '0', '0'), ...files])).toEqual([]);
    expect(planChanges([merge('0', '1', '0'), ...files])).toHaveLength(2);
    const numbers: Action = {
      kind: 'commitInfo',
      commitInfo: { operation: 'MERGE', operationMetrics: { num_target_rows_inserted: 0 } },
    };
    expect(planChanges([numbers, ...files])).toHaveLength(2);
    const rawZeros: Action = {
      kind: 'commitInfo',
      commitInfo: {
        operation: 'MERGE',
        operationMetrics: { numTargetRowsInserted: 0, numTargetRowsUpdated: 0, numTargetRowsDeleted: 0 },
      },
    };
    expect(planChanges([rawZeros, ...files])).toHaveLength(2);
    const optimize: Action = { kind: 'commitInfo', commitInfo: { operation: 'WRITE', operationMetrics: {} } };
    expect(planChanges([optimize, ...files])).toHaveLength(2);
  });

  test('a version without files has no changes', () => {
    expect(planChanges([merge('0', '0', '0'), { kind: 'txn', txn: { appId: 'a', version: 1n } }])).toEqual(
      [],
    );
  });
});
