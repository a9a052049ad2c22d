import fc from 'fast-check';
import { must } from '../../../src/base/errors.js';
import type { DeltaTable } from '../../../src/operations/delta-table.js';
import { LONG, STRING, field, struct } from '../../../src/schema/build.js';

/** A row of the tables that the laws of the verbs are about. */
export type Row = { readonly id: bigint; readonly v: string | null; readonly p: string | null };

export const SCHEMA = struct([field('id', LONG), field('v', STRING), field('p', STRING)]);

export function textOf({ id, v, p }: Row): string {
  return `${id}|${v}|${p}`;
}

/** A table, and what every version of it holds. */
export type Past = {
  readonly table: DeltaTable;
  /** Whether it has a change feed. */
  readonly feed: boolean;
  readonly versions: readonly (readonly Row[])[];
};

export function rowsNow({ versions }: Past): readonly Row[] {
  return must(versions.at(-1), 'a version');
}

/** What a verb is to leave behind. */
export type Outcome = {
  readonly table: DeltaTable;
  readonly rows: readonly Row[];
  /** `operation` of its commit; undefined if it makes none. */
  readonly operation: string | undefined;
  /** What the feed says of it, row by row; undefined where only the sum is certain. */
  readonly told?: readonly string[];
};

/** A verb with its arguments. */
export type Deed = { readonly name: string; perform(past: Past): Promise<Outcome> };

/** A condition in SQL, and whether it is true of a row: unknown is not true. */
type Condition = { readonly sql: string | undefined; readonly holds: (row: Row) => boolean };

const CONDITIONS: readonly Condition[] = [
  { sql: undefined, holds: () => true },
  { sql: 'id % 3 = 1', holds: ({ id }) => id % 3n === 1n },
  { sql: 'id >= 5', holds: ({ id }) => id >= 5n },
  { sql: "p = 'x'", holds: ({ p }) => p === 'x' },
  { sql: "p = 'x' AND id < 4", holds: ({ p, id }) => p === 'x' && id < 4n },
  { sql: "NOT (v = 'b')", holds: ({ v }) => v !== null && v !== 'b' },
  { sql: 'v IS NULL', holds: ({ v }) => v === null },
  { sql: 'id < 0', holds: () => false },
];

const SETS: readonly { readonly set: Record<string, string>; readonly apply: (row: Row) => Row }[] = [
  { set: { v: "'b'" }, apply: (row) => ({ ...row, v: 'b' }) },
  { set: { v: 'p', p: 'v' }, apply: (row) => ({ ...row, v: row.p, p: row.v }) },
  { set: { id: 'id + 10' }, apply: (row) => ({ ...row, id: row.id + 10n }) },
  { set: { p: 'NULL', v: 'id' }, apply: (row) => ({ ...row, p: null, v: String(row.id) }) },
];

const aRow = fc.record({
  id: fc.bigInt(0n, 12n),
  v: fc.constantFrom('a', 'b', null),
  p: fc.constantFrom('x', 'y', null),
});

const someRows = fc.array(aRow, { minLength: 1, maxLength: 6 });

const aCondition = fc.constantFrom(...CONDITIONS);

const append: fc.Arbitrary<Deed> = someRows.map((rows) => ({
  name: `append ${rows.map(textOf).join(' ')}`,
  perform: async (past) => ({
    table: (await past.table.append(rows)).table,
    rows: [...rowsNow(past), ...rows],
    operation: 'WRITE',
    told: rows.map((row) => `insert ${textOf(row)}`),
  }),
}));

const remove: fc.Arbitrary<Deed> = aCondition.map(({ sql, holds }) => ({
  name: `delete where ${sql}`,
  perform: async (past) => {
    const hit = rowsNow(past).filter(holds);
    const { table, metrics } = await past.table.delete(sql === undefined ? {} : { where: sql });
    expectCount(metrics['numDeletedRows'], hit.length);
    return {
      table,
      rows: rowsNow(past).filter((row) => !holds(row)),
      operation: hit.length === 0 ? undefined : 'DELETE',
      told: hit.map((row) => `delete ${textOf(row)}`),
    };
  },
}));

const update: fc.Arbitrary<Deed> = fc
  .tuple(aCondition, fc.constantFrom(...SETS))
  .map(([{ sql, holds }, { set, apply }]) => ({
    name: `update ${JSON.stringify(set)} where ${sql}`,
    perform: async (past) => {
      const hit = rowsNow(past).filter(holds);
      const { table, metrics } = await past.table.update({
        set,
        ...(sql === undefined ? {} : { where: sql }),
      });
      expectCount(metrics['numUpdatedRows'], hit.length);
      return {
        table,
        rows: rowsNow(past).map((row) => (holds(row) ? apply(row) : row)),
        operation: hit.length === 0 ? undefined : 'UPDATE',
        told: hit.flatMap((row) => [
          `update_preimage ${textOf(row)}`,
          `update_postimage ${textOf(apply(row))}`,
        ]),
      };
    },
  }));

const restore: fc.Arbitrary<Deed> = fc.double({ min: 0, max: 1, noNaN: true }).map((share) => ({
  name: `restore to ${share} of the history`,
  perform: async (past) => {
    const version = Math.round(share * (past.versions.length - 1));
    const { table } = await past.table.restore({ version });
    return { table, rows: must(past.versions[version], 'a version'), operation: 'RESTORE' };
  },
}));

function expectCount(counted: string | undefined, count: number): void {
  if (counted !== String(count)) throw new Error(`the metrics count ${counted} of ${count} rows`);
}

/** Any verb. */
export const aDeed: fc.Arbitrary<Deed> = fc
  .oneof({ weight: 2, arbitrary: append }, remove, update, restore)
  .map((deed) => ({ ...deed, [fc.toStringMethod]: () => deed.name }));
