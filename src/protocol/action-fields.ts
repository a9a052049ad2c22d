import { SluiceError } from '../base/errors.js';
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

/** A file of file actions that a V2 checkpoint names. Delta protocol, "Sidecar File Information". */
export type Sidecar = {
  readonly path: string;
  readonly sizeInBytes: number;
  readonly modificationTime: number;
};

/** A line of a V2 checkpoint in JSON form: an action, or a sidecar that holds more of them. */
export type CheckpointLine = Action | { readonly kind: 'sidecar'; readonly sidecar: Sidecar };

/**
 * The fields of one action by name, as JSON or as a row of a checkpoint has them. Null counts as absent. A field
 * that is needed and absent, or of another type, is `CORRUPT_LOG`, which names action and field, no value.
 */
export interface ActionFields {
  string(name: string): string;
  stringIfAny(name: string): string | undefined;
  /** A safe integer or any other double. */
  number(name: string): number;
  numberIfAny(name: string): number | undefined;
  bigint(name: string): bigint;
  bigintIfAny(name: string): bigint | undefined;
  boolean(name: string): boolean;
  booleanIfAny(name: string): boolean | undefined;
  stringsIfAny(name: string): readonly string[] | undefined;
  /** A map of text; entries that are null are left out. */
  recordIfAny(name: string): Readonly<Record<string, string>> | undefined;
  /**
   * A map of text or null. The empty text stands for null in columns of every type, strings too, and becomes
   * null. Delta protocol, "Partition Value Serialization".
   */
  partitionValuesIfAny(name: string): PartitionValues | undefined;
  /** The fields of an object inside. */
  fieldsIfAny(name: string): ActionFields | undefined;
}

/** The partition values of every file of a table without partitions: one map for all of them. */
export const NO_PARTITION_VALUES: PartitionValues = new Map();

const ACTION_NAMES = [
  'add',
  'remove',
  'cdc',
  'txn',
  'metaData',
  'protocol',
  'domainMetadata',
  'sidecar',
] as const;

/** What an action with fields is called in the log; `commitInfo` is free-form and not among them. */
export type ActionName = (typeof ACTION_NAMES)[number];

export function isActionName(name: string): name is ActionName {
  return ACTION_NAMES.some((known) => known === name);
}

/** The action of that name with those fields; fields that are not known are not looked at. */
export function readAction(kind: ActionName, fields: ActionFields): CheckpointLine {
  switch (kind) {
    case 'add':
      return { kind, add: readAdd(fields) };
    case 'remove':
      return { kind, remove: readRemove(fields) };
    case 'cdc':
      return { kind, cdc: readCdc(fields) };
    case 'txn':
      return { kind, txn: readTxn(fields) };
    case 'metaData':
      return { kind, metaData: readMetadata(fields) };
    case 'protocol':
      return { kind, protocol: readProtocol(fields) };
    case 'domainMetadata':
      return { kind, domainMetadata: readDomain(fields) };
    case 'sidecar':
      return { kind, sidecar: readSidecar(fields) };
  }
}

function readAdd(fields: ActionFields): AddFile {
  return defined({
    path: fields.string('path'),
    partitionValues: fields.partitionValuesIfAny('partitionValues') ?? NO_PARTITION_VALUES,
    size: fields.number('size'),
    modificationTime: fields.number('modificationTime'),
    dataChange: fields.boolean('dataChange'),
    stats: fields.stringIfAny('stats'),
    tags: fields.recordIfAny('tags'),
    deletionVector: readDeletionVector(fields.fieldsIfAny('deletionVector')),
    baseRowId: fields.bigintIfAny('baseRowId'),
    defaultRowCommitVersion: fields.bigintIfAny('defaultRowCommitVersion'),
    clusteringProvider: fields.stringIfAny('clusteringProvider'),
  });
}

function readRemove(fields: ActionFields): RemoveFile {
  return defined({
    path: fields.string('path'),
    deletionTimestamp: fields.numberIfAny('deletionTimestamp'),
    dataChange: fields.booleanIfAny('dataChange') ?? true,
    extendedFileMetadata: fields.booleanIfAny('extendedFileMetadata'),
    partitionValues: fields.partitionValuesIfAny('partitionValues'),
    size: fields.numberIfAny('size'),
    stats: fields.stringIfAny('stats'),
    tags: fields.recordIfAny('tags'),
    deletionVector: readDeletionVector(fields.fieldsIfAny('deletionVector')),
    baseRowId: fields.bigintIfAny('baseRowId'),
    defaultRowCommitVersion: fields.bigintIfAny('defaultRowCommitVersion'),
  });
}

function readCdc(fields: ActionFields): CdcFile {
  return defined({
    path: fields.string('path'),
    partitionValues: fields.partitionValuesIfAny('partitionValues') ?? NO_PARTITION_VALUES,
    size: fields.number('size'),
    tags: fields.recordIfAny('tags'),
  });
}

/** The descriptor in those fields; undefined where there are none. */
export function readDeletionVector(fields: ActionFields | undefined): DeletionVectorDescriptor | undefined {
  if (fields === undefined) return undefined;
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

function readTxn(fields: ActionFields): Txn {
  return defined({
    appId: fields.string('appId'),
    version: fields.bigint('version'),
    lastUpdated: fields.numberIfAny('lastUpdated'),
  });
}

function readMetadata(fields: ActionFields): Metadata {
  const provider = fields.fieldsIfAny('format')?.stringIfAny('provider');
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
    // Some logs hold versions without one: a table of such a version fails when its schema is asked for.
    schemaString: fields.stringIfAny('schemaString') ?? '',
    partitionColumns: fields.stringsIfAny('partitionColumns') ?? [],
    configuration: fields.recordIfAny('configuration') ?? {},
    createdTime: fields.numberIfAny('createdTime'),
  });
}

function readProtocol(fields: ActionFields): Protocol {
  return defined({
    minReaderVersion: fields.number('minReaderVersion'),
    minWriterVersion: fields.number('minWriterVersion'),
    readerFeatures: fields.stringsIfAny('readerFeatures'),
    writerFeatures: fields.stringsIfAny('writerFeatures'),
  });
}

function readDomain(fields: ActionFields): DomainMetadata {
  return {
    domain: fields.string('domain'),
    configuration: fields.stringIfAny('configuration') ?? '',
    removed: fields.booleanIfAny('removed') ?? false,
  };
}

function readSidecar(fields: ActionFields): Sidecar {
  return {
    path: fields.string('path'),
    sizeInBytes: fields.number('sizeInBytes'),
    modificationTime: fields.number('modificationTime'),
  };
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
