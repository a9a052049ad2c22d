import type { DataType, StructType } from '../schema/types.js';
import type { Metadata, Protocol } from './actions.js';
import { isOn } from './properties.js';
import { isRowTrackingOn, rowIdColumns } from './row-tracking.js';

/** Delta protocol, "Table Features", and the features that Delta Spark ships beyond that list. */
const READER_WRITER_FEATURES: ReadonlySet<string> = new Set([
  'columnMapping',
  'deletionVectors',
  'timestampNtz',
  'v2Checkpoint',
  'vacuumProtocolCheck',
  'typeWidening',
  'typeWidening-preview',
  'variantType',
  'variantType-preview',
  'variantShredding',
  'variantShredding-preview',
  'catalogManaged',
  'geospatial',
]);

/** Features that Sluice reads. Writer-only features ask nothing of a reader. */
const READABLE: ReadonlySet<string> = new Set([
  'columnMapping',
  'deletionVectors',
  'timestampNtz',
  'v2Checkpoint',
  'vacuumProtocolCheck',
  'typeWidening',
  'typeWidening-preview',
  'variantType',
  'variantType-preview',
]);

type Usage = (metadata: Metadata, schema: StructType) => boolean;

const never: Usage = () => false;

/** Features that Sluice writes, each with what in a table's metadata it could not honour. */
const WRITABLE: ReadonlyMap<string, Usage> = new Map<string, Usage>([
  ['appendOnly', never],
  ['changeDataFeed', never],
  ['clustering', never],
  ['columnMapping', never],
  ['deletionVectors', never],
  ['domainMetadata', never],
  ['inCommitTimestamp', never],
  ['materializePartitionColumns', never],
  // Rows that move keep their ids in columns that the table names.
  [
    'rowTracking',
    ({ configuration }) => isRowTrackingOn(configuration) && rowIdColumns(configuration) === undefined,
  ],
  ['timestampNtz', never],
  ['typeWidening', never],
  ['typeWidening-preview', never],
  ['v2Checkpoint', never],
  ['vacuumProtocolCheck', never],
  ['invariants', (_, schema) => hasFieldKey(schema, (key) => key === 'delta.invariants')],
  ['checkConstraints', ({ configuration }) => hasKey(configuration, 'delta.constraints.')],
  ['generatedColumns', (_, schema) => hasFieldKey(schema, (key) => key === 'delta.generationExpression')],
  ['identityColumns', (_, schema) => hasFieldKey(schema, (key) => key.startsWith('delta.identity.'))],
  ['allowColumnDefaults', (_, schema) => hasFieldKey(schema, (key) => key === 'CURRENT_DEFAULT')],
]);

/** What each writer version before 7 brought. */
const LEGACY_WRITER: readonly (readonly [version: number, features: readonly string[]])[] = [
  [2, ['appendOnly', 'invariants']],
  [3, ['checkConstraints']],
  [4, ['changeDataFeed', 'generatedColumns']],
  [5, ['columnMapping']],
  [6, ['identityColumns']],
];

const READER_VERSION = 3;
const WRITER_VERSION = 7;

/** The features of a table that Sluice creates, before those that its columns and options need. */
export const CREATE_FEATURES: readonly string[] = [
  'appendOnly',
  'changeDataFeed',
  'deletionVectors',
  'domainMetadata',
  'invariants',
];

/**
 * Names of what a reader must know and Sluice does not; none means that the table can be read. Writer-only
 * features, known or not, are no reason to refuse.
 */
export function canRead(protocol: Protocol): string[] {
  const version = protocol.minReaderVersion;
  if (version > READER_VERSION) return [`reader version ${version}`];
  if (version < READER_VERSION) return [];
  return (protocol.readerFeatures ?? []).filter((name) => !READABLE.has(name)).sort();
}

/**
 * Names of what a writer must know and Sluice does not; none means that the table can be written. A feature
 * that asks for SQL expressions or generated values is a reason only if the table uses it, not if its
 * protocol merely allows it.
 */
export function canWrite(protocol: Protocol, metadata: Metadata, schema: StructType): string[] {
  const refused = new Set(canRead(protocol));
  if (protocol.minWriterVersion > WRITER_VERSION) refused.add(`writer version ${protocol.minWriterVersion}`);
  for (const name of supportedFeatures(protocol)) {
    const usage = WRITABLE.get(name);
    if (usage === undefined || usage(metadata, schema)) refused.add(name);
  }
  return [...refused].sort();
}

/**
 * Every feature that a table's protocol supports: those listed, and those that its legacy versions imply.
 * Supported is not in use: a property or the schema switches most of them on.
 */
export function supportedFeatures(protocol: Protocol): ReadonlySet<string> {
  const names = new Set<string>();
  if (protocol.minReaderVersion === 2) names.add('columnMapping');
  for (const name of protocol.readerFeatures ?? []) names.add(name);
  if (protocol.minWriterVersion >= WRITER_VERSION) {
    for (const name of protocol.writerFeatures ?? []) names.add(name);
    return names;
  }
  for (const [version, features] of LEGACY_WRITER) {
    if (protocol.minWriterVersion >= version) for (const name of features) names.add(name);
  }
  return names;
}

export function supportsFeature(protocol: Protocol, name: string): boolean {
  return supportedFeatures(protocol).has(name);
}

