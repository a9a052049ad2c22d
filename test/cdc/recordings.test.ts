import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from 'vitest';
import { Op } from '../../src/cdc/changes.js';
import { debezium } from '../../src/cdc/debezium.js';
import { comparePositions } from '../../src/cdc/position.js';
import { compareWithTruth, parseTruth } from '../../src/cli/demo/truth.js';
import { parseColumnsText } from '../../src/schema/type-text.js';
import { equalsMariaDb, readMariaTruth } from '../support/mariadb-truth.js';
import { readPhases, readRecording, RECORDINGS, type Recorded } from '../support/recordings.js';
import { indexes } from './events.js';
import { decode, ListTable, MapTable, type Row } from './replay.js';

const FOLDERS = ['postgres/full', 'postgres/plain', 'postgres/conn', 'mariadb/records'];
const TABLES = ['customers', 'orders', 'order_lines', 'odd_values', 'phase_markers'];

/** What `JSON.parse` makes of a record, told apart by hand: the independent count. */
function opByHand({ record: { key, value } }: Recorded): Op {
  if (value === null) return key === null ? Op.foreign : Op.tombstone;
  const parsed: { op?: string; payload?: { op?: string } } = JSON.parse(value.toString());
  const names: Record<string, Op> = { r: Op.read, c: Op.create, u: Op.update, d: Op.delete, t: Op.truncate };
  return names[parsed.payload?.op ?? parsed.op ?? ''] ?? Op.foreign;
}

describe.each(FOLDERS)('the recording %s', (folder) => {
  const topics = readRecording(join(RECORDINGS, folder));

  test('is read to the last record, and each is what it is', () => {
    expect(topics.size).toBeGreaterThan(6);
    for (const records of topics.values()) {
      const changes = debezium().peek(
        't',
        0,
        records.map(({ record }) => record),
      );
      expect([...changes.op]).toEqual(records.map(opByHand));
      expect([...indexes(changes)].map((i) => changes.problem(i)).filter((one) => one !== undefined)).toEqual(
        [],
      );
    }
  });

  test('has every row in the types of its columns', () => {
    const rows = [...topics.values()].flatMap((records) =>
      decode(debezium(), records).map(({ change }) => change),
    );
    const upserts = rows.filter(({ op }) => op === 'read' || op === 'create' || op === 'update');
    expect(upserts.length).toBeGreaterThan(50);
    expect(upserts.filter(({ after }) => after === null)).toEqual([]);
  });
});

describe.each(['full', 'plain', 'conn'] as const)('the recording %s', (recording) => {
  const topics = readRecording(join(RECORDINGS, 'postgres', recording));
  const phases = readPhases();

  function upTo(table: string, phase: (typeof phases)[number]): Recorded[] {
    const topic = `${recording}.inventory.${table}`;
    const ends = phase.next_offsets[topic] ?? {};
    return (topics.get(topic) ?? []).filter(
      ({ partition, record }) => Number(record.offset) < (ends[partition] ?? 0),
    );
  }

  test.each(TABLES)(
    'of %s, replayed into a map, is what PostgreSQL has at the end of each phase',
    (table) => {
      const wrong: string[] = [];
      for (const phase of phases) {
        const changes = decode(debezium(), upTo(table, phase));
        // Partitions of one source are one history: the deletes of key changes come before their creates.
        changes.sort((a, b) => comparePositions(a.change.position, b.change.position) || deletesFirst(a, b));
        const rows = new MapTable();
        for (const { change, oldKey } of changes) rows.apply(change, oldKey);
        wrong.push(...differences(recording, phase.phase, table, rows.rows()));
      }
      expect(wrong).toEqual([]);
    },
  );

  test.each(['events_log', 'stock_moves'])(
    'of %s, replayed into a list, is what PostgreSQL has until events are repeated',
    (table) => {
      const wrong: string[] = [];
      for (const phase of phases) {
        if (phase.phase.startsWith('8')) break;
        const rows = new ListTable();
        const changes = decode(debezium(), upTo(table, phase)).map(({ change }) => change);
        changes.sort((a, b) => comparePositions(a.position, b.position));
        for (const change of changes) rows.apply(change);
        wrong.push(...differences(recording, phase.phase, table, rows.rows()));
      }
      expect(wrong).toEqual([]);
    },
  );
});

