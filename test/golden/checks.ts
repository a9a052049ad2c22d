import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { SluiceError, isSluiceError, type ErrorCode } from '../../src/base/errors.js';
import { isJsonObject, type JsonValue } from '../../src/base/json.js';
import { never } from '../../src/base/signals.js';
import { compareUtf8 } from '../../src/base/utf8-order.js';
import { rowsOf } from '../../src/columnar/cells.js';
import { readChanges } from '../../src/operations/change-feed.js';
import { CHANGE_TYPE, COMMIT_TIMESTAMP, COMMIT_VERSION } from '../../src/operations/change-types.js';
import { canonicalRow } from '../../src/schema/canonical.js';
import { struct } from '../../src/schema/build.js';
import { localStore } from '../../src/storage/local.js';
import { openSnapshot, type Snapshot } from '../../src/table/snapshot.js';
import { canonicalText, differenceAt, expectedJson, placed, type TableRecord } from './table-rows.js';

/** One question that the corpus has an answer to, and how ours differs. */
export type Check = {
  readonly kind: 'rows' | 'snapshot' | 'feed' | 'refusal' | 'missing version';
  readonly of: string;
  readonly wrong?: string;
};

/** Asks everything of a table that is on record for it. */
export async function checkTable(record: TableRecord): Promise<readonly Check[]> {
  using place = placed(record);
  switch (record.kind) {
    case 'refuse':
      return [await checkRefusal(record, place.url)];
    case 'either':
      return [await checkEither(record, place.url)];
    default:
      return [
        ...(record.kind === 'read' ? await checkRows(record, place.url) : []),
        ...(await checkSnapshots(record, place.url)),
        ...(await checkMissing(record, place.url)),
        ...(await checkFeeds(record, place.url)),
      ];
  }
}

async function checked(
  kind: Check['kind'],
  of: string,
  ask: () => Promise<string | undefined>,
): Promise<Check> {
  const wrong = await ask().catch(String);
  return wrong === undefined ? { kind, of } : { kind, of, wrong };
}

/** The rows of every version on record. */
async function checkRows(record: TableRecord, url: string): Promise<readonly Check[]> {
  const checks: Check[] = [];
  for (const version of record.versions) {
    const ask = async () => {
      const snapshot = await openSnapshot(url, { signal: never, version });
      return differenceAt(record, version, await canonicalText(snapshot));
    };
    checks.push(await checked('rows', `${record.name} at version ${version}`, ask));
  }
  return checks;
}

async function checkSnapshots(record: TableRecord, url: string): Promise<readonly Check[]> {
  const checks: Check[] = [];
  for (const [version, expected] of Object.entries(expectedJson(record, 'snapshots.json') ?? {})) {
    const ask = async () => {
      const found = described(await openSnapshot(url, { signal: never, version: Number(version) }));
      if (!isJsonObject(expected)) return 'nothing is on record';
      const other = Object.keys(found).find(
        (key) => key in expected && !isDeepStrictEqual(found[key], expected[key]),
      );
      return other === undefined ? undefined : `${other} is ${JSON.stringify(found[other])}`;
    };
    checks.push(await checked('snapshot', `${record.name} at version ${version}`, ask));
  }
  return checks;
}

/** What a reader must say of a snapshot, in the words of the corpus. */
function described({ state, schema }: Snapshot): { [key: string]: JsonValue } {
  const files = [...state.files];
  return {
    partitionColumns: [...state.partitionColumns],
    columns: schema.fields.map(({ name }) => name),
    numFiles: files.length,
    sizeInBytes: files.reduce((sum, { size }) => sum + size, 0),
    deletedRows: files.reduce((sum, { deletionVector }) => sum + (deletionVector?.cardinality ?? 0), 0),
    txns: Object.fromEntries([...state.txns].map(([appId, { version }]) => [appId, Number(version)])),
    configuration: { ...state.configuration },
  };
}

/** Versions that must be refused, or whose rows cannot be had. */
async function checkMissing(record: TableRecord, url: string): Promise<readonly Check[]> {
  const checks: Check[] = [];
  for (const version of Object.keys(Object(expectedJson(record, 'version-errors.json')))) {
    const ask = async () => {
      const rows = openSnapshot(url, { signal: never, version: Number(version) }).then(canonicalText);
      return refused(await failureOf(rows), undefined);
    };
    checks.push(await checked('missing version', `${record.name} at version ${version}`, ask));
  }
  return checks;
}

/** What the corpus calls a reason, as our codes. */
const CODES: Readonly<Record<string, readonly ErrorCode[]>> = {
  'feature-unsupported': ['PROTOCOL_UNSUPPORTED'],
  'protocol-unsupported': ['PROTOCOL_UNSUPPORTED'],
  'commit-missing': ['CORRUPT_LOG', 'VERSION_NOT_FOUND'],
  'metadata-missing': ['CORRUPT_LOG'],
  'metadata-invalid': ['CORRUPT_LOG'],
  'protocol-missing': ['CORRUPT_LOG'],
  'not-a-table': ['TABLE_NOT_FOUND'],
  'no-commits': ['TABLE_NOT_FOUND', 'CORRUPT_LOG'],
};

function checkRefusal(record: TableRecord, url: string): Promise<Check> {
  return checked('refusal', record.name, async () =>
    refused(await failureOf(openSnapshot(url, { signal: never })), reasonFor(record)),
  );
}

