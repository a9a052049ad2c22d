import { randomUUID } from 'node:crypto';
import { SluiceError } from '../base/errors.js';
import { isJsonObject, jsonToBigInt, JsonSyntaxError, ownMember, parseJson } from '../base/json.js';
import type { Action, AddFile, CommitInfo } from '../protocol/actions.js';
import { supportsFeature } from '../protocol/features.js';
import { isOn } from '../protocol/properties.js';
import {
  isRowTrackingOn,
  ROW_COMMIT_VERSION_NAME,
  ROW_ID_NAME,
  ROW_TRACKING_DOMAIN,
} from '../protocol/row-tracking.js';
import { recordCount } from '../protocol/stats.js';
import type { Snapshot } from './snapshot.js';

const SUSPENDED = 'delta.rowTrackingSuspended';
const PRESERVED = 'delta.rowTracking.preserved';

/**
 * The properties with names for the hidden columns in which rows that move keep their ids, where row tracking is on and
 * they have none. Delta protocol, "Row Tracking".
 */
export function withRowIdNames(
  configuration: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  if (!isRowTrackingOn(configuration)) return configuration;
  return {
    [ROW_ID_NAME]: `_row-id-col-${randomUUID()}`,
    [ROW_COMMIT_VERSION_NAME]: `_row-commit-version-col-${randomUUID()}`,
    ...configuration,
  };
}

/**
 * The actions with a first row id and a commit version for each file that has none, and how far ids have gone, where the
 * table, as these actions leave it, supports row tracking. Ids go on from those of `base`, so that they are made anew for
 * each attempt. Delta protocol, "Row Tracking".
 *
 * @throws SluiceError CORRUPT_LOG if it cannot be told how far ids have gone
 */
export function withRowTracking(
  base: Snapshot | undefined,
  version: number,
  actions: readonly Action[],
): readonly Action[] {
  const protocol = actions.find((action) => action.kind === 'protocol')?.protocol ?? base?.state.protocol;
  const configuration =
    actions.find((action) => action.kind === 'metaData')?.metaData.configuration ?? base?.configuration ?? {};
  if (protocol === undefined || !supportsFeature(protocol, 'rowTracking')) return actions;
  if (isOn(configuration, SUSPENDED)) return actions;
  const before = highWaterMark(base);
  let mark = before;
  const tracked = actions.map((action): Action => {
    if (action.kind === 'commitInfo' && isRowTrackingOn(configuration)) {
      return { kind: 'commitInfo', commitInfo: withPreserved(action.commitInfo) };
    }
    if (action.kind !== 'add' || action.add.baseRowId !== undefined) return action;
    const baseRowId = mark + 1n;
    mark += BigInt(rowsOf(action.add));
    return { kind: 'add', add: { ...action.add, baseRowId, defaultRowCommitVersion: BigInt(version) } };
  });
  if (mark === before) return tracked;
  const configurationText = `{"rowIdHighWaterMark":${mark},"domainName":"${ROW_TRACKING_DOMAIN}"}`;
  const [info, ...rest] = tracked;
  const domain: Action = {
    kind: 'domainMetadata',
    domainMetadata: { domain: ROW_TRACKING_DOMAIN, configuration: configurationText, removed: false },
  };
  return info === undefined ? [domain] : [info, domain, ...rest];
}

function rowsOf(add: AddFile): number {
  const rows = recordCount(add.stats);
  if (rows !== undefined) return rows;
  throw new SluiceError('PROTOCOL_UNSUPPORTED', `row tracking needs to know how many rows ${add.path} has`, {
    context: { file: add.path },
    hint: 'write the file with statistics',
  });
}

function withPreserved(info: CommitInfo): CommitInfo {
  const tags = ownMember(info, 'tags');
  return { ...info, tags: { ...(isJsonObject(tags) ? tags : {}), [PRESERVED]: 'true' } };
}

/** The greatest row id ever given, -1 before the first. */
function highWaterMark(base: Snapshot | undefined): bigint {
  const text = base?.domain(ROW_TRACKING_DOMAIN);
  if (text === undefined) return -1n;
  const mark = markIn(text);
  if (mark !== undefined) return mark;
  throw new SluiceError(
    'CORRUPT_LOG',
    `the domain ${ROW_TRACKING_DOMAIN} of ${base?.store.url} says nothing of row ids`,
    {
      context: { table: base?.store.url, version: base?.version },
      hint: 'repair the table with the engine that wrote the domain',
    },
  );
}

function markIn(text: string): bigint | undefined {
  try {
    const json = parseJson(text);
    return isJsonObject(json) ? jsonToBigInt(ownMember(json, 'rowIdHighWaterMark')) : undefined;
  } catch (cause) {
    if (cause instanceof JsonSyntaxError) return undefined;
    throw cause;
  }
}
