import { randomUUID } from 'node:crypto';
import type { ArrowTable } from '../../src/columnar/arrow.js';
import { rowsOf } from '../../src/columnar/cells.js';
import { TableBuilder } from '../../src/columnar/table-builder.js';
import { never } from '../../src/base/signals.js';
import { createTable } from '../../src/operations/create-table.js';
import type { CreateOptions } from '../../src/operations/create.js';
import type { StagedChanges } from '../../src/operations/merge/stage.js';
import type { Action } from '../../src/protocol/actions.js';
import { commitInfo } from '../../src/protocol/commit-info.js';
import { merge, type Operation } from '../../src/protocol/operation.js';
import { LONG, STRING, field, struct } from '../../src/schema/build.js';
import type { StructType, Value } from '../../src/schema/types.js';
import type { ObjectStore } from '../../src/storage/object-store.js';
import { commit, type CommitOutcome, type Winner } from '../../src/table/commit.js';
import { scan } from '../../src/table/scan.js';
import type { Snapshot } from '../../src/table/snapshot.js';

/** id BIGINT, v STRING: what most of these tests need. */
export const ID_V: StructType = struct([field('id', LONG), field('v', STRING)]);

/** Rows as arrays of values, in the order of the schema's columns. */
export function rowsTable(schema: StructType, rows: readonly (readonly Value[])[]): ArrowTable {
  const builder = new TableBuilder(schema);
  for (const row of rows) {
    for (const [i, value] of row.entries()) builder.column(i).append(value);
  }
  return builder.finish();
}

export function idV(...rows: readonly (readonly [number, string])[]): ArrowTable {
  return rowsTable(
    ID_V,
    rows.map(([id, v]) => [BigInt(id), v]),
  );
}

export async function newTable(
  store: ObjectStore,
  options: Partial<Omit<CreateOptions, 'nowMs'>> = {},
): Promise<Snapshot> {
  return createTable(store, { schema: ID_V, ...options, signal: never });
}

/** All live rows, in the table's order. */
export async function liveRows(snapshot: Snapshot): Promise<Value[][]> {
  const rows: Value[][] = [];
  for await (const batch of scan(snapshot, { signal: never })) rows.push(...rowsOf(batch, snapshot.schema));
  return rows;
}

/** Live rows of an `ID_V` table as `id=v`, sorted. */
export async function idVs(snapshot: Snapshot): Promise<string[]> {
  return (await liveRows(snapshot)).map(([id, v]) => `${text(id)}=${text(v)}`).sort();
}

/** A cell that is no list or object, as text. */
export function text(value: Value | undefined): string {
  return typeof value === 'object' || value === undefined ? 'null' : String(value);
}

/** Commits a staged change as a MERGE. */
export async function commitStaged(
  snapshot: Snapshot,
  staged: StagedChanges,
  reconcile: (winner: Winner) => Promise<StagedChanges | { readonly conflict: string }> = () =>
    Promise.resolve({ conflict: 'no winner expected' }),
  more: readonly Action[] = [],
): Promise<CommitOutcome> {
  const txnId = randomUUID();
  const request = (change: StagedChanges): Parameters<typeof commit>[2] => ({
    readVersion: snapshot.version,
    txnId,
    signal: never,
    actions: ({ nowMs }) => [
      {
        kind: 'commitInfo',
        commitInfo: commitInfo({
          operation: merge({
            predicate: '(t.id = s.id)',
            matched: [{ actionType: 'update' }],
            notMatched: [{ actionType: 'insert' }],
          }),
          timestamp: nowMs,
          readVersion: snapshot.version,
          isBlindAppend: false,
          metrics: change.metrics,
          txnId,
        }),
      },
      ...more,
      ...change.actions(nowMs),
    ],
    reconcile: async (winner) => {
      const next = await reconcile(winner);
      return 'conflict' in next ? next : request(next);
    },
  });
  return commit(snapshot, snapshot.store, request(staged));
}

export async function mustCommit(snapshot: Snapshot, staged: StagedChanges): Promise<Snapshot> {
  const outcome = await commitStaged(snapshot, staged);
  if (outcome.kind === 'conflicted') throw new Error(`conflict at ${outcome.at}: ${outcome.why}`);
  await outcome.background;
  return outcome.snapshot;
}

/** Commits actions as another engine would. */
export async function commitActions(
  snapshot: Snapshot,
  operation: string | Operation,
  actions: (nowMs: number) => readonly Action[],
): Promise<Snapshot> {
  const txnId = randomUUID();
  const outcome = await commit(snapshot, snapshot.store, {
    readVersion: snapshot.version,
    txnId,
    signal: never,
    actions: ({ nowMs }) => [
      {
        kind: 'commitInfo',
        commitInfo: commitInfo({
          operation: typeof operation === 'string' ? { operation, operationParameters: {} } : operation,
          timestamp: nowMs,
          readVersion: snapshot.version,
          isBlindAppend: false,
          txnId,
        }),
      },
      ...actions(nowMs),
    ],
    reconcile: () => Promise.resolve({ conflict: 'no winner expected' }),
  });
  if (outcome.kind === 'conflicted') throw new Error(`conflict at ${outcome.at}: ${outcome.why}`);
  await outcome.background;
  return outcome.snapshot;
}
