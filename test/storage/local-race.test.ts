import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { never } from '../../src/base/signals.js';
import { localStore } from '../../src/storage/local.js';
import { answerOf, openWorkbench } from './processes.js';

const WRITERS = ['1', '2', '3', '4'];
const VERSIONS = 50;

test('of four processes exactly one creates each version, and readers never see a part of one', async () => {
  await using bench = await openWorkbench('race-worker.ts');
  const writers = WRITERS.map((id) => bench.start(['writer', id, String(VERSIONS)]));
  const reader = bench.start(['reader']);
  await Promise.all([...writers, reader].map(answerOf));

  const wins = writers.map(async (writer) => (await answerOf(writer)) as number[]);
  for (const child of [reader, ...writers]) child.send('begin');
  const won = await Promise.all(wins);
  const seen = answerOf(reader);
  reader.send('stop');

  expect(won.flat().toSorted((a, b) => a - b)).toEqual(Array.from({ length: VERSIONS }, (_, i) => i));
  const store = localStore(bench.root);
  for (const [writer, versions] of won.entries()) {
    for (const version of versions) {
      const body = await store.get(`_delta_log/${version}.json`, { signal: never });
      expect(body?.[0]).toBe(WRITERS[writer]?.charCodeAt(0));
    }
  }
  expect(await seen).toEqual({ whole: expect.any(Number), partial: [] });
  expect(((await seen) as { whole: number }).whole).toBeGreaterThan(0);
  expect(await readdir(join(bench.root, '_delta_log'))).toHaveLength(VERSIONS);
});

// Only root may start a process of another user, and root itself is never denied anything.
test.runIf(process.getuid?.() === 0)('a folder without permission is STORE_DENIED and named', async () => {
  await using bench = await openWorkbench('race-worker.ts');
  await localStore(bench.root).put('a/other', new Uint8Array(1), { signal: never });
  const child = bench.start(['put', '', '10'], { uid: 65_534, gid: 65_534 });
  await answerOf(child);
  const answer = answerOf(child);
  child.send('begin');
  expect(await answer).toEqual({ code: 'STORE_DENIED', file: join(bench.root, 'a', 'k') });
});

// The shell's limit on file sizes stands for a disk that fills up: the write fails half-way.
test.runIf(process.platform !== 'win32')('a write that finds no room leaves nothing of itself', async () => {
  await using bench = await openWorkbench('race-worker.ts');
  const store = localStore(bench.root);
  await store.put('a/other', new Uint8Array(1), { signal: never });
  const child = bench.start(['put', '', '1000000'], {
    execPath: '/bin/sh',
    execArgv: ['-c', 'ulimit -f 64 && exec "$0" "$@"', process.execPath],
  });
  await answerOf(child);
  const answer = answerOf(child);
  child.send('begin');
  expect(await answer).toEqual({ code: 'STORE_FULL', file: join(bench.root, 'a', 'k') });
  expect(await readdir(join(bench.root, 'a'))).toEqual(['other']);
  expect(await store.putIfAbsent('a/k', new Uint8Array(1_000_000), { signal: never })).toBe('created');
});
