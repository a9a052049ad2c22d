import { randomUUID } from 'node:crypto';
import { SluiceError } from '../base/errors.js';
import type { ArrowTable } from '../columnar/arrow.js';
import type { Action, AddFile } from '../protocol/actions.js';
import { commitInfo } from '../protocol/commit-info.js';
import { write } from '../protocol/operation.js';
import { recordCount } from '../protocol/stats.js';
import { commit, type CommitRequest, type Winner } from '../table/commit.js';
import { settled } from './clean-log.js';
import { writeDataFiles } from '../table/data-files.js';
import type { Snapshot } from '../table/snapshot.js';

export type AppendOptions = {
  readonly signal: AbortSignal;
  /** About this many bytes of rows go into one file. */
  readonly targetBytes?: number;
};

export type Appended = {
  readonly snapshot: Snapshot;
  /** `operationMetrics` of a WRITE, as Delta Spark names them. */
  readonly metrics: Readonly<Record<string, string>>;
};

/**
 * Appends rows in one commit, whatever others commit meanwhile: it reads nothing. Rows come as tables with the columns
 * by name; absent nullable columns become null. `CONFLICT` only if the table's schema, partitioning or protocol changed
 * while the rows were written. No rows at all make no commit.
 */
export async function append(
  snapshot: Snapshot,
  tables: AsyncIterable<ArrowTable> | Iterable<ArrowTable>,
  options: AppendOptions,
): Promise<Appended> {
  const { signal, targetBytes } = options;
  const { store, layout } = snapshot;
  const added: AddFile[] = [];
  for await (const rows of tables) {
    signal.throwIfAborted();
    const files = await writeDataFiles(store, rows, {
      layout,
      signal,
      ...(targetBytes === undefined ? {} : { targetBytes }),
    });
    added.push(...files);
  }
  const metrics = metricsOf(added);
  if (added.length === 0) return { snapshot, metrics };
  const outcome = await commit(snapshot, store, request(snapshot, added, metrics, signal));
  if (outcome.kind === 'committed') {
    await settled(outcome, signal);
    return { snapshot: outcome.snapshot, metrics };
  }
  throw new SluiceError('CONFLICT', `rows were not appended to ${store.url}: ${outcome.why}`, {
    retry: 'safe',
    context: { table: store.url, version: outcome.at },
    hint: 'open the table again and append to its new version',
  });
}

function request(
  snapshot: Snapshot,
  added: readonly AddFile[],
  metrics: Readonly<Record<string, string>>,
  signal: AbortSignal,
): CommitRequest {
  const txnId = randomUUID();
  const self: CommitRequest = {
    readVersion: snapshot.version,
    txnId,
    signal,
    actions: ({ nowMs }): readonly Action[] => [
      {
        kind: 'commitInfo',
        commitInfo: commitInfo({
          operation: write({ mode: 'Append', partitionBy: snapshot.partitionColumns }),
          timestamp: nowMs,
          readVersion: snapshot.version,
          isBlindAppend: true,
          metrics,
          txnId,
        }),
      },
      ...added.map((add): Action => ({ kind: 'add', add })),
    ],
    reconcile: async (winner) => {
      const why = redefines(winner);
      return why === undefined ? self : { conflict: why };
    },
  };
  return self;
}

/** Rows were written for a schema and a protocol: those must still stand. */
function redefines({ version, actions }: Winner): string | undefined {
  for (const { kind } of actions) {
    if (kind === 'metaData' || kind === 'protocol') return `version ${version} changed the table’s ${kind}`;
  }
  return undefined;
}

function metricsOf(added: readonly AddFile[]): Readonly<Record<string, string>> {
  const rows = added.reduce((sum, { stats }) => sum + (recordCount(stats) ?? 0), 0);
  const bytes = added.reduce((sum, { size }) => sum + size, 0);
  return { numFiles: String(added.length), numOutputRows: String(rows), numOutputBytes: String(bytes) };
}
