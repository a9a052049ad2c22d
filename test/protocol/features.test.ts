import { describe, expect, test } from 'vitest';
import type { Metadata, Protocol } from '../../src/protocol/actions.js';
import {
  addFeatures,
  canRead,
  canWrite,
  CREATE_FEATURES,
  featuresNeeded,
  protocolFor,
  supportedFeatures,
  supportsFeature,
} from '../../src/protocol/features.js';
import { array, field, INTEGER, LONG, STRING, struct, TIMESTAMP_NTZ } from '../../src/schema/build.js';

function protocol(
  minReaderVersion: number,
  minWriterVersion: number,
  readers?: string[],
  writers?: string[],
): Protocol {
  return {
    minReaderVersion,
    minWriterVersion,
    ...(readers === undefined ? {} : { readerFeatures: readers }),
    ...(writers === undefined ? {} : { writerFeatures: writers }),
  };
}

function metadata(configuration: Record<string, string> = {}): Metadata {
  return { id: 'i', schemaString: '', partitionColumns: [], configuration };
}

const PLAIN = struct([field('id', LONG)]);

describe('what can be read', () => {
  test.each([
    ['the oldest', protocol(1, 1), []],
    ['legacy column mapping', protocol(2, 5), []],
    ['trap 25: reader 2 beside writer 7', protocol(2, 7, undefined, ['columnMapping']), []],
    ['trap 24: reader 3 with no reader feature', protocol(3, 7, [], ['appendOnly']), []],
    ['reader 3 without a list', protocol(3, 7), []],
    [
      'trap 19: an unknown feature that concerns writers only',
      protocol(1, 7, undefined, ['unknownFeature']),
      [],
    ],
    [
      'known reader features',
      protocol(3, 7, ['deletionVectors', 'v2Checkpoint', 'vacuumProtocolCheck'], []),
      [],
    ],
    [
      'unknown reader features',
      protocol(3, 7, ['unknownFeature', 'deletionVectors', 'catalogManaged']),
      ['catalogManaged', 'unknownFeature'],
    ],
    ['a reader version of the future', protocol(99, 7), ['reader version 99']],
    [
      'the historic name of a catalog-managed table',
      protocol(3, 7, ['catalogOwned-preview']),
      ['catalogOwned-preview'],
    ],
  ])('%s', (_, value, unsupported) => {
    expect(canRead(value)).toEqual(unsupported);
  });
});

describe('what can be written', () => {
  test.each([
    [
      'a table of ours',
      protocolFor([...CREATE_FEATURES, 'timestampNtz', 'typeWidening', 'columnMapping']),
      [],
    ],
    ['a legacy table that uses nothing special', protocol(1, 6), []],
    [
      'an unknown writer feature',
      protocol(1, 7, undefined, ['appendOnly', 'unknownFeature']),
      ['unknownFeature'],
    ],
    ['a feature that is only read', protocol(3, 7, ['variantType'], ['variantType']), ['variantType']],
    ['both unknown', protocol(3, 7, ['x'], ['x', 'y']), ['x', 'y']],
    ['a writer version of the future', protocol(1, 8), ['writer version 8']],
    ['row tracking', protocol(1, 7, undefined, ['rowTracking', 'domainMetadata']), []],
    ['clustering', protocol(1, 7, undefined, ['clustering', 'domainMetadata']), []],
    ['partition columns in files', protocol(1, 7, undefined, ['materializePartitionColumns']), []],
    ['type widening of the preview', protocol(3, 7, ['typeWidening-preview'], ['typeWidening-preview']), []],
    ...[
      'catalogManaged',
      'catalogOwned-preview',
      'collations',
      'coordinatedCommits-preview',
      'icebergCompatV1',
      'icebergCompatV2',
      'icebergCompatV3',
      'icebergWriterCompatV1',
      'checkpointProtection',
      'variantShredding',
    ].map((name): [string, Protocol, string[]] => [name, protocol(1, 7, undefined, [name]), [name]]),
  ])('%s', (_, value, unsupported) => {
    expect(canWrite(value, metadata(), PLAIN)).toEqual(unsupported);
  });

  test('row tracking that is on needs columns for the ids of rows that move', () => {
    const on = { 'delta.enableRowTracking': 'true' };
    const tracking = protocol(1, 7, undefined, ['rowTracking', 'domainMetadata']);
    expect(canWrite(tracking, { ...metadata(), configuration: on }, PLAIN)).toEqual(['rowTracking']);
    const named = {
      ...on,
      'delta.rowTracking.materializedRowIdColumnName': '_row-id-col-1',
      'delta.rowTracking.materializedRowCommitVersionColumnName': '_row-commit-version-col-1',
    };
    expect(canWrite(tracking, { ...metadata(), configuration: named }, PLAIN)).toEqual([]);
  });

  test('a table is refused for expressions that it uses, not for those that it might', () => {
    const all = [
      'invariants',
      'checkConstraints',
      'generatedColumns',
      'identityColumns',
      'allowColumnDefaults',
    ];
    const listed = protocol(1, 7, undefined, all);
    expect(canWrite(listed, metadata(), PLAIN)).toEqual([]);
    expect(canWrite(listed, metadata({ 'delta.constraints.c': 'id > 0' }), PLAIN)).toEqual([
      'checkConstraints',
    ]);
    const using = (key: string) =>
      canWrite(listed, metadata(), struct([field('id', LONG, true, { [key]: '…' })]));
    expect(using('delta.invariants')).toEqual(['invariants']);
    expect(using('delta.generationExpression')).toEqual(['generatedColumns']);
    expect(using('delta.identity.start')).toEqual(['identityColumns']);
    expect(using('CURRENT_DEFAULT')).toEqual(['allowColumnDefaults']);
    const nested = struct([
      field('a', array(struct([field('x', INTEGER, true, { 'delta.invariants': '…' })]))),
    ]);
    expect(canWrite(protocol(1, 2), metadata(), nested)).toEqual(['invariants']);
    expect(canWrite(protocol(1, 2), metadata({ 'delta.constraints.c': '…' }), PLAIN)).toEqual([]);
  });
});

