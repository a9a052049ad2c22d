import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { never } from '../../src/base/signals.js';
import { openStore } from '../../src/storage/open-store.js';

test.each([
  ['lake/t', pathToFileURL(resolve('lake/t')).href],
  ['/lake/a b/', 'file:///lake/a%20b'],
  ['file:///lake/a%20b', 'file:///lake/a%20b'],
  ['file:/lake/t', 'file:///lake/t'],
  ['memory://lake', 'memory://lake'],
  ['memory://lake/a%20b/c/', 'memory://lake/a%20b/c'],
])('%s opens %s', (url, root) => {
  expect(openStore(url).url).toBe(root);
});

test('memory stores of one name share their objects, below any path', async () => {
  await openStore('memory://shared/t').put('k', new Uint8Array([1]), { signal: never });
  expect(await openStore('memory://shared').get('t/k', { signal: never })).toEqual(new Uint8Array([1]));
  expect(await openStore('memory://other').get('t/k', { signal: never })).toBeUndefined();
});

test.each([
  's3://user:secret@lake/t?X-Amz-Signature=secret',
  'abfss://lake@x.net/t',
  'gs://lake',
  'ftp://lake/t',
])('%s is refused as unsupported, without secrets', (url) => {
  expect(() => openStore(url)).toThrow(expect.objectContaining({ code: 'STORE_UNSUPPORTED' }));
  expect(() => openStore(url)).not.toThrow(/secret/);
});

test.each([
  '',
  ' ',
  'memory://',
  'memory://a/%zz',
  'file://host.example/x%2Fy',
  `memory://a/${join('x', '..', '..')}`,
])('what is no URL is refused: "%s"', (url) => {
  expect(() => openStore(url)).toThrow(expect.objectContaining({ name: 'SluiceError' }));
});