test('R22: what was delivered twice applies once', () => {
  const records = readRecording(join(RECORDINGS, 'postgres/full')).get('full.inventory.customers') ?? [];
  const phases = readPhases();
  const [first, second] = ['8-redelivered', '8-redelivered-again'].map((name) => {
    const end =
      phases.find(({ phase }) => phase === name)?.next_offsets['full.inventory.customers']?.['0'] ?? 0;
    const table = new MapTable();
    for (const { change, oldKey } of decode(debezium(), records.slice(0, end))) table.apply(change, oldKey);
    return { end, table };
  });
  expect(second?.end).toBeGreaterThan(first?.end ?? 0);
  expect(second?.table.applied).toBe(first?.table.applied);
  expect(second?.table.rows()).toEqual(first?.table.rows());
});

test('int64 limits, decimals and texts of the recordings are exact', () => {
  const records = readRecording(join(RECORDINGS, 'postgres/full')).get('full.inventory.odd_values') ?? [];
  const rows = new Map(decode(debezium(), records).map(({ change }) => [change.after?.['id'], change.after]));
  expect(rows.get(3)?.['big']).toBe(9223372036854775807n);
  expect(rows.get(4)?.['big']).toBe(-9223372036854775808n);
  expect(rows.get(5)?.['big']).toBe(9007199254740995n);
  expect(rows.get(3)?.['num']).toBe('12345678901234567890123456789012345678.123456789');
  expect(rows.get(4)?.['num']).toBe('-0.000000000000000000000000000001');
  expect(rows.get(4)?.['f8']).toBe(5e-324);
  expect(rows.get(5)?.['txt']).toBe('tab\tnl\ncr\rquote"back\\slash/');
  expect(rows.get(6)?.['txt']).toMatch(/^😀👩‍👩‍👧‍👦 ✓/u);
  expect(Object.is(rows.get(28)?.['f8'], -0)).toBe(true);
});

describe('the MariaDB recording', () => {
  const topics = readRecording(join(RECORDINGS, 'mariadb/records'));
  const configured = parseColumnsText(
    'balance DECIMAL(14,4), active BOOLEAN, born DATE, seen TIMESTAMP_NTZ MICROS, created TIMESTAMP, photo BINARY, total DECIMAL(12,2)',
  );

  describe.each([
    ['without configured columns', debezium],
    [
      'with configured columns',
      () => debezium({ schema: ({ table }) => (table === 'events_log' ? [] : configured) }),
    ],
  ] as const)('%s', (_title, decoder) => {
    test.each(['customers', 'orders', 'phase_markers', 'late_table'])(
      'of %s is what MariaDB has',
      (table) => {
        const replayed = new MapTable();
        for (const { change, oldKey } of decode(decoder(), topics.get(`mdb.inventory.${table}`) ?? [])) {
          replayed.apply(change, oldKey);
        }
        const truth = readMariaTruth('1-changes', table);
        const text = (row: Row): string => truth.keys.map((name) => keyText(row[name])).join();
        const rows = new Map(replayed.rows().map((row) => [text(row), row]));
        expect(rows.size).toBe(truth.rows.length);
        for (const expected of truth.rows) {
          const row = rows.get(truth.keys.map((name) => expected.get(name) ?? '').join()) ?? {};
          for (const [name, type] of truth.types) {
            const cell = row[name] ?? null;
            // A rename and a new scale do not touch rows that were not written since.
            if (name === 'mail' && cell === null) continue;
            const found =
              equalsMariaDb(type, expected.get(name) ?? null, cell) ||
              sameNumber(type, expected.get(name), cell);
            expect(found, `${name} of ${text(row)}`).toBe(true);
          }
        }
      },
    );
  });
});

