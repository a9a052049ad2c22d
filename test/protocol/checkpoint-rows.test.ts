import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Action } from '../../src/protocol/actions.js';
import {
  CHECKPOINT_SCHEMA,
  checkpointActions,
  checkpointRows,
  unexpiredTxns,
} from '../../src/protocol/checkpoint-rows.js';
import { foldActions, LogReplay, type TableState } from '../../src/protocol/replay.js';
import { parseStats } from '../../src/protocol/stats.js';
import {
  BOOLEAN,
  DATE,
  decimal,
  DOUBLE,
  field,
  INTEGER,
  LONG,
  map,
  STRING,
  struct,
  TIMESTAMP,
} from '../../src/schema/build.js';
import type { StructType, Value } from '../../src/schema/types.js';
import { actions } from './arbitraries.js';

const LONG_TEXT = 'x'.repeat(40);

const START: readonly Action[] = [
  { kind: 'protocol', protocol: { minReaderVersion: 1, minWriterVersion: 2 } },
  { kind: 'metaData', metaData: { id: 'i', schemaString: '{}', partitionColumns: ['p'], configuration: {} } },
];

function through(state: TableState, nowMs: number): TableState {
  const lines = checkpointActions(CHECKPOINT_SCHEMA, checkpointRows(state, nowMs).rows);
  const read: Action[] = [];
  for (const line of lines) if (line.kind !== 'sidecar') read.push(line);
  return foldActions(undefined, read, state.version);
}

