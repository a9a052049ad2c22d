import { expect, test } from 'vitest';
import { nearest } from '../../src/base/names.js';

const keys = ['topics', 'topics.regex', 'group.id', 'table.url', 'flush.max.rows', 'flush.max.bytes'];

test.each([
  ['topic', 'topics'],
  ['tpoics', 'topics'],
  ['TABLE.URL', 'table.url'],
  ['table.uri', 'table.url'],
  ['flush.max.row', 'flush.max.rows'],
  ['flush.max.byte', 'flush.max.bytes'],
  ['gruop.id', 'group.id'],
  ['something.else', undefined],
  ['', undefined],
])('%s most likely stands for %s', (word, wanted) => {
  expect(nearest(word, keys)).toBe(wanted);
});