/** The larger recording stays out of the package: it is replayed where it lies beside it. */
const PGBENCH = join(import.meta.dirname, '../../../shared/fixtures/debezium/pgbench');

describe.skipIf(!existsSync(PGBENCH))('the pgbench recording', () => {
  let topics: ReturnType<typeof readRecording> = new Map();
  beforeAll(() => {
    topics = readRecording(join(PGBENCH, 'records'));
  });

  test('has as many operations as transactions made', () => {
    const counts = new Map<string, number[]>();
    for (const [topic, records] of topics) {
      const changes = debezium().peek(
        topic,
        0,
        records.map(({ record }) => record),
      );
      const count = (op: Op): number => changes.op.filter((one) => one === op).length;
      counts.set(topic.replace('bench.public.pgbench_', ''), [
        changes.length,
        count(Op.read),
        count(Op.create),
        count(Op.update),
      ]);
    }
    expect(Object.fromEntries(counts)).toEqual({
      accounts: [120_000, 100_000, 0, 20_000],
      branches: [20_001, 1, 0, 20_000],
      history: [20_000, 0, 20_000, 0],
      tellers: [20_010, 10, 0, 20_000],
    });
  });

  test.each([
    ['tellers', 'tid', 'tbalance'],
    ['branches', 'bid', 'bbalance'],
    ['accounts', 'aid', 'abalance'],
  ])('of %s ends where PostgreSQL did', (table, key, balance) => {
    const records = topics.get(`bench.public.pgbench_${table}`) ?? [];
    const replayed = new MapTable();
    for (const { change } of decode(debezium(), records)) replayed.apply(change, undefined);
    const truth = gunzipSync(readFileSync(join(PGBENCH, `truth/pgbench_${table}.csv.gz`))).toString();
    const [header = '', ...lines] = truth.trimEnd().split('\n');
    const names = header.split(',');
    const expected = new Map(
      lines
        .map((line) => line.split(','))
        .map((cells) => [cells[names.indexOf(key)], cells[names.indexOf(balance)]]),
    );
    const found = new Map(replayed.rows().map((row) => [keyText(row[key]), keyText(row[balance])]));
    expect(found).toEqual(expected);
    expect([...found.values()].reduce((sum, one) => sum + Number(one), 0)).toBe(176_866);
  });
});

function deletesFirst(a: { change: { op: string } }, b: { change: { op: string } }): number {
  return Number(b.change.op === 'delete') - Number(a.change.op === 'delete');
}

function differences(
  recording: 'full' | 'plain' | 'conn',
  phase: string,
  table: string,
  rows: readonly Row[],
): readonly string[] {
  const truth = parseTruth(readFileSync(join(RECORDINGS, 'postgres/truth', `${phase}.json.gz`))).tables[
    table
  ];
  if (truth === undefined) return rows.length === 0 ? [] : ['PostgreSQL has no such table'];
  return compareWithTruth(recording, table, truth, rows).wrong.filter(
    (one) => !NOT_TYPED.has(`${recording} ${one}`),
  );
}

/** Without a table at hand, a column that a partition has only nulls in has no type: its empty arrays are null too. */
const NOT_TYPED: ReadonlySet<string> = new Set([
  'plain odd_values id=4: arr is null, PostgreSQL has "{{1,2},{3,4}}"',
]);

/** Decimals whose scale changed after they were written. */
function sameNumber(type: string, text: string | null | undefined, cell: unknown): boolean {
  return type.startsWith('decimal') && text !== null && cell !== null && Number(text) === Number(cell);
}

/** The text of a key or balance, which are whole numbers and short texts here. */
function keyText(value: Row[string] | undefined): string {
  return typeof value === 'string' || typeof value === 'bigint' || typeof value === 'number'
    ? `${value}`
    : '';
}