describe('a checkpoint', () => {
  test('holds the state: what is read back is what was written', () => {
    fc.assert(
      fc.property(fc.array(actions, { maxLength: 20 }), (list) => {
        // Properties are made up by the generator; retention then has no meaning.
        const usable = list.filter(({ kind }) => kind !== 'metaData');
        const state = new LogReplay().apply([...START, ...usable], 4).finish();
        const rows = checkpointRows(state, 0);
        expect([...rows.rows].length).toBe(rows.count);
        expect(rows.addFiles).toBe(state.files.size);
        const back = through(state, 0);
        const unchanging = state.files.toArray().map((file) => ({ ...file, dataChange: false }));
        expect(back.files.toArray()).toEqual(unchanging);
        expect(back.tombstones.toArray()).toEqual(
          state.tombstones.toArray().map((file) => ({ ...file, dataChange: false })),
        );
        expect([back.protocol, back.metadata]).toEqual([state.protocol, state.metadata]);
        expect([[...back.txns], [...back.domains]]).toEqual([[...state.txns], [...state.domains]]);
      }),
    );
  });

  test('every row has one action and null in the other columns', () => {
    const state = foldActions(undefined, START, 0);
    for (const row of checkpointRows(state, 0).rows) {
      expect(row).toHaveLength(CHECKPOINT_SCHEMA.fields.length);
      expect(row.filter((value) => value !== null)).toHaveLength(1);
    }
  });

  test('leaves out removals that are past their retention, and txns where the table limits them', () => {
    const day = 86_400_000;
    const removed = (path: string, deletionTimestamp?: number): Action => ({
      kind: 'remove',
      remove: { path, dataChange: true, ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }) },
    });
    const state = foldActions(
      undefined,
      [
        ...START,
        removed('old', 2 * day),
        removed('new', 4 * day),
        removed('timeless'),
        { kind: 'txn', txn: { appId: 'old', version: 1n, lastUpdated: 2 * day } },
        { kind: 'txn', txn: { appId: 'new', version: 1n, lastUpdated: 9 * day } },
        { kind: 'txn', txn: { appId: 'timeless', version: 1n } },
      ],
      0,
    );
    expect(
      through(state, 10 * day)
        .tombstones.toArray()
        .map(({ path }) => path),
    ).toEqual(['new']);
    expect([...through(state, 10 * day).txns.keys()]).toEqual(['old', 'new', 'timeless']);
    const limited = foldActions(
      state,
      [
        {
          kind: 'metaData',
          metaData: {
            ...state.metadata,
            configuration: { 'delta.setTransactionRetentionDuration': 'interval 7 days' },
          },
        },
      ],
      1,
    );
    expect(unexpiredTxns(limited, 10 * day).map(({ appId }) => appId)).toEqual(['new']);
    expect([...through(limited, 10 * day).txns.keys()]).toEqual(['new']);
  });

  test('of another writer is read with columns missing, unknown and of other widths', () => {
    const schema = struct([
      field('unknown', LONG),
      field(
        'add',
        struct([
          field('path', STRING),
          field('partitionValues', map(STRING, STRING)),
          field('size', INTEGER),
          field('modificationTime', LONG),
          field('dataChange', BOOLEAN),
          field('partitionValues_parsed', struct([field('p', STRING)])),
        ]),
      ),
      field(
        'sidecar',
        struct([field('path', STRING), field('sizeInBytes', LONG), field('modificationTime', LONG)]),
      ),
      field('checkpointMetadata', struct([field('version', LONG)])),
    ]);
    const rows: Value[][] = [
      [
        1n,
        {
          path: 'a',
          partitionValues: [['p', '']],
          size: 5,
          modificationTime: 6n,
          dataChange: true,
          partitionValues_parsed: null,
        },
        null,
        null,
      ],
      [null, null, { path: 's', sizeInBytes: 7n, modificationTime: 8n }, null],
      [null, null, null, { version: 3n }],
    ];
    expect([...checkpointActions(schema, rows)]).toEqual([
      {
        kind: 'add',
        add: {
          path: 'a',
          partitionValues: new Map([['p', null]]),
          size: 5,
          modificationTime: 6,
          dataChange: true,
        },
      },
      { kind: 'sidecar', sidecar: { path: 's', sizeInBytes: 7, modificationTime: 8 } },
    ]);
  });

  test('a row without what its action needs is a corrupt log', () => {
    const schema = struct([field('txn', struct([field('appId', STRING), field('version', LONG)]))]);
    expect(() => [...checkpointActions(schema, [[{ appId: 'a', version: null }]])]).toThrow(
      expect.objectContaining({ code: 'CORRUPT_LOG', context: { action: 'txn', field: 'version' } }),
    );
  });

  test('trap 15: stats that stand in columns only come back as JSON that says the same', () => {
    const columns = struct([
      field('id', LONG),
      field('d', decimal(38, 2)),
      field('t', TIMESTAMP),
      field('day', DATE),
      field('n', struct([field('s', STRING)])),
      field('f', DOUBLE),
    ]);
    const add = (inner: StructType) =>
      struct([
        field('path', STRING),
        field('partitionValues', map(STRING, STRING)),
        field('size', LONG),
        field('modificationTime', LONG),
        field('dataChange', BOOLEAN),
        field('stats', STRING),
        field(
          'stats_parsed',
          struct([
            field('numRecords', LONG),
            field('minValues', inner),
            field('maxValues', inner),
            field('nullCount', struct([field('id', LONG), field('n', struct([field('s', LONG)]))])),
            field('tightBounds', BOOLEAN),
          ]),
        ),
      ]);
    const bounds = {
      id: 9007199254740993n,
      d: 12_345_678_901_234_567_890n,
      t: 1_999n,
      day: -1,
      n: { s: LONG_TEXT },
      f: NaN,
    };
    const value: Value = {
      path: 'a',
      partitionValues: [],
      size: 1n,
      modificationTime: 1n,
      dataChange: false,
      stats: null,
      stats_parsed: {
        numRecords: 4n,
        minValues: bounds,
        maxValues: bounds,
        nullCount: { id: 0n, n: { s: 2n } },
        tightBounds: false,
      },
    };
    const [line] = checkpointActions(struct([field('add', add(columns))]), [[value]]);
    const text = line?.kind === 'add' ? line.add.stats : undefined;
    expect(parseStats(text ?? '', columns)).toEqual({
      numRecords: 4,
      minValues: new Map<string, Value>([
        ['id', bounds.id],
        ['d', bounds.d],
        ['t', 1000n],
        ['day', -1],
        ['n.s', LONG_TEXT.slice(0, 32)],
      ]),
      maxValues: new Map<string, Value>([
        ['id', bounds.id],
        ['d', bounds.d],
        ['t', 1999n],
        ['day', -1],
        ['n.s', LONG_TEXT.slice(0, 32) + '\u007f'],
      ]),
      nullCount: new Map([
        ['id', 0],
        ['n.s', 2],
      ]),
      tightBounds: false,
    });
  });
});
