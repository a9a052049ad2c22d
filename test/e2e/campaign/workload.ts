import type { ObjectStore } from '../../../src/storage/object-store.js';
import { tableRows } from '../../support/postgres-replay.js';
import type { Recorded } from '../../support/recordings.js';

/** A topic that a workload writes. */
export type TopicShape = { readonly topic: string; readonly partitions: number };

/** What a table's rows are compared with. */
export type TableTruth = {
  /** Path below the base of all tables. */
  readonly table: string;
  readonly topic: string;
  /** The table's rows against the truth. */
  readonly compare: (store: ObjectStore) => Promise<Differences>;
};

/** Where a table and the truth differ, in words, one entry a row. */
export type Differences = {
  /** Rows that the table has. */
  readonly rows: number;
  /** Rows that it should have and has not. */
  readonly lost: readonly string[];
  /** Rows that it has and should not: twice, or dead. */
  readonly doubled: readonly string[];
  /** Rows that are there once with another content. */
  readonly different: readonly string[];
};

/** Records to be written in their order, and what the tables come to when all of them are applied. */
export type Workload = {
  readonly name: string;
  readonly topics: readonly TopicShape[];
  readonly records: readonly Recorded[];
  readonly tables: readonly TableTruth[];
};

/** A row as text, by column; null where there is no value. */
export type TextRow = Readonly<Record<string, string | null>>;

/**
 * Compares a table with rows that it should have, column by column of these rows: by key where there is one, else as a
 * multiset.
 */
export async function compareRows(
  store: ObjectStore,
  expected: readonly TextRow[],
  key: readonly string[],
): Promise<Differences> {
  const [sample] = expected;
  const found = await tableRows(store);
  const columns = sample === undefined ? [] : Object.keys(sample);
  const left = found.map((row) =>
    Object.fromEntries(columns.map((name) => [name, textOf(row[name] ?? null)])),
  );
  if (sample === undefined) {
    return { rows: found.length, lost: [], different: [], doubled: found.map((row) => show(row)) };
  }
  return key.length > 0
    ? compareByKey(left, expected, key)
    : { ...compareAsMultiset(left, expected), rows: found.length, different: [] };
}

function compareByKey(
  found: readonly TextRow[],
  expected: readonly TextRow[],
  key: readonly string[],
): Differences {
  const doubled: string[] = [];
  const lost: string[] = [];
  const different: string[] = [];
  const left = new Map<string, TextRow>();
  const keyOf = (row: TextRow): string => JSON.stringify(key.map((name) => row[name]));
  for (const row of found) {
    if (left.has(keyOf(row))) doubled.push(show(row));
    left.set(keyOf(row), row);
  }
  for (const row of expected) {
    const own = left.get(keyOf(row));
    left.delete(keyOf(row));
    if (own === undefined) lost.push(show(row));
    else if (show(own) !== show(row)) different.push(`${show(own)} should be ${show(row)}`);
  }
  return { rows: found.length, lost, doubled: [...doubled, ...[...left.values()].map(show)], different };
}

function compareAsMultiset(
  found: readonly TextRow[],
  expected: readonly TextRow[],
): Pick<Differences, 'lost' | 'doubled'> {
  const counts = new Map<string, number>();
  for (const row of expected) counts.set(show(row), (counts.get(show(row)) ?? 0) - 1);
  for (const row of found) counts.set(show(row), (counts.get(show(row)) ?? 0) + 1);
  const times = (sign: number): string[] =>
    [...counts].flatMap(([row, by]) => (by * sign > 0 ? [`${row} (${Math.abs(by)} ×)`] : []));
  return { lost: times(-1), doubled: times(1) };
}

function textOf(value: unknown): string | null {
  return value === null ? null : String(value);
}

function show(row: Readonly<Record<string, unknown>>): string {
  const text = Object.entries(row)
    .filter(([name]) => !name.startsWith('__'))
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(' ');
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
