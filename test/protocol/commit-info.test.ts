import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { formatActions } from '../../src/protocol/action-json.js';
import {
  commitInfo,
  operationOf,
  textMembers,
  txnIdOf,
  userMetadataOf,
} from '../../src/protocol/commit-info.js';
import { ENGINE_VERSION } from '../../src/protocol/engine.js';
import * as operations from '../../src/protocol/operation.js';
import { field, LONG } from '../../src/schema/build.js';

const COMMON = { timestamp: 5, readVersion: 17, isBlindAppend: false, txnId: 'uuid' };

describe('commitInfo', () => {
  test('has the members of a Spark MERGE in its order, with counts as text', () => {
    const info = commitInfo({
      ...COMMON,
      inCommitTimestamp: 5,
      operation: operations.merge({
        predicate: '(t.id = s.id)',
        matched: [{ actionType: 'delete', predicate: "(s.op = 'd')" }, { actionType: 'update' }],
        notMatched: [{ actionType: 'insert' }],
      }),
      metrics: { numTargetRowsInserted: 1, numSourceRows: 3n },
      userMetadata: '{"a":1}',
      tags: { k: 'v' },
    });
    expect(formatActions([{ kind: 'commitInfo', commitInfo: info }])).toBe(
      '{"commitInfo":{"inCommitTimestamp":5,"timestamp":5,"operation":"MERGE","operationParameters":' +
        '{"predicate":"[\\"(t.id = s.id)\\"]","matchedPredicates":"[{\\"predicate\\":\\"(s.op = \'d\')\\",' +
        '\\"actionType\\":\\"delete\\"},{\\"actionType\\":\\"update\\"}]","notMatchedPredicates":' +
        '"[{\\"actionType\\":\\"insert\\"}]","notMatchedBySourcePredicates":"[]"},"readVersion":17,' +
        '"isolationLevel":"Serializable","isBlindAppend":false,"operationMetrics":{"numTargetRowsInserted":"1",' +
        `"numSourceRows":"3"},"userMetadata":"{\\"a\\":1}","tags":{"k":"v"},"engineInfo":"Sluice/${ENGINE_VERSION}",` +
        '"txnId":"uuid"}}\n',
    );
    expect([txnIdOf(info), operationOf(info), userMetadataOf(info)]).toEqual(['uuid', 'MERGE', '{"a":1}']);
  });

  test('of a commit that creates a table names no version read', () => {
    const operation = operations.createTable({
      partitionBy: ['dt'],
      properties: { 'delta.appendOnly': 'false' },
    });
    const info = commitInfo({ ...COMMON, readVersion: -1, operation });
    expect('readVersion' in info).toBe(false);
    expect(textMembers(info, 'operationParameters')).toEqual({
      partitionBy: '["dt"]',
      clusterBy: '[]',
      isManaged: 'false',
      properties: '{"delta.appendOnly":"false"}',
    });
  });

  test('of other engines may hold anything, which is told as text', () => {
    const info = {
      operationParameters: { a: true, b: 3, c: [1, 'x'], d: null, e: 'plain', f: 9007199254740993n },
    };
    expect(textMembers(info, 'operationParameters')).toEqual({
      a: 'true',
      b: '3',
      c: '[1,"x"]',
      e: 'plain',
      f: '9007199254740993',
    });
    expect(textMembers(info, 'operationMetrics')).toEqual({});
    expect(txnIdOf({ txnId: 5 })).toBeUndefined();
    expect(txnIdOf(undefined)).toBeUndefined();
  });

  test.each([
    [operations.write({ mode: 'Append', partitionBy: [] }), 'WRITE', { mode: 'Append', partitionBy: '[]' }],
    [operations.deletion(['(id > 3)']), 'DELETE', { predicate: '["(id > 3)"]' }],
    [operations.truncation(), 'TRUNCATE', {}],
    [
      operations.streamingUpdate({ outputMode: 'Update', queryId: 'q', epochId: 7n }),
      'STREAMING UPDATE',
      { outputMode: 'Update', queryId: 'q', epochId: '7' },
    ],
    [operations.setProperties({ a: 'b' }), 'SET TBLPROPERTIES', { properties: '{"a":"b"}' }],
    [
      operations.addColumns([field('c', LONG)]),
      'ADD COLUMNS',
      { columns: '[{"column":{"name":"c","type":"long","nullable":true,"metadata":{}}}]' },
    ],
    [
      operations.changeColumns([field('c', LONG)]),
      'CHANGE COLUMNS',
      { columns: '[{"column":{"name":"c","type":"long","nullable":true,"metadata":{}}}]' },
    ],
  ])('%o is the operation %s', (operation, name, operationParameters) => {
    expect(operation).toEqual({ operation: name, operationParameters });
  });

  test('the engine tells the version of the package', () => {
    const manifest: unknown = JSON.parse(
      readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
    );
    expect(manifest).toMatchObject({ version: ENGINE_VERSION });
  });
});
