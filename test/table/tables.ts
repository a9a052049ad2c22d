import { randomUUID } from 'node:crypto';
import { must } from '../../src/base/errors.js';
import { never } from '../../src/base/signals.js';
import type { ArrowTable } from '../../src/columnar/arrow.js';
import { rowsOf } from '../../src/columnar/cells.js';
import { TableBuilder } from '../../src/columnar/table-builder.js';
import type { Action } from '../../src/protocol/actions.js';
import { commitInfo } from '../../src/protocol/commit-info.js';
import { CREATE_FEATURES, featuresNeeded, protocolFor } from '../../src/protocol/features.js';
import { LONG, STRING, field, struct } from '../../src/schema/build.js';
import { formatSchemaString } from '../../src/schema/schema-string.js';
import type { StructType, Value } from '../../src/schema/types.js';
import type { ObjectStore } from '../../src/storage/object-store.js';
import { commit, type CommitRequest, type CommitWorld, type Winner } from '../../src/table/commit.js';
import { writeDataFiles, type WriteOptions } from '../../src/table/data-files.js';
import { scan, type ScanOptions } from '../../src/table/scan.js';
import type { Snapshot } from '../../src/table/snapshot.js';

/** Two columns: the least that a table needs to be talked about. */
export const PEOPLE: StructType = struct([field('id', LONG), field('name', STRING)]);

export type TableOptions = {
  readonly schema?: StructType;
  readonly partitionColumns?: readonly string[];
  readonly configuration?: Readonly<Record<string, string>>;
};

export type RequestOptions = {
  readonly actions: (at: { readonly version: number; readonly nowMs: number }) => readonly Action[];
  readonly txnId?: string;
  readonly signal?: AbortSignal;
  /** Why not to go on after a winner; undefined to go on. */
  readonly conflict?: (winner: Winner) => string | undefined;
};

/** A request whose commitInfo is made, and which goes on past every winner that `conflict` lets pass. */
export function request(readVersion: number, options: RequestOptions): CommitRequest {
  const { txnId = randomUUID(), signal = never, conflict = () => undefined } = options;
  const made: CommitRequest = {
    readVersion,
    txnId,
    signal,
    actions: (at) => [
      {
        kind: 'commitInfo',
        commitInfo: commitInfo({
          operation: { operation: 'WRITE', operationParameters: { mode: 'Append' } },
          timestamp: at.nowMs,
          readVersion,
          isBlindAppend: true,
          txnId,
        }),
      },
      ...options.actions(at),
    ],
    reconcile: async (winner) => {
      const why = conflict(winner);
      return why === undefined ? made : { conflict: why };
    },
  };
  return made;
}

/** The actions that start a table. */
export function firstActions(options: TableOptions = {}): readonly Action[] {
  const { schema = PEOPLE, partitionColumns = [], configuration = {} } = options;
  const features = [...CREATE_FEATURES, ...featuresNeeded(schema, configuration)];
  return [
    { kind: 'protocol', protocol: protocolFor(features) },
    {
      kind: 'metaData',
      metaData: {
        id: randomUUID(),
        schemaString: formatSchemaString(schema),
        partitionColumns,
        configuration,
        createdTime: 1_700_000_000_000,
      },
    },
  ];
}

/** Commits and gives the snapshot; a conflict fails the test. */
export async function mustCommit(
  store: ObjectStore,
  snapshot: Snapshot | undefined,
  options: RequestOptions,
  world?: CommitWorld,
): Promise<Snapshot> {
  const outcome = await commit(snapshot, store, request(snapshot?.version ?? -1, options), world);
  if (outcome.kind === 'conflicted') throw new Error(`conflict at ${outcome.at}: ${outcome.why}`);
  const background = await outcome.background;
  if (background.kind === 'failed') throw background.cause;
  return outcome.snapshot;
}

export function createTable(store: ObjectStore, options: TableOptions = {}): Promise<Snapshot> {
  return mustCommit(store, undefined, { actions: () => firstActions(options) });
}

/** Rows as a table, one array of values a row in the order of the schema's columns. */
export function tableOfRows(schema: StructType, rows: readonly (readonly Value[])[]): ArrowTable {
  const builder = new TableBuilder(schema);
  for (const row of rows) schema.fields.forEach((_, i) => builder.column(i).append(row[i] ?? null));
  return builder.finish();
}

/** Appends rows through the real write path, past any winner. */
export async function appendRows(
  snapshot: Snapshot,
  rows: readonly (readonly Value[])[],
  options: Partial<WriteOptions> = {},
): Promise<Snapshot> {
  const { store, layout } = snapshot;
  const table = tableOfRows(layout.schema, rows);
  const adds = await writeDataFiles(store, table, { layout, signal: never, ...options });
  return mustCommit(store, snapshot, { actions: () => adds.map((add): Action => ({ kind: 'add', add })) });
}

/** The rows of a snapshot in the order of the scan. */
export async function scanRows(snapshot: Snapshot, options: Partial<ScanOptions> = {}): Promise<Value[][]> {
  const { fields } = snapshot.schema;
  const columns = options.columns ?? fields.map(({ name }) => name);
  const read = columns.map((name) =>
    must(
      fields.find((one) => one.name === name),
      `column ${name}`,
    ),
  );
  const rows: Value[][] = [];
  for await (const batch of scan(snapshot, { signal: never, ...options })) {
    rows.push(...rowsOf(batch, struct(read)));
  }
  return rows;
}
