import { describe, expect, test } from 'vitest';
import { memoryStore } from '../../src/storage/memory.js';
import { locateFile, locateSidecar } from '../../src/table/location.js';

const TABLE = memoryStore('location').at('lake/t');

describe('the place of a sidecar', () => {
  test('is the sidecar folder, by name or by a path that leads there', () => {
    const key = '_delta_log/_sidecars/a b.parquet';
    for (const path of ['a%20b.parquet', '_delta_log/_sidecars/a%20b.parquet', `${TABLE.url}/${key}`])
      expect(locateSidecar(TABLE, path)).toEqual({ store: TABLE, key });
  });

  test.each([
    'file:///etc/passwd',
    '/etc/passwd',
    'memory://location/lake/other/_delta_log/_sidecars/a.parquet',
    'memory://location/lake/t/part-0.parquet',
    'part-0/x.parquet',
    '..%2F..%2Fother.parquet',
    '%2e%2e/other.parquet',
    '..',
  ])('is nowhere else: %s is refused', (path) => {
    expect(() => locateSidecar(TABLE, path)).toThrow(expect.objectContaining({ code: 'CORRUPT_LOG' }));
  });
});

describe('the place of a data file', () => {
  test.each(['../x', '%2e%2e/x', '..%2fx', 'a/../../x', 'a\\..\\x', '..', '', './..'])(
    'does not leave the table by a relative path: %s is refused',
    (path) => {
      expect(() => locateFile(TABLE, path)).toThrow(expect.objectContaining({ code: 'CORRUPT_LOG' }));
    },
  );
});