/**
 * The protocol (3, 7) with exactly these features and those they depend on, sorted by name. A feature that
 * concerns readers stands in both lists.
 */
export function protocolFor(features: Iterable<string>): Protocol {
  const writerFeatures = [...withDependencies(features)].sort();
  return {
    minReaderVersion: READER_VERSION,
    minWriterVersion: WRITER_VERSION,
    readerFeatures: writerFeatures.filter((name) => READER_WRITER_FEATURES.has(name)),
    writerFeatures,
  };
}

/**
 * The protocol that supports these features too: itself if it does already, otherwise one with lists, in which
 * every feature that legacy versions implied is enumerated. The reader version rises only if a feature
 * concerns readers. A protocol never loses a feature here.
 */
export function addFeatures(protocol: Protocol, names: Iterable<string>): Protocol {
  const supported = supportedFeatures(protocol);
  const missing = [...withDependencies(names)].filter((name) => !supported.has(name));
  if (missing.length === 0) return protocol;
  const writerFeatures = [...new Set([...supported, ...missing])].sort();
  const forReaders = missing.some((name) => READER_WRITER_FEATURES.has(name));
  if (protocol.minReaderVersion < READER_VERSION && !forReaders) {
    return { minReaderVersion: protocol.minReaderVersion, minWriterVersion: WRITER_VERSION, writerFeatures };
  }
  const listed = new Set(protocol.readerFeatures);
  return {
    minReaderVersion: READER_VERSION,
    minWriterVersion: WRITER_VERSION,
    readerFeatures: writerFeatures.filter((name) => listed.has(name) || READER_WRITER_FEATURES.has(name)),
    writerFeatures,
  };
}

/** Properties that switch a feature on, each with its feature. Delta protocol, "Table Features". */
const SWITCHES: readonly (readonly [property: string, feature: string])[] = [
  ['delta.appendOnly', 'appendOnly'],
  ['delta.enableChangeDataFeed', 'changeDataFeed'],
  ['delta.enableChangeDataCapture', 'changeDataFeed'],
  ['delta.enableDeletionVectors', 'deletionVectors'],
  ['delta.enableInCommitTimestamps', 'inCommitTimestamp'],
  ['delta.enableRowTracking', 'rowTracking'],
  ['delta.enableTypeWidening', 'typeWidening'],
  ['delta.enableVariantShredding', 'variantShredding'],
  ['delta.enableIcebergCompatV1', 'icebergCompatV1'],
  ['delta.enableIcebergCompatV2', 'icebergCompatV2'],
  ['delta.enableIcebergCompatV3', 'icebergCompatV3'],
  ['delta.enableIcebergWriterCompatV1', 'icebergWriterCompatV1'],
  ['delta.enableIcebergWriterCompatV3', 'icebergWriterCompatV3'],
];

/** The features that a table with this schema and these properties needs, those that are switched on among them. */
export function featuresNeeded(
  schema: StructType,
  configuration: Readonly<Record<string, string>>,
): string[] {
  const names = SWITCHES.filter(([property]) => isOn(configuration, property)).map(([, feature]) => feature);
  const mode = configuration['delta.columnMapping.mode'];
  if (mode === 'name' || mode === 'id') names.push('columnMapping');
  if (hasPrimitive(schema, 'timestamp_ntz')) names.push('timestampNtz');
  if (hasFieldKey(schema, (key) => key === 'delta.typeChanges')) names.push('typeWidening');
  if (configuration['delta.checkpointPolicy']?.trim().toLowerCase() === 'v2') names.push('v2Checkpoint');
  return [...new Set(names)];
}

/** Delta protocol: features that are only valid with others. */
const DEPENDENCIES: ReadonlyMap<string, readonly string[]> = new Map([
  ['clustering', ['domainMetadata']],
  ['icebergCompatV1', ['columnMapping']],
  ['icebergCompatV2', ['columnMapping']],
  ['rowTracking', ['domainMetadata']],
]);

function withDependencies(names: Iterable<string>): ReadonlySet<string> {
  const all = new Set(names);
  for (const name of all) for (const needed of DEPENDENCIES.get(name) ?? []) all.add(needed);
  return all;
}

function hasKey(configuration: Readonly<Record<string, string>>, prefix: string): boolean {
  return Object.keys(configuration).some((key) => key.startsWith(prefix));
}

function hasFieldKey(type: DataType, matches: (key: string) => boolean): boolean {
  switch (type.kind) {
    case 'struct':
      return type.fields.some(
        (field) => Object.keys(field.metadata).some(matches) || hasFieldKey(field.type, matches),
      );
    case 'array':
      return hasFieldKey(type.element, matches);
    case 'map':
      return hasFieldKey(type.key, matches) || hasFieldKey(type.value, matches);
    default:
      return false;
  }
}

function hasPrimitive(type: DataType, name: string): boolean {
  switch (type.kind) {
    case 'primitive':
      return type.name === name;
    case 'struct':
      return type.fields.some((field) => hasPrimitive(field.type, name));
    case 'array':
      return hasPrimitive(type.element, name);
    case 'map':
      return hasPrimitive(type.key, name) || hasPrimitive(type.value, name);
    default:
      return false;
  }
}
