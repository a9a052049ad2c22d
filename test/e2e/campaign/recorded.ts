import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { compareWithTruth, parseTruth } from '../../../src/cli/demo/truth.js';
import { micros } from '../../../src/cli/demo/postgres-text.js';
import type { ObjectStore } from '../../../src/storage/object-store.js';
import { tableRows } from '../../support/postgres-replay.js';
import {
  readPhases,
  readRecordedFile,
  readRecording,
  RECORDINGS,
  type Recorded,
} from '../../support/recordings.js';
import { inOrderOfTime } from '../support/recorded-stream.js';
import type { Features } from './features.js';
import { compareRows, type Differences, type TextRow, type Workload } from './workload.js';

const PLAIN = [
  'customers',
  'orders',
  'order_lines',
  'events_log',
  'stock_moves',
  'odd_values',
  'phase_markers',
];
const KEYLESS = ['events_log', 'stock_moves'];
const LAST_BEFORE_REDELIVERY = '7-numeric-infinity';

/** The recording `plain`: no schemas, three partitions, every kind of change, a stretch delivered twice. */
export function plainRecording({ carriesAcrossPartitions, keylessRedelivery }: Features): Workload {
  const recording = new Map(readRecording(join(RECORDINGS, 'postgres/plain')));
  if (!carriesAcrossPartitions) recording.delete('plain.inventory.orders');
  const phases = readPhases();
  const early = phases.find(({ phase }) => phase === LAST_BEFORE_REDELIVERY);
  const late = phases.at(-1);
  if (early === undefined || late === undefined) throw new Error('the recording has no such phases');
  const endsEarly = (table: string): boolean => !keylessRedelivery && KEYLESS.includes(table);
  const kept = ({ topic, partition, record }: Recorded): boolean =>
    !endsEarly(topic.split('.').at(-1) ?? '') ||
    Number(record.offset) < (early.next_offsets[topic]?.[String(partition)] ?? 0);
  return {
    name: 'plain',
    records: inOrderOfTime(recording).filter(kept),
    topics: [...recording.keys()].map((topic) => ({
      topic,
      partitions: topic.startsWith('plain.inventory.') ? 3 : 1,
    })),
    tables: PLAIN.filter((table) => recording.has(`plain.inventory.${table}`)).map((table) => ({
      table: `inventory/${table}`,
      topic: `plain.inventory.${table}`,
      compare: (store) => comparePlain(store, table, (endsEarly(table) ? early : late).phase),
    })),
  };
}

/** A nested list arrives as a list of nulls, which is null itself where nothing has told the elements' type yet. */
const LIST_OF_NULLS = /^odd_values id=\d+: arr is null, PostgreSQL has "\{\{/;

async function comparePlain(store: ObjectStore, table: string, phase: string): Promise<Differences> {
  const truth = parseTruth(readFileSync(join(RECORDINGS, 'postgres/truth', `${phase}.json.gz`))).tables[
    table
  ];
  if (truth === undefined) throw new Error(`no truth of ${table}`);
  const compared = compareWithTruth('plain', table, truth, await tableRows(store));
  const wrong = compared.wrong.filter((text) => !LIST_OF_NULLS.test(text));
  const lost = wrong.filter((text) => /: missing$|: no row equals /.test(text));
  const doubled = wrong.filter((text) =>
    /more than one row$|no such row$|rows that PostgreSQL has not$/.test(text),
  );
  return {
    rows: compared.rows,
    lost,
    doubled,
    different: wrong.filter((text) => !lost.includes(text) && !doubled.includes(text)),
  };
}

/** Every so many accounts are taken, with all that befell them. */
const EVERY_ACCOUNT = 50;
const TELLERS = 2;

/**
 * A part of a recorded pgbench run: some accounts, two tellers, the branch with its 20,000 updates, and the history of
 * those accounts, which has no key. What is taken of a table is all changes of some of its rows, so PostgreSQL's own
 * rows are the truth of it.
 */
export function pgbenchRecording(): Workload {
  const folder = join(RECORDINGS, 'pgbench');
  const parts = PGBENCH.map((part) => {
    const taken = readRecordedFile(
      join(folder, 'records', `bench.public.${part.table}.ndjson.gz`),
      part.line,
    );
    const records = taken.map((one, at) => ({ ...one, partition: part.partition(one, at) }));
    return { ...part, records };
  });
  return {
    name: 'pgbench',
    records: inOrderOfTime(new Map(parts.map(({ table, records }) => [table, records]))),
    topics: parts.map(({ table, partitions }) => ({ topic: `bench.public.${table}`, partitions })),
    tables: parts.map(({ table, key, row }) => ({
      table: `public/${table}`,
      topic: `bench.public.${table}`,
      compare: (store) => compareRows(store, readCsv(folder, table).filter(row), key),
    })),
  };
}

type Part = {
  readonly table: string;
  readonly key: readonly string[];
  readonly partitions: number;
  readonly partition: (record: Recorded, at: number) => number;
  /** Whether a line of the recording is of a row that is taken. */
  readonly line: (line: string) => boolean;
  /** Whether a row of the truth is. */
  readonly row: (row: TextRow) => boolean;
};

const isTaken = (aid: number): boolean => aid % EVERY_ACCOUNT === 0;

const PGBENCH: readonly Part[] = [
  {
    table: 'pgbench_accounts',
    key: ['aid'],
    partitions: 3,
    partition: ({ record }) => (numberIn(String(record.key), 'aid') / EVERY_ACCOUNT) % 3,
    line: (line) => isTaken(numberIn(line, 'aid')),
    row: ({ aid }) => isTaken(Number(aid)),
  },
  {
    table: 'pgbench_tellers',
    key: ['tid'],
    partitions: 3,
    partition: ({ record }) => numberIn(String(record.key), 'tid') % 3,
    line: (line) => numberIn(line, 'tid') <= TELLERS,
    row: ({ tid }) => Number(tid) <= TELLERS,
  },
  {
    table: 'pgbench_branches',
    key: ['bid'],
    partitions: 1,
    partition: () => 0,
    line: () => true,
    row: () => true,
  },
  {
    table: 'pgbench_history',
    key: [],
    partitions: 3,
    partition: (_, at) => at % 3,
    line: (line) => isTaken(numberIn(line, 'aid')),
    row: ({ aid }) => isTaken(Number(aid)),
  },
];

/** The number behind the first field of that name, whether its quotes are escaped or not. */
function numberIn(text: string, name: string): number {
  return Number(new RegExp(`"${name}\\\\?":(\\d+)`).exec(text)?.[1] ?? Number.NaN);
}

/** A table as COPY printed it, less the column that only fills; times as the stream writes them. */
function readCsv(folder: string, table: string): readonly TextRow[] {
  const text = gunzipSync(readFileSync(join(folder, 'truth', `${table}.csv.gz`))).toString('utf8');
  const [head = '', ...lines] = text.trimEnd().split('\n');
  const names = head.split(',');
  return lines.map((line) => {
    const cells = line.split(',').map((cell, at) => [names[at] ?? '', cell] as const);
    const kept = cells.filter(([name]) => name !== 'filler');
    return Object.fromEntries(
      kept.map(([name, cell]) => [name, name === 'mtime' ? String(micros(cell)) : cell]),
    );
  });
}
