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
  DomainMetadata,
  Metadata,
  PartitionValues,
  Protocol,
  RemoveFile,
  Txn,
} from './actions.js';
import { JsonFields, NO_PARTITION_VALUES } from './json-fields.js';

/** A file of file actions that a V2 checkpoint names. Delta protocol, "Sidecar File Information". */
export type Sidecar = {
  readonly path: string;
  readonly sizeInBytes: number;
  readonly modificationTime: number;
};

/** A line of a V2 checkpoint in JSON form: an action, or a sidecar that holds more of them. */
export type CheckpointLine = Action | { readonly kind: 'sidecar'; readonly sidecar: Sidecar };

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
  switch (kind) {
    case 'add':
      return { kind, add: parseAdd(fieldsOf(body, kind)) };
    case 'remove':
      return { kind, remove: parseRemove(fieldsOf(body, kind)) };
    case 'cdc':
      return { kind, cdc: parseCdc(fieldsOf(body, kind)) };
    case 'txn':
      return { kind, txn: parseTxn(fieldsOf(body, kind)) };
    case 'commitInfo':
      return { kind, commitInfo: objectOf(body, kind) };
    case 'metaData':
      return { kind, metaData: parseMetadata(fieldsOf(body, kind)) };
    case 'protocol':
      return { kind, protocol: parseProtocol(fieldsOf(body, kind)) };
    case 'domainMetadata':
      return { kind, domainMetadata: parseDomain(fieldsOf(body, kind)) };
    case 'sidecar':
      return { kind, sidecar: parseSidecar(fieldsOf(body, kind)) };
    default:
      return undefined;
  }
}

function objectOf(body: JsonValue, kind: string): JsonObject {
  if (isJsonObject(body)) return body;
  throw new SluiceError('CORRUPT_LOG', `the action ${kind} in the log is no object`, {
    context: { action: kind },
  });
}

function fieldsOf(body: JsonValue, kind: string): JsonFields {
  return new JsonFields(objectOf(body, kind), kind);
}

function parseAdd(fields: JsonFields): AddFile {
  return defined({
    path: fields.string('path'),
    partitionValues: fields.partitionValuesIfAny('partitionValues') ?? NO_PARTITION_VALUES,
    size: fields.number('size'),
    modificationTime: fields.number('modificationTime'),
    dataChange: fields.boolean('dataChange'),
    stats: fields.stringIfAny('stats'),
    tags: fields.recordIfAny('tags'),
    deletionVector: parseDeletionVector(fields.objectIfAny('deletionVector')),
    baseRowId: fields.bigintIfAny('baseRowId'),
    defaultRowCommitVersion: fields.bigintIfAny('defaultRowCommitVersion'),
    clusteringProvider: fields.stringIfAny('clusteringProvider'),
  });
}

function parseRemove(fields: JsonFields): RemoveFile {
  return defined({
    path: fields.string('path'),
    deletionTimestamp: fields.numberIfAny('deletionTimestamp'),
    dataChange: fields.booleanIfAny('dataChange') ?? true,
    extendedFileMetadata: fields.booleanIfAny('extendedFileMetadata'),
    partitionValues: fields.partitionValuesIfAny('partitionValues'),
    size: fields.numberIfAny('size'),
    stats: fields.stringIfAny('stats'),
    tags: fields.recordIfAny('tags'),
    deletionVector: parseDeletionVector(fields.objectIfAny('deletionVector')),
    baseRowId: fields.bigintIfAny('baseRowId'),
    defaultRowCommitVersion: fields.bigintIfAny('defaultRowCommitVersion'),
  });
}

function parseCdc(fields: JsonFields): CdcFile {
  return defined({
    path: fields.string('path'),
    partitionValues: fields.partitionValuesIfAny('partitionValues') ?? NO_PARTITION_VALUES,
    size: fields.number('size'),
    tags: fields.recordIfAny('tags'),
  });
}

