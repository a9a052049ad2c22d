import { isSluiceError } from '../../src/base/errors.js';
import { never } from '../../src/base/signals.js';
import { compareUtf8 } from '../../src/base/utf8-order.js';
import { rowsOf } from '../../src/columnar/cells.js';
import { TableBuilder } from '../../src/columnar/table-builder.js';
import { writeParquet } from '../../src/columnar/parquet.js';
import { DeltaTable } from '../../src/operations/delta-table.js';
import { canonicalRow } from '../../src/schema/canonical.js';
import { LONG, field, struct } from '../../src/schema/build.js';
import { memoryStore } from '../../src/storage/memory.js';
import type { ObjectStore } from '../../src/storage/object-store.js';
import { Dice } from './dice.js';
import type { Outside } from './damage-json.js';
import { caseOf, type Case } from './plan.js';
import type { BaseTable } from './tables.js';
import { WatchedStore } from './watched-store.js';

/** What became of one case; `wrong` says what must not be. */
export type Verdict = {
  readonly outcome: 'rows' | 'other rows' | 'error';
  /** The code of the error that reading the rows ended with. */
  readonly code?: string;
  readonly wrong?: string;
};

/** More rows than any of the tables has: who reads as many has read the file outside. */
const OUTSIDE_ROWS = 7_919;

const ROOT = memoryStore('fuzz');
const anyway = { signal: never };

/** A bench on which cases are played one after another. */
export class Bench {
  readonly #tables: readonly BaseTable[];
  readonly #rows = new Map<string, string>();

  constructor(tables: readonly BaseTable[]) {
    this.#tables = tables;
  }

  /** What a seed does to which table. */
  plan(seed: number): Case {
    return caseOf(seed, this.#tables, outsideOf(seed));
  }

  /** Reads the damaged table in every way there is. */
  async play(seed: number): Promise<Verdict> {
    const plan = this.plan(seed);
    const expected = await this.#undamaged(plan.table);
    const place = ROOT.at(`${seed}`);
    await place.put('outside.parquet', outsideFile(), anyway);
    const table = place.at('table');
    for (const [key, bytes] of plan.table.files) {
      const damaged = plan.files.has(key) ? plan.files.get(key) : bytes;
      if (damaged !== undefined) await table.put(key, damaged, anyway);
    }
    const wrong: string[] = [];
    const watched = new WatchedStore(table, (key) => {
      if (/(^|[/\\])\.\.($|[/\\])/.test(key)) wrong.push(`asks for ${key}`);
    });
    const rows = await attempt(() => rowsText(watched), wrong);
    await readOtherwise(watched, new Dice(seed), wrong);
    wrong.push(...judge(plan, expected, rows));
    for await (const { key } of place.list('', anyway)) await place.delete(key, anyway);
    const outcome = rows.kind === 'failed' ? 'error' : rows.value === expected ? 'rows' : 'other rows';
    return {
      outcome,
      ...(rows.kind === 'failed' ? { code: rows.code } : {}),
      ...(wrong.length === 0 ? {} : { wrong: wrong.join('\n') }),
    };
  }

  async #undamaged(base: BaseTable): Promise<string> {
    const known = this.#rows.get(base.name);
    if (known !== undefined) return known;
    const store = memoryStore();
    for (const [key, bytes] of base.files) await store.put(key, bytes, anyway);
    const rows = await rowsText(store);
    this.#rows.set(base.name, rows);
    return rows;
  }
}

function judge({ promised, absolute }: Case, expected: string, rows: Attempt<string>): string[] {
  if (rows.kind === 'failed') return promised === 'exact' ? [`fails with ${rows.code}: ${rows.message}`] : [];
  if (!absolute && rows.value.split('\n').length > OUTSIDE_ROWS) return ['has read the file outside'];
  if (rows.value === expected || promised === 'any') return [];
  if (promised !== 'count-or-error') return [`other rows: ${firstDifference(expected, rows.value)}`];
  const [found, before] = [rows.value.split('\n').length, expected.split('\n').length];
  return found === before ? [] : [`${found} rows, not ${before}`];
}

type Attempt<T> =
  | { readonly kind: 'done'; readonly value: T }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string };

/** What it comes to; a failure that is no typed error is wrong. */
async function attempt<T>(what: () => Promise<T>, wrong: string[]): Promise<Attempt<T>> {
  try {
    return { kind: 'done', value: await what() };
  } catch (cause) {
    if (isSluiceError(cause)) return { kind: 'failed', code: cause.code, message: cause.message };
    const told = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
    wrong.push(`no typed error: ${told.slice(0, 2_000)}`);
    return { kind: 'failed', code: 'none', message: told };
  }
}

async function rowsText(store: ObjectStore): Promise<string> {
  const table = await DeltaTable.open(store);
  const schema = table.schema();
  const lines: string[] = [];
  for (const row of rowsOf(await table.toArrow(), schema)) lines.push(canonicalRow(schema, row));
  return lines.sort(compareUtf8).join('\n');
}

/** Two of the other ways to read a table. */
async function readOtherwise(store: ObjectStore, dice: Dice, wrong: string[]): Promise<void> {
  for (let times = 0; times < 2; times++) await attempt(() => dice.pick(READS)(store, dice), wrong);
}

const READS: readonly ((store: ObjectStore, dice: Dice) => Promise<void>)[] = [
  async (store, dice) => {
    await rowCount(await DeltaTable.open(store, { version: dice.int(0, 9) }));
  },
  async (store, dice) => {
    await DeltaTable.open(store, { timestamp: new Date(Date.now() - dice.int(-1_000, 10_000)) });
  },
  async (store) => {
    const table = await DeltaTable.open(store);
    for await (const { numRows } of table.changes({ from: { version: 0 } }))
      if (numRows < 0) throw new RangeError('fewer rows than none');
  },
  async (store) => {
    const table = await DeltaTable.open(store);
    await table.history({ limit: 20 });
    await table.detail();
    table.files();
  },
  async (store, dice) => {
    const table = await DeltaTable.open(store);
    const { fields } = table.schema();
    if (fields.length === 0) return;
    const column = `\`${dice.pick(fields).name.replaceAll('`', '``')}\``;
    const where = dice.pick([`${column} IS NOT NULL`, `${column} = 1`, `${column} < 'm'`]);
    await table.toRows({ where, limit: 5 });
  },
];

async function rowCount(table: DeltaTable): Promise<number> {
  let rows = 0;
  for await (const batch of table.scan()) rows += batch.numRows;
  return rows;
}

function outsideOf(seed: number): Outside {
  return { relative: '../outside.parquet', absolute: `${ROOT.url}/${seed}/outside.parquet` };
}

let outside: Uint8Array | undefined;

function outsideFile(): Uint8Array {
  if (outside !== undefined) return outside;
  const rows = new TableBuilder(struct([field('outside', LONG)]));
  for (let row = 0; row < OUTSIDE_ROWS; row++) rows.column(0).append(BigInt(row));
  return (outside = writeParquet(rows.finish()));
}

function firstDifference(expected: string, found: string): string {
  const [left, right] = [expected.split('\n'), found.split('\n')];
  const at = left.findIndex((line, i) => line !== right[i]);
  return `${left.length} and ${right.length} lines; ${left[at]} and ${right[at]}`.slice(0, 500);
}
