import { randomUUID } from 'node:crypto';
import { SluiceError, must } from '../base/errors.js';
import { stringifyJson } from '../base/json.js';
import type { Action, AddFile, Metadata } from '../protocol/actions.js';
import { commitInfo } from '../protocol/commit-info.js';
import { removalOf } from '../protocol/file-actions.js';
import { restore } from '../protocol/operation.js';
import { ROW_TRACKING_DOMAIN } from '../protocol/row-tracking.js';
import { commit } from '../table/commit.js';
import { IN_COMMIT_TIMESTAMP_KEYS } from '../table/commit-time.js';
import { vectorFile } from '../table/deletion-vectors.js';
import { locateFile, type FileLocation } from '../table/location.js';
import { openSnapshot, type Snapshot } from '../table/snapshot.js';
import { settled } from './clean-log.js';
import { MAX_COLUMN_ID } from './map-columns.js';
import { mapAFewAtOnce } from './merge/each-file.js';
import { metricTexts } from './metric-texts.js';
import { instantMs, type Moment } from './moment.js';

export type Restored = {
  readonly snapshot: Snapshot;
  /** `operationMetrics` of a RESTORE, as Delta Spark names them. */
  readonly metrics: Readonly<Record<string, string>>;
};

/** Winners that come between are none of its concern: it is worked out anew, so often at most. */
const TRIES = 10;

/**
 * Makes the table what it was at a version or moment, in one commit on top of the latest: files, schema, properties and
 * the domains of Delta itself. The protocol is never lowered, and `txn` and the domains of applications stay, since what
 * these have done is not undone (Delta Spark does the same). The change feed shows the difference.
 *
 * @throws SluiceError VERSION_NOT_FOUND; FILE_NOT_FOUND, naming files that VACUUM has taken; CONFLICT
 */
export async function restoreTable(
  latest: Snapshot,
  to: Moment,
  options: { readonly signal: AbortSignal },
): Promise<Restored> {
  const { store } = latest;
  const target = await openSnapshot(store, {
    ...options,
    ...(to.version === undefined ? { timestampMs: instantMs(to.timestamp) } : { version: to.version }),
  });
  const known = new Set<string>();
  let base = latest;
  for (let attempt = 1; ; attempt++) {
    const plan = planRestore(base, target);
    await refuseLostFiles(base, plan.adds, known, options);
    const request = requestOf(base, to, target, plan, options.signal);
    const outcome = await commit(base, store, request);
    if (outcome.kind === 'committed') {
      await settled(outcome, options.signal);
      return { snapshot: outcome.snapshot, metrics: plan.metrics };
    }
    if (attempt === TRIES) {
      throw new SluiceError('CONFLICT', `RESTORE of ${store.url} met version ${outcome.at} again`, {
        retry: 'safe',
        context: { table: store.url, version: outcome.at },
        hint: 'stop the writers of the table, and restore it then',
      });
    }
    base = await openSnapshot(store, { ...options, after: base });
  }
}

type Plan = {
  readonly removes: readonly AddFile[];
  readonly adds: readonly AddFile[];
  readonly metrics: Readonly<Record<string, string>>;
};

function planRestore({ files: now }: Snapshot, { files: then }: Snapshot): Plan {
  const removes = now.toArray().filter((file) => then.find(file) === undefined);
  const adds = then.toArray().filter((file) => now.find(file) === undefined);
  const metrics = metricTexts({
    tableSizeAfterRestore: bytesOf(then),
    numOfFilesAfterRestore: then.size,
    numRemovedFiles: removes.length,
    numRestoredFiles: adds.length,
    removedFilesSize: bytesOf(removes),
    restoredFilesSize: bytesOf(adds),
  });
  return { removes, adds, metrics };
}

function bytesOf(files: Iterable<AddFile>): number {
  let sum = 0;
  for (const { size } of files) sum += size;
  return sum;
}

/** Files that are named in the error, at most. */
const NAMED_MAX = 5;

