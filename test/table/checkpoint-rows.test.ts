import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { never } from '../../src/base/signals.js';
import { writeParquet } from '../../src/columnar/parquet.js';
import { TableBuilder } from '../../src/columnar/table-builder.js';
import type { Action } from '../../src/protocol/actions.js';
import { CHECKPOINT_SCHEMA, checkpointRows, unexpiredTxns } from '../../src/protocol/checkpoint-rows.js';
import { checkpointKey, parseLogFile } from '../../src/protocol/log-files.js';
import { canonicalPath } from '../../src/protocol/path.js';
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
import { memoryStore } from '../../src/storage/memory.js';
import { readCheckpoint } from '../../src/table/checkpoint-read.js';
import { actions } from '../protocol/arbitraries.js';

const LONG_TEXT = 'x'.repeat(40);

const START: readonly Action[] = [
  { kind: 'protocol', protocol: { minReaderVersion: 1, minWriterVersion: 2 } },
  { kind: 'metaData', metaData: { id: 'i', schemaString: '{}', partitionColumns: ['p'], configuration: {} } },
];

/** What is read of a checkpoint file with those rows. */
async function readRows(
  schema: StructType,
  rows: Iterable<readonly Value[]>,
  version = 0,
): Promise<ReturnType<typeof readCheckpoint>> {
  const table = new TableBuilder(schema);
  for (const row of rows) {
    schema.fields.forEach((_, i) => {
      const value = row[i] ?? null;
      if (value === null) table.column(i).appendNull();
      else table.column(i).append(value);
    });
  }
  const store = memoryStore();
  const key = checkpointKey(version);
  await store.put(key, writeParquet(table.finish()), { signal: never });
  const file = parseLogFile(key.slice('_delta_log/'.length));
  if (file.kind !== 'checkpoint') throw new Error(key);
  return readCheckpoint(store, { version, files: [file] }, never);
}

async function through(state: TableState, nowMs: number): Promise<TableState> {
  const contents = await readRows(CHECKPOINT_SCHEMA, checkpointRows(state, nowMs).rows, state.version);
  return new LogReplay().begin(contents, state.version).finish();
}

/** Rows that any checkpoint has, beside those of the schema under test. */
function withStart(
  schema: StructType,
  rows: readonly (readonly Value[])[],
): [StructType, readonly Value[][]] {
  const kinds = ['protocol', 'metaData'];
  const start = struct(CHECKPOINT_SCHEMA.fields.filter(({ name }) => kinds.includes(name)));
  const own = [...checkpointRows(foldActions(undefined, START, 0), 0).rows];
  const cell = (row: readonly Value[], name: string): Value =>
    row[CHECKPOINT_SCHEMA.fields.findIndex((one) => one.name === name)] ?? null;
  return [
    struct([...start.fields, ...schema.fields]),
    [
      ...own.map((row) => start.fields.map(({ name }) => cell(row, name))),
      ...rows.map((row) => [null, null, ...row]),
    ],
  ];
}

