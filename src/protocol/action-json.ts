import { SluiceError, isSluiceError, unreachable } from '../base/errors.js';
import {
  isJsonObject,
  JsonSyntaxError,
  ownMember,
  parseJson,
  stringifyJson,
  type JsonObject,
  type JsonValue,
} from '../base/json.js';
import type {
  Action,
  AddFile,
  CdcFile,
  DeletionVectorDescriptor,
  Metadata,
  PartitionValues,
  Protocol,
  RemoveFile,
} from './actions.js';
import { isActionName, readAction, type CheckpointLine, type Sidecar } from './action-fields.js';
import { JsonFields } from './json-fields.js';

export type { CheckpointLine } from './action-fields.js';

/**
 * Reads the actions of a commit, one JSON object a line. Lossless for what is kept: integers beyond 2^53
 * in `txn`, row ids and `commitInfo` stay exact. Actions and fields that are not known are skipped, blank
 * lines and a missing last newline tolerated. Delta protocol, "Actions".
 *
 * @param file - what to name in errors
 * @throws SluiceError CORRUPT_LOG for a line that is no JSON object or an action without a field it needs
 */
export function parseActions(text: string, file?: string): Action[] {
  const actions: Action[] = [];
  for (const line of parseCheckpointLines(text, file)) if (line.kind !== 'sidecar') actions.push(line);
  return actions;
}

/** Like `parseActions`, for the JSON form of a V2 checkpoint, whose sidecars are kept. */
export function parseCheckpointLines(text: string, file?: string): CheckpointLine[] {
  const lines: CheckpointLine[] = [];
  let lineNumber = 0;
  for (let start = 0; start < text.length;) {
    const newline = text.indexOf('\n', start);
    const end = newline < 0 ? text.length : newline;
    const line = text.slice(start, end);
    lineNumber++;
    start = end + 1;
    if (line.trim() !== '') parseLine(line, lines, { file, line: lineNumber });
  }
  return lines;
}

/**
 * Writes actions as a commit: one object a line, newline at the end, the fields in Delta Spark's order and
 * absent ones left out. `parseActions` gives the same actions back.
 */
export function formatActions(actions: Iterable<Action>): string {
  let text = '';
  for (const action of actions) text += formatAction(action) + '\n';
  return text;
}

/**
 * The top-level file of a V2 checkpoint in its JSON form: the version, the actions that are no files, and the sidecars
 * that hold the files. Delta protocol, "V2 Spec".
 */
export function formatTopLevel(
  version: number,
  others: Iterable<Action>,
  sidecars: Iterable<Sidecar>,
): string {
  let text = wrapped('checkpointMetadata', { version }) + '\n' + formatActions(others);
  for (const { path, sizeInBytes, modificationTime } of sidecars) {
    text += wrapped('sidecar', { path, sizeInBytes, modificationTime }) + '\n';
  }
  return text;
}

type Where = { readonly file: string | undefined; readonly line: number };

function parseLine(line: string, into: CheckpointLine[], where: Where): void {
  try {
    const object = parseJson(line);
    if (!isJsonObject(object)) throw new SluiceError('CORRUPT_LOG', 'a line of the log is no JSON object');
    for (const kind of Object.keys(object)) {
      const body = ownMember(object, kind);
      // A checkpoint in JSON form may name the other kinds with null.
      if (body === null || body === undefined) continue;
      const action = parseAction(kind, body);
      if (action !== undefined) into.push(action);
    }
  } catch (cause) {
    if (!(cause instanceof JsonSyntaxError) && !isSluiceError(cause, 'CORRUPT_LOG')) throw cause;
    throw new SluiceError(
      'CORRUPT_LOG',
      `${cause.message} (${where.file ?? 'log file'}, line ${where.line})`,
      {
        context: { file: where.file, line: where.line },
        cause,
      },
    );
  }
}

