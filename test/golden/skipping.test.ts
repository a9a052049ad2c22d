import { describe, expect, test } from 'vitest';
import { never } from '../../src/base/signals.js';
import { rowsOf } from '../../src/columnar/cells.js';
import type { CompareOp, Expr } from '../../src/expr/ast.js';
import { compileCondition } from '../../src/expr/compile.js';
import { formatExpression } from '../../src/expr/print.js';
import { canonicalRow } from '../../src/schema/canonical.js';
import type { StructField, StructType, Value } from '../../src/schema/types.js';
import { newScanMetrics, scan, type ScanMetrics } from '../../src/table/scan.js';
import { openSnapshot, type Snapshot } from '../../src/table/snapshot.js';
import { placed, tableRecords } from './table-rows.js';

/** Whose stats are untrue: a minimum there is above the rows. Every engine that skips by them misses rows. */
const UNTRUE_STATS = new Set(['golden/delta-rs/issue_1374']);

const RECORDS = tableRecords().filter(
  ({ name, kind, versions }) => kind === 'read' && versions.length > 0 && !UNTRUE_STATS.has(name),
);

/** Rows beyond which a table is left out: every condition reads it again. */
const ROWS_MAX = 20_000;

async function rowsOfTable(
  snapshot: Snapshot,
  options: { readonly where?: Expr; readonly metrics?: ScanMetrics } = {},
): Promise<Value[][]> {
  const rows: Value[][] = [];
  for await (const batch of scan(snapshot, { signal: never, ...options })) {
    for (const row of rowsOf(batch, snapshot.schema)) rows.push(row);
    if (rows.length > ROWS_MAX) return rows;
  }
  return rows;
}

/** A few comparisons with values that the column has, and the questions about null. */
function conditionsOn(column: StructField, index: number, rows: readonly Value[][]): readonly Expr[] {
  const of: Expr = { kind: 'column', at: 0, path: [column.name] };
  const isNull: Expr = { kind: 'isNull', at: 0, of };
  const { type } = column;
  if (type.kind !== 'primitive' && type.kind !== 'decimal') return [isNull];
  if (type.kind === 'primitive' && (type.name === 'variant' || type.name === 'void')) return [isNull];
  const values = rows.map((row) => row[index] ?? null).filter((value) => value !== null);
  const picked = [...new Set([values[0], values[values.length >> 1], values.at(-1)])].filter(
    (value) => value !== undefined,
  );
  const ops: readonly CompareOp[] = ['=', '<', '>=', '<>'];
  const compared = picked.flatMap((value) =>
    ops.map((op): Expr => ({
      kind: 'compare',
      at: 0,
      op,
      left: of,
      right: { kind: 'literal', at: 0, type, value },
    })),
  );
  return [isNull, { kind: 'not', at: 0, of: isNull }, ...compared];
}

function lines(struct: StructType, rows: readonly Value[][]): string[] {
  return rows.map((row) => canonicalRow(struct, row));
}

describe.skipIf(RECORDS.length === 0)('tables that others wrote', () => {
  test('give the rows that a condition is true for, whatever is skipped', async () => {
    const wrong: string[] = [];
    const metrics = newScanMetrics();
    let asked = 0;
    for (const record of RECORDS) {
      using place = placed(record);
      const version = Math.max(...record.versions);
      const snapshot = await openSnapshot(place.url, { signal: never, version });
      const { schema } = snapshot;
      const all = await rowsOfTable(snapshot);
      if (all.length > ROWS_MAX) continue;
      for (const [index, column] of schema.fields.entries()) {
        for (const where of conditionsOn(column, index, all)) {
          asked++;
          const holds = compileCondition(where, schema);
          const expected = all.filter((row) => holds((at) => row[at] ?? null) === true);
          const found = await rowsOfTable(snapshot, { where, metrics });
          if (lines(schema, found).join('\n') !== lines(schema, expected).join('\n')) {
            wrong.push(
              `${record.name}: ${formatExpression(where)}: ${found.length} rows, not ${expected.length}`,
            );
          }
        }
      }
    }
    console.log(`${asked} conditions, ${JSON.stringify(metrics)}`);
    expect(wrong).toEqual([]);
    expect(metrics.filesSkipped).toBeGreaterThan(0);
  }, 900_000);
});