function parseDeletionVector(object: JsonObject | undefined): DeletionVectorDescriptor | undefined {
  if (object === undefined) return undefined;
  const fields = new JsonFields(object, 'deletionVector');
  return defined({
    storageType: storageTypeOf(fields.string('storageType')),
    pathOrInlineDv: fields.string('pathOrInlineDv'),
    offset: fields.numberIfAny('offset'),
    sizeInBytes: fields.number('sizeInBytes'),
    cardinality: fields.number('cardinality'),
  });
}

function storageTypeOf(text: string): DeletionVectorDescriptor['storageType'] {
  if (text === 'u' || text === 'i' || text === 'p') return text;
  throw new SluiceError('CORRUPT_LOG', `a deletion vector is stored as "${text}", which is not known`, {
    context: { action: 'deletionVector', field: 'storageType' },
  });
}

function parseTxn(fields: JsonFields): Txn {
  return defined({
    appId: fields.string('appId'),
    version: fields.bigint('version'),
    lastUpdated: fields.numberIfAny('lastUpdated'),
  });
}

function parseMetadata(fields: JsonFields): Metadata {
  const format = fields.objectIfAny('format');
  const provider =
    format === undefined ? undefined : new JsonFields(format, 'metaData.format').stringIfAny('provider');
  if (provider !== undefined && provider.toLowerCase() !== 'parquet') {
    throw new SluiceError(
      'PROTOCOL_UNSUPPORTED',
      `the table's files are ${provider}, only parquet is supported`,
      {
        context: { format: provider },
      },
    );
  }
  return defined({
    id: fields.string('id'),
    name: fields.stringIfAny('name'),
    description: fields.stringIfAny('description'),
    schemaString: fields.string('schemaString'),
    partitionColumns: fields.stringsIfAny('partitionColumns') ?? [],
    configuration: fields.recordIfAny('configuration') ?? {},
    createdTime: fields.numberIfAny('createdTime'),
  });
}

function parseProtocol(fields: JsonFields): Protocol {
  return defined({
    minReaderVersion: fields.number('minReaderVersion'),
    minWriterVersion: fields.number('minWriterVersion'),
    readerFeatures: fields.stringsIfAny('readerFeatures'),
    writerFeatures: fields.stringsIfAny('writerFeatures'),
  });
}

function parseDomain(fields: JsonFields): DomainMetadata {
  return {
    domain: fields.string('domain'),
    configuration: fields.stringIfAny('configuration') ?? '',
    removed: fields.booleanIfAny('removed') ?? false,
  };
}

function parseSidecar(fields: JsonFields): Sidecar {
  return {
    path: fields.string('path'),
    sizeInBytes: fields.number('sizeInBytes'),
    modificationTime: fields.number('modificationTime'),
  };
}

function formatAction(action: Action): string {
  switch (action.kind) {
    case 'add':
      return wrapped(action.kind, addJson(action.add));
    case 'remove':
      return wrapped(action.kind, removeJson(action.remove));
    case 'cdc':
      return wrapped(action.kind, cdcJson(action.cdc));
    case 'txn':
      return wrapped(action.kind, { ...action.txn });
    case 'commitInfo':
      return wrapped(action.kind, action.commitInfo);
    case 'metaData':
      return wrapped(action.kind, metadataJson(action.metaData));
    case 'protocol':
      return wrapped(action.kind, protocolJson(action.protocol));
    case 'domainMetadata':
      return wrapped(action.kind, { ...action.domainMetadata });
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

/** An object whose optional members may be given as undefined; `defined` leaves those out. */
type Loose<T> = {
  readonly [K in keyof T as undefined extends T[K] ? never : K]: T[K];
} & { readonly [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined> };

function defined<T extends object>(object: T): Loose<T> {
  const entries = Object.entries(object).filter(([, value]) => value !== undefined);
  // The members that are left are those of T; the type system does not follow a filter.
  return Object.fromEntries(entries) as Loose<T>;
}