async function refuseLostFiles(
  { store }: Snapshot,
  adds: readonly AddFile[],
  known: Set<string>,
  options: { readonly signal: AbortSignal },
): Promise<void> {
  const wanted = adds
    .flatMap((add) => placesOf(store, add))
    .filter(({ store: { url }, key }) => !known.has(`${url} ${key}`));
  const lost = await mapAFewAtOnce(
    wanted,
    async ({ store: at, key }) => {
      if ((await at.head(key, options)) === undefined) return [`${at.url}/${key}`];
      known.add(`${at.url} ${key}`);
      return [];
    },
    options,
  );
  const names = [...new Set(lost.flat())];
  if (names.length === 0) return;
  const more = names.length > NAMED_MAX ? ` and ${names.length - NAMED_MAX} more` : '';
  throw new SluiceError(
    'FILE_NOT_FOUND',
    `${store.url} cannot be restored: ${names.slice(0, NAMED_MAX).join(', ')}${more} is not there any more`,
    {
      context: { table: store.url, file: names[0] },
      hint: 'VACUUM has removed files of that version: restore a later one, or bring the files back from a copy',
    },
  );
}

function placesOf(store: Snapshot['store'], { path, deletionVector }: AddFile): readonly FileLocation[] {
  const data = locateFile(store, path);
  const vector = deletionVector === undefined ? undefined : vectorFile(store, deletionVector);
  return vector === undefined ? [data] : [data, vector];
}

function requestOf(
  base: Snapshot,
  to: Moment,
  target: Snapshot,
  { removes, adds, metrics }: Plan,
  signal: AbortSignal,
): Parameters<typeof commit>[2] {
  const txnId = randomUUID();
  const asked = to.version === undefined ? { timestamp: momentText(to.timestamp) } : { version: to.version };
  return {
    readVersion: base.version,
    txnId,
    signal,
    actions: ({ nowMs }) => [
      {
        kind: 'commitInfo',
        commitInfo: commitInfo({
          operation: restore(asked),
          timestamp: nowMs,
          readVersion: base.version,
          isBlindAppend: false,
          metrics,
          txnId,
        }),
      },
      ...redefined(base, target),
      ...removes.map((file): Action => ({
        kind: 'remove',
        remove: removalOf(file, { deletionTimestamp: nowMs }),
      })),
      ...adds.map((add): Action => ({ kind: 'add', add: { ...add, dataChange: true } })),
    ],
    // Whatever came between belongs to what is undone.
    reconcile: () => Promise.resolve({ conflict: 'another commit came between' }),
  };
}

function momentText(timestamp: string | Date): string {
  return timestamp instanceof Date ? timestamp.toISOString() : timestamp;
}

/** The actions that give the table its columns, properties and Delta's own domains back. */
function redefined(base: Snapshot, target: Snapshot): readonly Action[] {
  const actions: Action[] = [];
  const metaData = metadataAfter(base, target);
  if (!sameDefinition(metaData, base.state.metadata)) actions.push({ kind: 'metaData', metaData });
  for (const domain of new Set([...domainsOf(base), ...domainsOf(target)])) {
    const [now, then] = [base.domain(domain), target.domain(domain)];
    if (now === then) continue;
    const configuration = then ?? must(now, `configuration of ${domain}`);
    actions.push({
      kind: 'domainMetadata',
      domainMetadata: { domain, configuration, removed: then === undefined },
    });
  }
  return actions;
}

/** Row ids are never given twice, so that their high-water mark stays. Delta protocol, "Row Tracking". */
function domainsOf({ state }: Snapshot): readonly string[] {
  return [...state.domains.keys()].filter(
    (name) => name.startsWith('delta.') && name !== ROW_TRACKING_DOMAIN,
  );
}

function metadataAfter(base: Snapshot, target: Snapshot): Metadata {
  const now = base.configuration;
  const then: Record<string, string> = { ...target.configuration };
  // Since when commits carry their own time is a fact of the log, which goes on.
  for (const key of IN_COMMIT_TIMESTAMP_KEYS) {
    const value = now[key];
    if (value === undefined) delete then[key];
    else then[key] = value;
  }
  // Ids of columns are never given twice. Delta protocol, "Column Mapping".
  const highest = Math.max(Number(now[MAX_COLUMN_ID] ?? 0), Number(then[MAX_COLUMN_ID] ?? 0));
  if (highest > 0) then[MAX_COLUMN_ID] = String(highest);
  return { ...target.state.metadata, id: base.state.metadata.id, configuration: then };
}

function sameDefinition(one: Metadata, other: Metadata): boolean {
  return definitionOf(one) === definitionOf(other);
}

function definitionOf({
  name,
  description,
  schemaString,
  partitionColumns,
  configuration,
}: Metadata): string {
  const properties = Object.entries(configuration).sort(([a], [b]) => (a < b ? -1 : 1));
  return stringifyJson([name ?? null, description ?? null, schemaString, partitionColumns, properties]);
}
