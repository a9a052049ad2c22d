import { describe, expect, test } from 'vitest';
import { formatActions } from '../../src/protocol/action-json.js';
import type { AddFile, DeletionVectorDescriptor } from '../../src/protocol/actions.js';
import { removalOf, withDeletionVector } from '../../src/protocol/file-actions.js';
import { foldActions } from '../../src/protocol/replay.js';
import { RowSet } from '../../src/protocol/row-set.js';

const OLD: DeletionVectorDescriptor = {
  storageType: 'u',
  pathOrInlineDv: 'old',
  offset: 1,
  sizeInBytes: 36,
  cardinality: 2,
};
const NEW: DeletionVectorDescriptor = { ...OLD, pathOrInlineDv: 'new', cardinality: 3 };

const FILE: AddFile = {
  path: 'A.parquet',
  partitionValues: new Map([['p', null]]),
  size: 907,
  modificationTime: 5,
  dataChange: true,
  stats: '{"numRecords":10,"minValues":{"id":1},"nullCount":{"id":0},"tightBounds":true}',
  tags: { t: '1' },
  deletionVector: OLD,
  baseRowId: 7n,
};

describe('the actions that replace a file by itself with fewer rows', () => {
  test('trap 4: the removal names the deletion vector that the file has', () => {
    expect(removalOf(FILE, { deletionTimestamp: 9 }).deletionVector).toBe(OLD);
    expect('deletionVector' in removalOf({ ...FILE, deletionVector: OLD }, { deletionTimestamp: 9 })).toBe(
      true,
    );
    const { deletionVector: _, ...whole } = FILE;
    expect('deletionVector' in removalOf(whole, { deletionTimestamp: 9 })).toBe(false);
  });

  test('trap 27: the removal carries what the change feed needs, in the field order of Spark', () => {
    expect(formatActions([{ kind: 'remove', remove: removalOf(FILE, { deletionTimestamp: 9 }) }])).toBe(
      '{"remove":{"path":"A.parquet","deletionTimestamp":9,"dataChange":true,"extendedFileMetadata":true,' +
        '"partitionValues":{"p":null},"size":907,"tags":{"t":"1"},"deletionVector":{"storageType":"u",' +
        '"pathOrInlineDv":"old","offset":1,"sizeInBytes":36,"cardinality":2},"baseRowId":7,' +
        '"stats":"{\\"numRecords\\":10}"}}\n',
    );
    expect(removalOf(FILE, { deletionTimestamp: 9, dataChange: false }).dataChange).toBe(false);
  });

  test('trap 3: the new deletion vector replaces the old one and holds its rows', () => {
    const before = RowSet.from([1, 5]);
    const after = before.union(RowSet.from([9]));
    expect(after.includes(before)).toBe(true);
    const marked = withDeletionVector(FILE, NEW, 10);
    expect(marked).toMatchObject({
      path: FILE.path,
      size: 907,
      modificationTime: 5,
      deletionVector: NEW,
      baseRowId: 7n,
    });
    const base = foldActions(
      undefined,
      [
        { kind: 'protocol', protocol: { minReaderVersion: 3, minWriterVersion: 7 } },
        {
          kind: 'metaData',
          metaData: { id: 'i', schemaString: '', partitionColumns: [], configuration: {} },
        },
        { kind: 'add', add: FILE },
      ],
      0,
    );
    const next = foldActions(
      base,
      [
        { kind: 'remove', remove: removalOf(FILE, { deletionTimestamp: 9 }) },
        { kind: 'add', add: marked },
      ],
      1,
    );
    expect(next.files.toArray()).toEqual([marked]);
  });

  test('trap 6: its bounds are wide', () => {
    expect(withDeletionVector(FILE, NEW, 10).stats).toBe(
      '{"numRecords":10,"minValues":{"id":1},"nullCount":{"id":0},"tightBounds":false}',
    );
  });
});