describe('what a protocol supports', () => {
  test('trap 26: legacy versions imply every feature up to theirs', () => {
    const names = (writer: number, reader = 1) => [...supportedFeatures(protocol(reader, writer))].sort();
    expect(names(1)).toEqual([]);
    expect(names(2)).toEqual(['appendOnly', 'invariants']);
    expect(names(4)).toEqual([
      'appendOnly',
      'changeDataFeed',
      'checkConstraints',
      'generatedColumns',
      'invariants',
    ]);
    expect(names(6, 2)).toHaveLength(7);
    expect([...supportedFeatures(protocol(2, 7, undefined, ['appendOnly']))].sort()).toEqual([
      'appendOnly',
      'columnMapping',
    ]);
  });

  test('trap 26: on the way to lists nothing that was implied is lost', () => {
    const upgraded = addFeatures(protocol(2, 5), ['deletionVectors']);
    expect(upgraded).toEqual({
      minReaderVersion: 3,
      minWriterVersion: 7,
      readerFeatures: ['columnMapping', 'deletionVectors'],
      writerFeatures: [
        'appendOnly',
        'changeDataFeed',
        'checkConstraints',
        'columnMapping',
        'deletionVectors',
        'generatedColumns',
        'invariants',
      ],
    });
    expect(addFeatures(upgraded, ['deletionVectors', 'appendOnly'])).toBe(upgraded);
  });

  test('the reader version stays where no reader is concerned', () => {
    expect(addFeatures(protocol(1, 2), ['domainMetadata'])).toEqual({
      minReaderVersion: 1,
      minWriterVersion: 7,
      writerFeatures: ['appendOnly', 'domainMetadata', 'invariants'],
    });
    expect(addFeatures(protocol(2, 7, undefined, ['columnMapping']), ['appendOnly'])).toEqual({
      minReaderVersion: 2,
      minWriterVersion: 7,
      writerFeatures: ['appendOnly', 'columnMapping'],
    });
    expect(addFeatures(protocol(3, 7, ['x'], ['x']), ['timestampNtz'])).toEqual(
      protocol(3, 7, ['timestampNtz', 'x'], ['timestampNtz', 'x']),
    );
  });

  test('trap 24: a new table has (3, 7) and both lists, sorted, also without reader features', () => {
    expect(protocolFor(['timestampNtz', ...CREATE_FEATURES])).toEqual({
      minReaderVersion: 3,
      minWriterVersion: 7,
      readerFeatures: ['deletionVectors', 'timestampNtz'],
      writerFeatures: [
        'appendOnly',
        'changeDataFeed',
        'deletionVectors',
        'domainMetadata',
        'invariants',
        'timestampNtz',
      ],
    });
    expect(protocolFor(['appendOnly'])).toEqual(protocol(3, 7, [], ['appendOnly']));
    expect(protocolFor(['clustering']).writerFeatures).toEqual(['clustering', 'domainMetadata']);
    expect(supportsFeature(protocolFor(['clustering']), 'domainMetadata')).toBe(true);
  });

  test('the features that schema and properties ask for are found', () => {
    const schema = struct([
      field('at', array(struct([field('t', TIMESTAMP_NTZ)]))),
      field('w', LONG, true, { 'delta.typeChanges': [{ fromType: 'integer', toType: 'long' }] }),
    ]);
    expect(featuresNeeded(schema, { 'delta.columnMapping.mode': 'name' })).toEqual([
      'columnMapping',
      'timestampNtz',
      'typeWidening',
    ]);
    expect(featuresNeeded(struct([field('s', STRING)]), {})).toEqual([]);
    expect(
      featuresNeeded(PLAIN, { 'delta.enableInCommitTimestamps': 'TRUE', 'delta.checkpointPolicy': 'v2' }),
    ).toEqual(['inCommitTimestamp', 'v2Checkpoint']);
  });
});
