import * as fc from 'fast-check';
import type { Action, AddFile, DeletionVectorDescriptor, RemoveFile } from '../../src/protocol/actions.js';

const text = fc.string({ unit: 'grapheme', maxLength: 12 });
const count = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const record = fc.dictionary(text, text, { maxKeys: 3, noNullPrototype: true });

/** Few names, so that files meet again. */
const path = fc.constantFrom('a', 'b', 'c%20d', 'c d', 'file:/x', '/x');

const deletionVector: fc.Arbitrary<DeletionVectorDescriptor> = fc.record(
  {
    storageType: fc.constantFrom('u' as const, 'p' as const, 'i' as const),
    pathOrInlineDv: fc.constantFrom('d1', 'd2'),
    offset: fc.constantFrom(1, 44),
    sizeInBytes: fc.nat(),
    cardinality: fc.nat(),
  },
  { requiredKeys: ['storageType', 'pathOrInlineDv', 'sizeInBytes', 'cardinality'] },
);

/** No empty text: a log may hold it, but it reads as null. */
const partitionValues = fc
  .uniqueArray(fc.tuple(text, fc.option(text.filter((value) => value !== ''))), {
    selector: ([key]) => key,
    maxLength: 3,
  })
  .map((entries) => new Map(entries));

const addFile: fc.Arbitrary<AddFile> = fc.record(
  {
    path,
    partitionValues,
    size: count,
    modificationTime: count,
    dataChange: fc.boolean(),
    stats: text,
    tags: record,
    deletionVector,
    baseRowId: int64,
    defaultRowCommitVersion: int64,
    clusteringProvider: text,
  },
  { requiredKeys: ['path', 'partitionValues', 'size', 'modificationTime', 'dataChange'] },
);

const removeFile: fc.Arbitrary<RemoveFile> = fc.record(
  {
    path,
    deletionTimestamp: count,
    dataChange: fc.boolean(),
    extendedFileMetadata: fc.boolean(),
    partitionValues,
    size: count,
    stats: text,
    tags: record,
    deletionVector,
    baseRowId: int64,
    defaultRowCommitVersion: int64,
  },
  { requiredKeys: ['path', 'dataChange'] },
);

const txn = fc.record(
  { appId: fc.constantFrom('x', 'y', 'z'), version: int64, lastUpdated: count },
  { requiredKeys: ['appId', 'version'] },
);

const domainMetadata = fc.record({
  domain: fc.constantFrom('delta.clustering', 'mine'),
  configuration: text,
  removed: fc.boolean(),
});

const protocol = fc.record(
  {
    minReaderVersion: fc.nat(3),
    minWriterVersion: fc.nat(7),
    readerFeatures: fc.array(text, { maxLength: 3 }),
    writerFeatures: fc.array(text, { maxLength: 3 }),
  },
  { requiredKeys: ['minReaderVersion', 'minWriterVersion'] },
);

const metaData = fc.record(
  {
    id: fc.uuid(),
    name: text,
    description: text,
    schemaString: fc.constantFrom(
      '{"type":"struct","fields":[]}',
      '{"type":"struct","fields":[{"name":"id","type":"long","nullable":true,"metadata":{}}]}',
    ),
    partitionColumns: fc.array(text, { maxLength: 2 }),
    configuration: record,
    createdTime: count,
  },
  { requiredKeys: ['id', 'schemaString', 'partitionColumns', 'configuration'] },
);

const commitInfo = fc.dictionary(text, fc.oneof(text, fc.boolean(), fc.integer(), fc.constant(null)), {
  noNullPrototype: true,
});

/** Any action, over so few paths, apps and domains that later ones replace earlier ones. */
export const actions: fc.Arbitrary<Action> = fc.oneof(
  { weight: 5, arbitrary: addFile.map((add) => ({ kind: 'add' as const, add })) },
  { weight: 5, arbitrary: removeFile.map((remove) => ({ kind: 'remove' as const, remove })) },
  txn.map((value) => ({ kind: 'txn' as const, txn: value })),
  domainMetadata.map((value) => ({ kind: 'domainMetadata' as const, domainMetadata: value })),
  protocol.map((value) => ({ kind: 'protocol' as const, protocol: value })),
  metaData.map((value) => ({ kind: 'metaData' as const, metaData: value })),
  commitInfo.map((value) => ({ kind: 'commitInfo' as const, commitInfo: value })),
  fc
    .record(
      { path, partitionValues, size: count, tags: record },
      { requiredKeys: ['path', 'partitionValues', 'size'] },
    )
    .map((cdc) => ({ kind: 'cdc' as const, cdc })),
);
