import { unreachable } from '../base/errors.js';
import type { StructType, Value } from '../schema/types.js';
import { readAction, type CheckpointLine } from './action-fields.js';
import type {
  Action,
  AddFile,
  DeletionVectorDescriptor,
  Metadata,
  PartitionValues,
  Protocol,
  Txn,
} from './actions.js';
import { CHECKPOINT_SCHEMA, SIDECAR_SCHEMA, type OTHER_COLUMNS } from './checkpoint-schema.js';
import { tableProperty } from './properties.js';
import type { TableState, Tombstone } from './replay.js';
import { RowFields } from './row-fields.js';

export {
  CHECKPOINT_SCHEMA,
  CHECKPOINT_V2_SCHEMA,
  OTHER_COLUMNS,
  SIDECAR_SCHEMA,
} from './checkpoint-schema.js';

/** The rows of one checkpoint, and how many they are. */
export type CheckpointRows = {
  readonly count: number;
  readonly addFiles: number;
  /** Live and removed files. */
  readonly files: number;
  /** Each row once, with the columns of `CHECKPOINT_SCHEMA`. */
  readonly rows: Iterable<readonly Value[]>;
  /** The rows of live and removed files alone, with the columns of `SIDECAR_SCHEMA`. */
  readonly fileRows: Iterable<readonly Value[]>;
  /** What is no file, as actions. */
  readonly others: readonly Action[];
};

/**
 * What a checkpoint holds of a state: protocol, metadata, txns, domains, live files with stats, and the
 * removed files that VACUUM must still keep. Removals past `delta.deletedFileRetentionDuration` and txns
 * past `delta.setTransactionRetentionDuration`, those without a time among them, are left out. Delta
 * protocol, "Checkpoints" and "Action Reconciliation".
 */
export function checkpointRows(state: TableState, nowMs: number): CheckpointRows {
  const keepFrom = nowMs - tableProperty(state.configuration, 'deletedFileRetentionMs');
  const tombstones = state.tombstones.toArray().filter((file) => (file.deletionTimestamp ?? 0) >= keepFrom);
  const txns = unexpiredTxns(state, nowMs);
  // The files as they are: while rows are taken, later versions may be made from the same index.
  const adds = state.files.toArray();
  const others = otherActions(state, txns);
  const files = adds.length + tombstones.length;
  return {
    count: others.length + files,
    addFiles: adds.length,
    files,
    rows: {
      *[Symbol.iterator]() {
        for (const action of others) yield otherRow(action);
        yield* fileRows(adds, tombstones, CHECKPOINT_SCHEMA);
      },
    },
    fileRows: { [Symbol.iterator]: () => fileRows(adds, tombstones, SIDECAR_SCHEMA) },
    others,
  };
}

/** The txns that count at that time: all, unless the table limits how long they do. */
export function unexpiredTxns(state: TableState, nowMs: number): readonly Txn[] {
  const retentionMs = tableProperty(state.configuration, 'txnRetentionMs');
  const txns = [...state.txns.values()];
  if (retentionMs === undefined) return txns;
  return txns.filter(({ lastUpdated }) => lastUpdated !== undefined && lastUpdated >= nowMs - retentionMs);
}

/**
 * The action in a cell of one of the columns that hold no files, whichever writer's: fields that are not there are null,
 * unknown ones are skipped; none for a null. `CORRUPT_LOG` for an action without what it needs.
 */
export function otherActionOf(
  column: (typeof OTHER_COLUMNS)[number],
  value: Value,
): CheckpointLine | undefined {
  const fields = RowFields.of(value, column);
  return fields === undefined ? undefined : readAction(column, fields);
}

type OtherAction = Extract<Action, { kind: 'protocol' | 'metaData' | 'txn' | 'domainMetadata' }>;

