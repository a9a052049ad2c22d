import { isSluiceError } from '../../base/errors.js';
import { compareUtf8 } from '../../base/utf8-order.js';
import { DeltaTable } from '../../operations/delta-table.js';
import type { DemoRecording } from './recording.js';
import { compareWithTruth, type TruthTable } from './truth.js';

/** What the check of one table came to. */
export type CheckedTable = {
  readonly table: string;
  readonly rows: number;
  /** Cells that the stream does not carry, by reason. */
  readonly allowed: ReadonlyMap<string, number>;
  /** What differs; empty if the table equals PostgreSQL's. */
  readonly wrong: readonly string[];
};

/** The check of all tables, and those that could not be checked, with the reason. */
export type Check = {
  readonly tables: readonly CheckedTable[];
  readonly unchecked: ReadonlyMap<string, string>;
};

/** Compares every table of which the stream holds anything with PostgreSQL's own rows. */
export async function checkTables(
  recording: DemoRecording,
  urlOf: (table: string) => string,
  signal: AbortSignal,
): Promise<Check> {
  const tables: CheckedTable[] = [];
  const unchecked = new Map<string, string>();
  for (const [table, truth] of Object.entries(recording.truth.tables).sort(([a], [b]) => compareUtf8(a, b))) {
    if (recording.ends[`full.inventory.${table}`] === undefined) {
      unchecked.set(table, 'the stream holds none of its rows before it was published');
      continue;
    }
    tables.push(await checkTable(table, truth, urlOf(table), signal));
  }
  return { tables, unchecked };
}

async function checkTable(
  table: string,
  truth: TruthTable,
  url: string,
  signal: AbortSignal,
): Promise<CheckedTable> {
  try {
    const open = await DeltaTable.open(url, { signal });
    const { rows, allowed, wrong } = compareWithTruth('full', table, truth, await open.toRows({ signal }));
    return { table, rows, allowed, wrong };
  } catch (cause) {
    if (!isSluiceError(cause)) throw cause;
    return { table, rows: 0, allowed: new Map(), wrong: [`${table}: ${cause.message}`] };
  }
}
