import { BOOLEAN, INTEGER, LONG, STRING, array, field, struct } from '../schema/build.js';
import type { DataType, StructType } from '../schema/types.js';

const TEXT_MAP: DataType = { kind: 'map', key: STRING, value: STRING, valueContainsNull: true };

const DELETION_VECTOR = struct([
  field('storageType', STRING),
  field('pathOrInlineDv', STRING),
  field('offset', INTEGER),
  field('sizeInBytes', INTEGER),
  field('cardinality', LONG),
]);

/**
 * The columns of a classic checkpoint of the V1 specification, all nullable: a row holds one action and null in
 * every other column. Delta protocol, "Checkpoint Schema".
 */
export const CHECKPOINT_SCHEMA: StructType = struct([
  field('txn', struct([field('appId', STRING), field('version', LONG), field('lastUpdated', LONG)])),
  field(
    'add',
    struct([
      field('path', STRING),
      field('partitionValues', TEXT_MAP),
      field('size', LONG),
      field('modificationTime', LONG),
      field('dataChange', BOOLEAN),
      field('tags', TEXT_MAP),
      field('deletionVector', DELETION_VECTOR),
      field('baseRowId', LONG),
      field('defaultRowCommitVersion', LONG),
      field('clusteringProvider', STRING),
      field('stats', STRING),
    ]),
  ),
  field(
    'remove',
    struct([
      field('path', STRING),
      field('deletionTimestamp', LONG),
      field('dataChange', BOOLEAN),
      field('extendedFileMetadata', BOOLEAN),
      field('partitionValues', TEXT_MAP),
      field('size', LONG),
      field('deletionVector', DELETION_VECTOR),
      field('baseRowId', LONG),
      field('defaultRowCommitVersion', LONG),
    ]),
  ),
  field(
    'metaData',
    struct([
      field('id', STRING),
      field('name', STRING),
      field('description', STRING),
      field('format', struct([field('provider', STRING), field('options', TEXT_MAP)])),
      field('schemaString', STRING),
      field('partitionColumns', array(STRING)),
      field('configuration', TEXT_MAP),
      field('createdTime', LONG),
    ]),
  ),
  field(
    'protocol',
    struct([
      field('minReaderVersion', INTEGER),
      field('minWriterVersion', INTEGER),
      field('readerFeatures', array(STRING)),
      field('writerFeatures', array(STRING)),
    ]),
  ),
  field(
    'domainMetadata',
    struct([field('domain', STRING), field('configuration', STRING), field('removed', BOOLEAN)]),
  ),
]);

/** The columns of a V2 checkpoint that holds its files itself: those of a classic one, and what tells it apart. */
export const CHECKPOINT_V2_SCHEMA: StructType = struct([
  ...CHECKPOINT_SCHEMA.fields,
  field('checkpointMetadata', struct([field('version', LONG), field('tags', TEXT_MAP)])),
]);

/** The columns of a sidecar: file actions alone. Delta protocol, "Sidecar Files". */
export const SIDECAR_SCHEMA: StructType = struct(
  CHECKPOINT_SCHEMA.fields.filter(({ name }) => name === 'add' || name === 'remove'),
);

/** Top-level columns of actions that are no files. */
export const OTHER_COLUMNS = ['txn', 'metaData', 'protocol', 'domainMetadata', 'sidecar'] as const;
