import { beforeEach, describe, expect, test } from 'vitest';
import { openStore } from '../../src/storage/open-store.js';
import type { ObjectStore } from '../../src/storage/object-store.js';
import { cli } from '../support/cli.js';
import { sliceOf } from '../support/change-events.js';
import { restoreTo } from '../support/foreign-commits.js';
import { never, settlerOf } from '../support/postgres-replay.js';

const TOPIC = 'test.public.items';
let made = 0;
let url = '';
let store: ObjectStore;

/** Versions 0 and 1 hold the offsets up to 2 and 4. */
beforeEach(async () => {
  url = `memory://cli-offsets/${made++}`;
  store = openStore(url);
  const row = (id: number) => ({ op: 'c', key: { id }, after: { id } }) as const;
  const { settler } = settlerOf(store);
  await settler.settle([sliceOf(0, [row(0), row(1)])], never);
  await settler.settle([sliceOf(2, [row(2), row(3)])], never);
});

const offsets = (...argv: string[]) => cli(['offsets', ...argv]);

async function shown(): Promise<Record<string, unknown>> {
  const found: unknown = JSON.parse((await offsets('show', url, '--json')).out);
  if (typeof found !== 'object' || found === null) throw new Error('no object');
  return { ...found };
}

describe('offsets', () => {
  test('show tells what the table holds, for people and for machines', async () => {
    const { out, code, err } = await offsets('show', url);
    const [titles, line] = out.split('\n').map((text) => text.trim().split(/\s{2,}/));
    expect(titles?.slice(0, 4)).toEqual(['topic', 'partition', 'next', 'last']);
    expect(line?.slice(0, 4)).toEqual([TOPIC, '0', '4', '3']);
    expect([code, err]).toEqual([0, '']);
    expect(await shown()).toMatchObject({
      url,
      version: 1,
      rewind: null,
      partitions: [{ topic: TOPIC, partition: 0, next: 4, cluster: 'test', last: { offset: 3 }, version: 1 }],
    });
  });

  test('show says that a rewind stands, and accept settles it', async () => {
    await restoreTo(store, 0);
    const { err } = await offsets('show', url);
    expect(err).toContain('TABLE_REWOUND');
    expect(err).toContain(`sluice offsets accept ${url} --rewind`);
    expect((await offsets('accept', url, '--rewind')).out).toContain(`${TOPIC} 0: 4 -> 4\nversion 3\n`);
    expect(await shown()).toMatchObject({ rewind: null });
    expect((await offsets('accept', url, '--rewind')).out).toBe('nothing to change\n');
  });

  test('set, reset and accept say what they did; who and why stand in the history', async () => {
    const set = ['set', url, '--topic', TOPIC, '--partition', '0', '--to', '2', '--reason', 'again'];
    expect((await offsets(...set)).out).toBe(`${TOPIC} 0: 4 -> 2\nversion 2\n`);
    const [line = ''] = (await cli(['table', 'history', url, '--limit', '1', '--json'])).out.split('\n');
    expect(line).toContain('SLUICE OFFSETS');
    expect(line).toContain('again');
    expect((await offsets('reset', url, '--json')).out).toContain('"version":3');
    expect((await offsets('accept', url, '--new-topic')).out).toContain(
      `${TOPIC} 0, making 1: by start -> 0`,
    );
    expect((await offsets('accept', url, '--new-epoch')).code).toBe(0);
    expect(await shown()).toMatchObject({ partitions: [{ incarnation: 1, next: 0, last: null, epoch: 1 }] });
  });

  test('set while a rewind stands says that it is still to be accepted', async () => {
    await restoreTo(store, 0);
    const { err, code } = await offsets('set', url, '--topic', TOPIC, '--partition', '0', '--to', '2');
    expect(code).toBe(0);
    expect(err).toContain(`sluice offsets accept ${url} --rewind`);
  });

  test.each<[string, readonly string[], number, string]>([
    [
      'a topic that the table knows nothing of',
      ['set', '--topic', 'x', '--partition', '0', '--to', '1'],
      1,
      'TOPIC_NOT_FOUND',
    ],
    [
      'a partition likewise',
      ['set', '--topic', TOPIC, '--partition', '7', '--to', '1'],
      1,
      'TOPIC_NOT_FOUND',
    ],
    ['a number that is none', ['set', '--topic', TOPIC, '--partition', '0', '--to', '-1'], 2, 'USAGE'],
    [
      'an offset beyond all numbers',
      ['set', '--topic', TOPIC, '--partition', '0', '--to', '9007199254740993'],
      2,
      'USAGE',
    ],
    ['nothing to accept', ['accept'], 2, 'USAGE'],
    ['two things at once', ['accept', '--rewind', '--new-topic'], 2, 'USAGE'],
  ])('refuses %s', async (_, [verb = '', ...rest], code, word) => {
    const call = await offsets(verb, url, ...rest);
    expect(call.code).toBe(code);
    expect(call.err).toContain(`error[${word}]`);
    expect(await shown()).toMatchObject({ version: 1 });
  });

  test('refuses a table that no sink has written, and one that is not there', async () => {
    const other = `memory://cli-offsets/other-${made}`;
    expect((await offsets('show', other)).err).toContain('error[TABLE_NOT_FOUND]');
    await settlerOf(openStore(other)).settler.recover([], never);
    expect((await offsets('reset', other)).err).toContain('error[TABLE_NOT_FOUND]');
  });
});
