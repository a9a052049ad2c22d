import { gunzipSync } from 'node:zlib';
import { days, equalsPostgres, micros, parseArrayText, type Cell } from './postgres-text.js';

/** A table as PostgreSQL itself printed it: every value as text in UTC, or null. */
export type TruthTable = {
  readonly primary_key: readonly string[];
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: readonly Readonly<Record<string, string | null>>[];
};

export type Truth = { readonly phase: string; readonly tables: Readonly<Record<string, TruthTable>> };

/** How a recording's connector wrote its values: what its stream cannot carry depends on it. */
export type Recording = 'full' | 'plain' | 'conn';

export type Comparison = {
  readonly rows: number;
  /** Cells that the stream does not carry, by reason. */
  readonly allowed: ReadonlyMap<string, number>;
  /** What is wrong, in words; empty when the table equals PostgreSQL's. */
  readonly wrong: readonly string[];
};

/** A truth file of a recording: gzipped JSON, written by PostgreSQL's COPY. */
export function parseTruth(bytes: Uint8Array): Truth {
  const found: unknown = JSON.parse(gunzipSync(bytes).toString('utf8'));
  if (typeof found !== 'object' || found === null || !('tables' in found))
    throw new TypeError('not a truth file');
  return found as Truth;
}

/**
 * Compares a table's rows, as `DeltaTable.toRows` gives them, with PostgreSQL's, row by row and cell by cell.
 * The cells that the recording's README lists as not carried by the stream are allowed for, each under its own
 * condition, and counted; nothing else is. Rows of a table without a key are compared as a multiset.
 */
export function compareWithTruth(
  recording: Recording,
  name: string,
  truth: TruthTable,
  rows: readonly Readonly<Record<string, Cell>>[],
): Comparison {
  const allowed = new Map<string, number>();
  const wrong: string[] = [];
  const pairs =
    truth.primary_key.length > 0
      ? pairByKey(name, truth, rows, wrong)
      : pairByContent(name, truth, rows, wrong);
  for (const [expected, row] of pairs) {
    for (const column of truth.columns) {
      const text = expected[column.name] ?? null;
      const cell = row[column.name] ?? null;
      if (equalsPostgres(column.type, text, cell)) continue;
      const reason = notCarried(recording, name, column, text, row);
      if (reason === undefined) {
        wrong.push(
          `${name} ${keyOf(truth, expected)}: ${column.name} is ${show(cell)}, PostgreSQL has ${show(text)}`,
        );
      } else {
        allowed.set(reason, (allowed.get(reason) ?? 0) + 1);
      }
    }
  }
  return { rows: rows.length, allowed, wrong };
}

type Pair = readonly [Readonly<Record<string, string | null>>, Readonly<Record<string, Cell>>];

function pairByKey(
  name: string,
  truth: TruthTable,
  rows: readonly Readonly<Record<string, Cell>>[],
  wrong: string[],
): Pair[] {
  const byKey = new Map<string, Readonly<Record<string, Cell>>>();
  for (const row of rows) {
    const key = JSON.stringify(truth.primary_key.map((column) => String(row[column])));
    if (byKey.has(key)) wrong.push(`${name} ${key}: more than one row`);
    byKey.set(key, row);
  }
  const pairs: Pair[] = [];
  for (const expected of truth.rows) {
    const key = JSON.stringify(truth.primary_key.map((column) => String(expected[column])));
    const row = byKey.get(key);
    byKey.delete(key);
    if (row === undefined) wrong.push(`${name} ${key}: missing`);
    else pairs.push([expected, row]);
  }
  for (const key of byKey.keys()) wrong.push(`${name} ${key}: PostgreSQL has no such row`);
  return pairs;
}

function pairByContent(
  name: string,
  truth: TruthTable,
  rows: readonly Readonly<Record<string, Cell>>[],
  wrong: string[],
): Pair[] {
  const left = [...rows];
  const pairs: Pair[] = [];
  for (const expected of truth.rows) {
    const at = left.findIndex((row) =>
      truth.columns.every((column) =>
        equalsPostgres(column.type, expected[column.name] ?? null, row[column.name]),
      ),
    );
    const row = left[at];
    if (row === undefined) wrong.push(`${name}: no row equals ${JSON.stringify(expected)}`);
    else {
      left.splice(at, 1);
      pairs.push([expected, row]);
    }
  }
  if (left.length > 0) wrong.push(`${name}: ${left.length} rows that PostgreSQL has not`);
  return pairs;
}

/** Why the stream cannot hold this cell, or undefined if it could. Each reason has its own narrow condition. */
function notCarried(
  recording: Recording,
  table: string,
  column: { readonly name: string; readonly type: string },
  text: string | null,
  row: Readonly<Record<string, Cell>>,
): string | undefined {
  const cell = row[column.name] ?? null;
  if (table === 'customers' && column.name === 'full_name' && cell === null && row['name'] === text) {
    return 'column renamed in the source: rows not written since keep the old name';
  }
  if (table === 'customers' && column.name === 'level' && cell === null && text === '7') {
    return 'column added with a default: rows not written since have none';
  }
  if (text === null) return undefined;
  if (column.type.startsWith('numeric')) return numericNotCarried(recording, text, cell);
  if (column.type === 'date' || column.type.startsWith('timestamp')) {
    return timeNotCarried(recording, column.type, text, cell);
  }
  if (column.type.endsWith('[]') && parseArrayText(text) === undefined) {
    return Array.isArray(cell) && cell.every((item) => item === null) ? 'two-dimensional array' : undefined;
  }
  return undefined;
}

function numericNotCarried(recording: Recording, text: string, cell: Cell): string | undefined {
  const special = { NaN: 'NAN', Infinity: 'POSITIVE_INFINITY', '-Infinity': 'NEGATIVE_INFINITY' }[text];
  if (special !== undefined) {
    if (recording === 'full' && cell === null)
      return 'numeric NaN or infinity under decimal.handling.mode=precise';
    if (recording === 'plain' && cell === special) return 'numeric NaN or infinity as a word';
    return undefined;
  }
  if (recording === 'conn' && typeof cell === 'number' && cell === Number(text)) return 'numeric as a double';
  return undefined;
}

function timeNotCarried(recording: Recording, type: string, text: string, cell: Cell): string | undefined {
  if (text === 'infinity' || text === '-infinity') {
    if (cell === null) return 'infinite date or timestamp';
    // Without a schema such a column is text, and the source writes its extreme date.
    if (recording === 'plain' && typeof cell === 'string' && /^[+-]\d{6,}-|^-?infinity$/.test(cell)) {
      return 'infinite date or timestamp';
    }
    return undefined;
  }
  if (type === 'date') return days(text) === undefined ? 'infinite date or timestamp' : undefined;
  const expected = micros(text);
  if (expected === undefined) return undefined;
  if (expected > 9_223_372_036_854_775_807n && cell === null) return 'timestamp beyond 64-bit microseconds';
  const found = typeof cell === 'string' ? micros(cell) : undefined;
  if (recording === 'conn' && found !== undefined && floorToMillis(expected) === found) {
    return 'timestamp cut to milliseconds by time.precision.mode=connect';
  }
  return undefined;
}

function floorToMillis(value: bigint): bigint {
  return value - (((value % 1000n) + 1000n) % 1000n);
}

function keyOf(truth: TruthTable, row: Readonly<Record<string, string | null>>): string {
  return truth.primary_key.map((column) => `${column}=${row[column] ?? 'null'}`).join(' ');
}

function show(value: Cell): string {
  const text = typeof value === 'bigint' ? `${value}` : (JSON.stringify(value) ?? 'nothing');
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