function parseAction(kind: string, body: JsonValue): CheckpointLine | undefined {
  if (kind !== 'commitInfo' && !isActionName(kind)) return undefined;
  if (!isJsonObject(body)) {
    throw new SluiceError('CORRUPT_LOG', `the action ${kind} in the log is no object`, {
      context: { action: kind },
    });
  }
  return kind === 'commitInfo' ? { kind, commitInfo: body } : readAction(kind, new JsonFields(body, kind));
}

/** The body of an action as JSON, without its kind. */
export function actionJson(action: Action): JsonObject {
  return present(draftOf(action));
}

function formatAction(action: Action): string {
  return wrapped(action.kind, draftOf(action));
}

function draftOf(action: Action): Draft {
  switch (action.kind) {
    case 'add':
      return addJson(action.add);
    case 'remove':
      return removeJson(action.remove);
    case 'cdc':
      return cdcJson(action.cdc);
    case 'txn':
      return { ...action.txn };
    case 'commitInfo':
      return action.commitInfo;
    case 'metaData':
      return metadataJson(action.metaData);
    case 'protocol':
      return protocolJson(action.protocol);
    case 'domainMetadata':
      return { ...action.domainMetadata };
    default:
      return unreachable(action);
  }
}

/** An object to be written: members that are undefined are left out. */
type Draft = { readonly [key: string]: JsonValue | undefined };

function wrapped(kind: string, body: Draft): string {
  return `{"${kind}":${stringifyJson(present(body))}}`;
}

function addJson(add: AddFile): Draft {
  return {
    path: add.path,
    partitionValues: mapJson(add.partitionValues),
    size: add.size,
    modificationTime: add.modificationTime,
    dataChange: add.dataChange,
    stats: add.stats,
    tags: add.tags,
    deletionVector: deletionVectorJson(add.deletionVector),
    baseRowId: add.baseRowId,
    defaultRowCommitVersion: add.defaultRowCommitVersion,
    clusteringProvider: add.clusteringProvider,
  };
}

function removeJson(remove: RemoveFile): Draft {
  return {
    path: remove.path,
    deletionTimestamp: remove.deletionTimestamp,
    dataChange: remove.dataChange,
    extendedFileMetadata: remove.extendedFileMetadata,
    partitionValues: remove.partitionValues === undefined ? undefined : mapJson(remove.partitionValues),
    size: remove.size,
    tags: remove.tags,
    deletionVector: deletionVectorJson(remove.deletionVector),
    baseRowId: remove.baseRowId,
    defaultRowCommitVersion: remove.defaultRowCommitVersion,
    stats: remove.stats,
  };
}

function cdcJson(cdc: CdcFile): Draft {
  return {
    path: cdc.path,
    partitionValues: mapJson(cdc.partitionValues),
    size: cdc.size,
    dataChange: false,
    tags: cdc.tags,
  };
}

function metadataJson(metadata: Metadata): Draft {
  return {
    id: metadata.id,
    name: metadata.name,
    description: metadata.description,
    format: { provider: 'parquet', options: {} },
    schemaString: metadata.schemaString,
    partitionColumns: metadata.partitionColumns,
    configuration: metadata.configuration,
    createdTime: metadata.createdTime,
  };
}

function protocolJson(protocol: Protocol): Draft {
  return {
    minReaderVersion: protocol.minReaderVersion,
    minWriterVersion: protocol.minWriterVersion,
    readerFeatures: protocol.readerFeatures,
    writerFeatures: protocol.writerFeatures,
  };
}

function deletionVectorJson(descriptor: DeletionVectorDescriptor | undefined): JsonValue | undefined {
  if (descriptor === undefined) return undefined;
  return present({
    storageType: descriptor.storageType,
    pathOrInlineDv: descriptor.pathOrInlineDv,
    offset: descriptor.offset,
    sizeInBytes: descriptor.sizeInBytes,
    cardinality: descriptor.cardinality,
  });
}

function mapJson(values: PartitionValues): JsonObject {
  return Object.fromEntries(values);
}

function present(draft: Draft): JsonObject {
  const entries: [string, JsonValue][] = [];
  for (const [key, value] of Object.entries(draft)) if (value !== undefined) entries.push([key, value]);
  return Object.fromEntries(entries);
}