describe('a checkpoint', () => {
  test('holds the state: what is read back is what was written', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(actions, { maxLength: 20 }), async (list) => {
        // Properties are made up by the generator; retention then has no meaning.
        const usable = list.filter(({ kind }) => kind !== 'metaData');
        const state = new LogReplay().apply([...START, ...usable], 4).finish();
        const rows = checkpointRows(state, 0);
        expect([...rows.rows].length).toBe(rows.count);
        expect(rows.addFiles).toBe(state.files.size);
        const back = await through(state, 0);
        const unchanging = state.files.toArray().map((file) => ({ ...file, dataChange: false }));
        expect(back.files.toArray()).toEqual(unchanging);
        expect([...back.files]).toEqual(unchanging);
        expect(back.tombstones.toArray()).toEqual(
          state.tombstones.toArray().map((file) => ({ ...file, dataChange: false })),
        );
        expect([back.protocol, back.metadata]).toEqual([state.protocol, state.metadata]);
        expect([[...back.txns], [...back.domains]]).toEqual([[...state.txns], [...state.domains]]);
        // Sizes of the generator may add up to more than a double counts.
        const { sizeInBytes } = state.files;
        if (sizeInBytes < 2 ** 53) expect(back.files.sizeInBytes).toBe(sizeInBytes);
        for (const file of state.files) {
          expect(back.files.find(file)?.stats).toBe(file.stats);
          expect(back.files.byPath(canonicalPath(file.path))?.size).toBe(
            state.files.byPath(canonicalPath(file.path))?.size,
          );
        }
        for (const file of state.tombstones) expect(back.tombstones.find(file)?.path).toBe(file.path);
      }),
      { numRuns: 30 },
    );
  });

  test('every row has one action and null in the other columns', () => {
    const state = foldActions(undefined, START, 0);
    for (const row of checkpointRows(state, 0).rows) {
      expect(row).toHaveLength(CHECKPOINT_SCHEMA.fields.length);
      expect(row.filter((value) => value !== null)).toHaveLength(1);
    }
  });

  test('leaves out removals that are past their retention, and txns where the table limits them', async () => {
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
    const back = await through(state, 10 * day);
    expect(back.tombstones.toArray().map(({ path }) => path)).toEqual(['new']);
    expect([...back.txns.keys()]).toEqual(['old', 'new', 'timeless']);
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
    expect([...(await through(limited, 10 * day)).txns.keys()]).toEqual(['new']);
  });

  test('of another writer is read with columns missing, unknown and of other widths', async () => {
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
      ],
      [null, null, { version: 3n }],
    ];
    const { files } = await readRows(...withStart(schema, rows));
    expect(files.toArray()).toEqual([
      {
        path: 'a',
        partitionValues: new Map([['p', null]]),
        size: 5,
        modificationTime: 6,
        dataChange: false,
      },
    ]);
  });

  test('a row without what its action needs is a corrupt log', async () => {
    const txn = struct([field('txn', struct([field('appId', STRING), field('version', LONG)]))]);
    await expect(readRows(...withStart(txn, [[{ appId: 'a', version: null }]]))).rejects.toMatchObject({
      code: 'CORRUPT_LOG',
      message: expect.stringContaining('the field version of txn'),
    });
    const add = struct([field('add', struct([field('path', STRING), field('size', LONG)]))]);
    await expect(readRows(...withStart(add, [[{ path: 'a', size: 1n }]]))).rejects.toMatchObject({
      code: 'CORRUPT_LOG',
      message: expect.stringContaining('the field modificationTime of add'),
    });
    const remove = struct([field('remove', struct([field('path', STRING), field('size', LONG)]))]);
    await expect(readRows(...withStart(remove, [[{ path: null, size: 1n }]]))).rejects.toMatchObject({
      code: 'CORRUPT_LOG',
      message: expect.stringContaining('the field path of remove'),
    });
  });

  test('trap 18: of two rows for one file, however spelled, the later one counts', async () => {
    const schema = struct([
      field(
        'add',
        struct([
          field('path', STRING),
          field('size', LONG),
          field('modificationTime', LONG),
          field('stats', STRING),
        ]),
      ),
    ]);
    const paths = ['a%20b', 'c', './a b', 'c', 'd..e', '/x/y', 'file:///x/y'];
    const rows = paths.map((path, i) => [
      { path, size: BigInt(10 ** i), modificationTime: 1n, stats: `{"numRecords":${i}}` },
    ]);
    const { files } = await readRows(...withStart(schema, rows));
    expect(files.toArray().map(({ path }) => path)).toEqual(['./a b', 'c', 'd..e', 'file:///x/y']);
    expect([files.size, files.sizeInBytes]).toEqual([4, 1_011_100]);
    expect(files.find({ path: 'a b' })?.stats).toBe('{"numRecords":2}');
    const next = files.with([{ kind: 'drop', file: { path: 'a%20b' } }]);
    expect([next.size, [...next].map(({ path }) => path)]).toEqual([3, ['c', 'd..e', 'file:///x/y']]);
    expect([...files].map(({ path }) => path)).toContain('./a b');
  });

  test('trap 15: stats that stand in columns only come back as JSON that says the same', async () => {
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
    const { files } = await readRows(...withStart(struct([field('add', add(columns))]), [[value]]));
    const text = files.toArray()[0]?.stats;
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