function otherActions(state: TableState, txns: readonly Txn[]): readonly OtherAction[] {
  return [
    { kind: 'protocol', protocol: state.protocol },
    { kind: 'metaData', metaData: state.metadata },
    ...txns.map((txn) => ({ kind: 'txn', txn }) as const),
    ...[...state.domains].map(
      ([domain, configuration]) =>
        ({ kind: 'domainMetadata', domainMetadata: { domain, configuration, removed: false } }) as const,
    ),
  ];
}

function otherRow(action: OtherAction): readonly Value[] {
  switch (action.kind) {
    case 'protocol':
      return row('protocol', protocolValue(action.protocol), CHECKPOINT_SCHEMA);
    case 'metaData':
      return row('metaData', metadataValue(action.metaData), CHECKPOINT_SCHEMA);
    case 'txn':
      return row('txn', txnValue(action.txn), CHECKPOINT_SCHEMA);
    case 'domainMetadata':
      return row('domainMetadata', { ...action.domainMetadata }, CHECKPOINT_SCHEMA);
    default:
      return unreachable(action);
  }
}

function* fileRows(
  adds: readonly AddFile[],
  tombstones: readonly Tombstone[],
  schema: StructType,
): Generator<readonly Value[], void, undefined> {
  for (const add of adds) yield row('add', addValue(add), schema);
  for (const remove of tombstones) yield row('remove', removeValue(remove), schema);
}

function row(column: string, value: Value, schema: StructType): readonly Value[] {
  return schema.fields.map(({ name }) => (name === column ? value : null));
}

function protocolValue(protocol: Protocol): Value {
  return {
    minReaderVersion: protocol.minReaderVersion,
    minWriterVersion: protocol.minWriterVersion,
    readerFeatures: protocol.readerFeatures ?? null,
    writerFeatures: protocol.writerFeatures ?? null,
  };
}

function metadataValue(metadata: Metadata): Value {
  return {
    id: metadata.id,
    name: metadata.name ?? null,
    description: metadata.description ?? null,
    format: { provider: 'parquet', options: [] },
    schemaString: metadata.schemaString,
    partitionColumns: metadata.partitionColumns,
    configuration: Object.entries(metadata.configuration),
    createdTime: long(metadata.createdTime),
  };
}

function txnValue(txn: Txn): Value {
  return { appId: txn.appId, version: txn.version, lastUpdated: long(txn.lastUpdated) };
}

function addValue(add: AddFile): Value {
  return {
    path: add.path,
    partitionValues: pairs(add.partitionValues),
    size: BigInt(add.size),
    modificationTime: BigInt(add.modificationTime),
    dataChange: false,
    tags: add.tags === undefined ? null : Object.entries(add.tags),
    deletionVector: vectorValue(add.deletionVector),
    baseRowId: add.baseRowId ?? null,
    defaultRowCommitVersion: add.defaultRowCommitVersion ?? null,
    clusteringProvider: add.clusteringProvider ?? null,
    stats: add.stats ?? null,
  };
}

function removeValue(remove: Tombstone): Value {
  return {
    path: remove.path,
    deletionTimestamp: long(remove.deletionTimestamp),
    dataChange: false,
    extendedFileMetadata: remove.extendedFileMetadata ?? null,
    partitionValues: remove.partitionValues === undefined ? null : pairs(remove.partitionValues),
    size: long(remove.size),
    deletionVector: vectorValue(remove.deletionVector),
    baseRowId: remove.baseRowId ?? null,
    defaultRowCommitVersion: remove.defaultRowCommitVersion ?? null,
  };
}

function vectorValue(descriptor: DeletionVectorDescriptor | undefined): Value {
  if (descriptor === undefined) return null;
  return {
    storageType: descriptor.storageType,
    pathOrInlineDv: descriptor.pathOrInlineDv,
    offset: descriptor.offset ?? null,
    sizeInBytes: descriptor.sizeInBytes,
    cardinality: BigInt(descriptor.cardinality),
  };
}

function pairs(values: PartitionValues): Value {
  return [...values];
}

function long(value: number | undefined): bigint | null {
  return value === undefined ? null : BigInt(value);
}
