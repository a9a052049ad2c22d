import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalPath, decodePath, encodePath, isAbsolutePath } from '../../src/protocol/path.js';

describe('paths in the log', () => {
  test.each([
    ['region=US%252FEast/part-0.parquet', 'region=US%2FEast/part-0.parquet'],
    ['p=hello%20world', 'p=hello world'],
    ['p=a%7Db', 'p=a}b'],
    ['p=100%252525', 'p=100%2525'],
    ['test%25file%25prefix-a', 'test%file%prefix-a'],
    ['s=ünï%20€', 's=ünï €'],
    ['s=%E2%82%AC%F0%9F%98%80', 's=€😀'],
    ['a%', 'a%'],
    ['a%zz', 'a%zz'],
    ['a%FF', 'a%FF'],
    ['./a', 'a'],
    ['a//b', 'a//b'],
  ])('trap 12: %s is decoded once, to %s', (path, key) => {
    expect(decodePath(path)).toBe(key);
  });

  test.each([
    ['p=a}b', 'p=a%7Db'],
    ['region=US%2FEast', 'region=US%252FEast'],
    ['ts=2024-06-15 12%3A30%3A45', 'ts=2024-06-15%2012%253A30%253A45'],
    ['s=ünï €', 's=ünï%20€'],
    ['a:b/c:d', 'a%3Ab/c:d'],
  ])('%s is written as %s', (key, path) => {
    expect(encodePath(key)).toBe(path);
  });

  test('trap 12: whatever is encoded is decoded to itself', () => {
    const part = fc
      .string({ unit: 'grapheme', minLength: 1 })
      .filter((text) => !/[/\\]/.test(text) && text !== '.' && text !== '..');
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 4 }), (parts) => {
        const key = parts.join('/');
        expect(isAbsolutePath(encodePath(key))).toBe(false);
        expect(decodePath(encodePath(key))).toBe(key);
      }),
    );
  });

  test('trap 18: the spellings of an absolute path are one', () => {
    for (const path of ['/some/a%20b', 'file:/some/a%20b', 'file:///some/a%20b', 'FILE:///some/a b']) {
      expect(canonicalPath(path)).toBe('file:///some/a b');
    }
    expect(canonicalPath('s3://bucket/a%20b')).toBe('s3://bucket/a b');
    expect(canonicalPath('some/a')).not.toBe(canonicalPath('/some/a'));
  });

  test.each(['../a', 'a/../b', 'a/..', '..', '%2E%2E/a', 'a%2F..%2Fb', 'a/%2e./b', 'a\\..\\b', ''])(
    '"%s" is refused, for it leaves the table or names nothing',
    (path) => {
      expect(() => decodePath(path)).toThrow(expect.objectContaining({ code: 'CORRUPT_LOG' }));
    },
  );

  test('dots within a name are no parent folder', () => {
    expect(decodePath('a..b/..c/d..')).toBe('a..b/..c/d..');
  });
});