/** A log that some readers tolerate: refused for the reason on record, or loaded. */
function checkEither(record: TableRecord, url: string): Promise<Check> {
  return checked('refusal', record.name, async () => {
    const failure = await failureOf(openSnapshot(url, { signal: never }));
    return failure === undefined ? undefined : refused(failure, reasonFor(record));
  });
}

type Reason = {
  readonly code: string;
  /** Features that must be named. */
  readonly features: readonly string[];
  /** Features of which one must be named, where it is not on record which. */
  readonly oneOf: readonly string[];
};

function reasonFor(record: TableRecord): Reason {
  const { code, reason }: { code: string; reason: string } = Object(expectedJson(record, 'error.json'));
  const features = /^unsupported reader features: (.*)$/.exec(reason)?.[1]?.split(', ') ?? [];
  const isUnnamed = code === 'feature-unsupported' && features.length === 0;
  return { code, features, oneOf: isUnnamed ? readerFeaturesOf(record) : [] };
}

/** The reader features that the commits of a table list. */
function readerFeaturesOf({ folder }: TableRecord): readonly string[] {
  const log = path.join(folder, 'delta', '_delta_log');
  return readdirSync(log)
    .filter((name) => name.endsWith('.json'))
    .flatMap((name) => readFileSync(path.join(log, name), 'utf8').split('\n'))
    .filter((line) => line.includes('"readerFeatures"'))
    .flatMap((line) => JSON.parse(line).protocol?.readerFeatures ?? []);
}

function refused(failure: unknown, reason: Reason | undefined): string | undefined {
  if (failure === undefined) return 'it is not refused';
  if (!(failure instanceof SluiceError)) return `it fails with ${String(failure)}`;
  if (reason === undefined) return undefined;
  const { code, message } = failure;
  if (CODES[reason.code]?.includes(code) !== true)
    return `it is refused with ${code}, not for ${reason.code}: ${message}`;
  const unnamed = reason.features.filter((feature) => !message.includes(feature));
  if (unnamed.length > 0) return `${unnamed.join(', ')} is not named: ${message}`;
  const isNamed = reason.oneOf.length === 0 || reason.oneOf.some((feature) => message.includes(feature));
  return isNamed ? undefined : `none of ${reason.oneOf.join(', ')} is named: ${message}`;
}

async function failureOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => undefined,
    (cause: unknown) => cause ?? 'nothing',
  );
}

type Feed = {
  readonly start: number;
  readonly end: number;
  readonly file?: string;
  readonly error?: { readonly reason: string };
  readonly commitTimestamps?: Readonly<Record<string, number>>;
};

/** The change feed of every range on record. */
async function checkFeeds(record: TableRecord, url: string): Promise<readonly Check[]> {
  const { feeds = [] }: { feeds?: readonly Feed[] } = Object(expectedJson(record, 'feeds.json') ?? {});
  const checks: Check[] = [];
  for (const feed of feeds) {
    const of = `${record.name} from ${feed.start} to ${feed.end}`;
    checks.push(await checked('feed', of, () => misreadFeed(record, url, feed)));
  }
  return checks;
}

const FEED_REFUSALS: readonly ErrorCode[] = [
  'FEED_UNAVAILABLE',
  'SCHEMA_CHANGED',
  'VERSION_NOT_FOUND',
  'USAGE',
];

async function misreadFeed(record: TableRecord, url: string, feed: Feed): Promise<string | undefined> {
  if (feed.error !== undefined) {
    const failure = await failureOf(feedTexts(url, feed));
    const isRefused = isSluiceError(failure) && FEED_REFUSALS.includes(failure.code);
    return isRefused ? undefined : `not refused, though ${feed.error.reason}: ${String(failure)}`;
  }
  const file = path.join(record.folder, 'expected', feed.file ?? '');
  if (!existsSync(file)) return `${file} is not there`;
  const expected = readFileSync(file, 'utf8');
  const found = await feedTexts(url, feed);
  return found.includes(expected) ? undefined : `\n--- expected\n${expected}--- found\n${found[0]}`;
}

/**
 * The feed of a range in the canonical form, sorted; a second time with null for the columns that the table has got
 * since, as Spark's batch reader gives it.
 */
async function feedTexts(
  url: string,
  { start, end, commitTimestamps = {} }: Feed,
): Promise<readonly string[]> {
  const store = localStore(url);
  const { fields } = (await openSnapshot(store, { signal: never, version: end })).schema;
  const since = (await openSnapshot(store, { signal: never })).schema.fields.slice(fields.length);
  const row = struct([...fields, CHANGE_TYPE, COMMIT_VERSION]);
  const padded = struct([...fields, ...since, CHANGE_TYPE, COMMIT_VERSION]);
  const lines: [string[], string[]] = [[], []];
  for await (const batch of readChanges(store, { from: start, to: end, signal: never })) {
    for (const values of rowsOf(batch, row)) {
      lines[0].push(`${canonicalRow(row, values)}\n`);
      const wide = values.toSpliced(fields.length, 0, ...since.map(() => null));
      lines[1].push(`${canonicalRow(padded, wide)}\n`);
    }
    for (const [version, at] of rowsOf(batch, struct([COMMIT_VERSION, COMMIT_TIMESTAMP]))) {
      const expected = commitTimestamps[String(version)];
      if (expected !== undefined && at !== BigInt(expected) * 1000n)
        throw new Error(`version ${String(version)} was committed at ${String(at)} µs, not ${expected} ms`);
    }
  }
  return lines.map((one) => one.sort(compareUtf8).join(''));
}
