import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseActions, parseCheckpointLines, formatActions } from '../../src/protocol/action-json.js';
import type { Action } from '../../src/protocol/actions.js';
import { actions } from './arbitraries.js';

describe('actions as JSON', () => {
  test('what is written reads the same', () => {
    fc.assert(
      fc.property(fc.array(actions, { maxLength: 8 }), (list) => {
        const text = formatActions(list);
        expect(parseActions(text)).toEqual(list);
        expect(formatActions(parseActions(text))).toBe(text);
      }),
    );
  });

  test('an add is written in the field order of Spark, without what is absent', () => {
    const action: Action = {
      kind: 'add',
      add: {
        path: 'a',
        partitionValues: new Map([
          ['2', 'x'],
          ['1', null],
        ]),
        size: 907,
        modificationTime: 5,
        dataChange: true,
        stats: '{"numRecords":1}',
        deletionVector: { storageType: 'u', pathOrInlineDv: 'x', offset: 1, sizeInBytes: 34, cardinality: 2 },
      },
    };
    expect(formatActions([action])).toBe(
      '{"add":{"path":"a","partitionValues":{"1":null,"2":"x"},"size":907,"modificationTime":5,"dataChange":true,' +
        '"stats":"{\\"numRecords\\":1}","deletionVector":{"storageType":"u","pathOrInlineDv":"x","offset":1,' +
        '"sizeInBytes":34,"cardinality":2}}}\n',
    );
  });

  test('a change file says that it changes no data of the table', () => {
    const cdc: Action = { kind: 'cdc', cdc: { path: '_change_data/c', partitionValues: new Map(), size: 1 } };
    expect(formatActions([cdc])).toBe(
      '{"cdc":{"path":"_change_data/c","partitionValues":{},"size":1,"dataChange":false}}\n',
    );
  });

  test('trap 1: integers beyond 2^53 stay exact', () => {
    const line =
      '{"txn":{"appId":"a","version":9223372036854775807,"lastUpdated":1}}\n' +
      '{"commitInfo":{"n":9007199254740993,"d":0.12345678901234567890}}\n';
    const [txn, info] = parseActions(line);
    expect(txn).toMatchObject({ txn: { version: 9223372036854775807n } });
    expect(info).toMatchObject({ commitInfo: { n: 9007199254740993n } });
    expect(formatActions(parseActions(line))).toBe(line);
  });

  test('trap 11: the empty partition value is null', () => {
    const [add] = parseActions(
      '{"add":{"path":"a","partitionValues":{"p":"","q":"0"},"size":1,"modificationTime":1,"dataChange":true}}',
    );
    expect(add?.kind === 'add' && [...add.add.partitionValues]).toEqual([
      ['p', null],
      ['q', '0'],
    ]);
  });

  test('trap 19: unknown actions and fields are skipped', () => {
    const text =
      '{"some_new_action":{"a":1}}\n' +
      '{"txn":{"appId":"a","version":1,"brandNew":{"deep":[1]}}}\r\n' +
      '\n' +
      '{"some_new_action":7,"protocol":{"minReaderVersion":1,"minWriterVersion":2,"x":null}}';
    expect(parseActions(text)).toEqual([
      { kind: 'txn', txn: { appId: 'a', version: 1n } },
      { kind: 'protocol', protocol: { minReaderVersion: 1, minWriterVersion: 2 } },
    ]);
  });

  test('null is absent: also the offset of an inline deletion vector', () => {
    const [add] = parseActions(
      '{"add":{"path":"a","partitionValues":{},"size":1,"modificationTime":1,"dataChange":true,"stats":null,' +
        '"deletionVector":{"storageType":"i","pathOrInlineDv":"z","offset":null,"sizeInBytes":4,"cardinality":1}}}',
    );
    expect(add).toEqual({
      kind: 'add',
      add: {
        path: 'a',
        partitionValues: new Map(),
        size: 1,
        modificationTime: 1,
        dataChange: true,
        deletionVector: { storageType: 'i', pathOrInlineDv: 'z', sizeInBytes: 4, cardinality: 1 },
      },
    });
  });

  test.each([
    ['no JSON', '{"add":'],
    ['no object', '[1]'],
    ['a missing path', '{"remove":{"dataChange":true}}'],
    ['a size that is text', '{"cdc":{"path":"a","size":"1"}}'],
    ['a version with a fraction', '{"txn":{"appId":"a","version":1.5}}'],
    ['an action that is no object', '{"metaData":3}'],
    ['an unknown kind of deletion vector', '{"remove":{"path":"a","deletionVector":{"storageType":"x"}}}'],
  ])('%s is a corrupt log, told with file and line', (_, line) => {
    const text = `{"txn":{"appId":"a","version":1}}\n${line}\n`;
    expect(() => parseActions(text, '0.json')).toThrow(
      expect.objectContaining({ code: 'CORRUPT_LOG', context: { file: '0.json', line: 2 } }),
    );
  });

  test('files of another format than parquet are not supported', () => {
    const text =
      '{"metaData":{"id":"i","format":{"provider":"orc"},"schemaString":"{}","partitionColumns":[]}}';
    expect(() => parseActions(text)).toThrow(expect.objectContaining({ code: 'PROTOCOL_UNSUPPORTED' }));
  });

  test('sidecars are lines of a checkpoint and no actions', () => {
    const text =
      '{"checkpointMetadata":{"version":3}}\n{"sidecar":{"path":"s.parquet","sizeInBytes":9,"modificationTime":1}}\n';
    expect(parseCheckpointLines(text)).toEqual([
      { kind: 'sidecar', sidecar: { path: 's.parquet', sizeInBytes: 9, modificationTime: 1 } },
    ]);
    expect(parseActions(text)).toEqual([]);
  });

  test('names that objects inherit are ordinary keys', () => {
    const line =
      '{"metaData":{"id":"i","format":{"provider":"parquet","options":{}},"schemaString":"s","partitionColumns":[],' +
      '"configuration":{"__proto__":"a","constructor":"b"}}}\n';
    const parsed = parseActions(line);
    expect(formatActions(parsed)).toBe(line);
  });
});
