import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isSluiceError } from '../../src/base/errors.js';
import { never } from '../../src/base/signals.js';
import type { SourceEvent } from '../../src/source/change-source.js';
import { findFiles } from '../../src/source/replay/find-files.js';
import { linesOf } from '../../src/source/replay/lines.js';
import { replay, type ReplayOptions } from '../../src/source/replay/replay.js';
import { assertTiles } from '../../src/testing/change-source-contract.js';
import { offsetsOf, positionOf, readToEnd, valuesOf } from '../support/source-events.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-replay-'));
});
afterEach(() => rm(folder, { recursive: true }));

type Line = { topic?: string; partition?: number; offset: number; timestamp?: number; value?: string | null };

function line({ topic = 't', partition = 0, offset, timestamp = 0, value = `v${offset}` }: Line): string {
  return `${JSON.stringify({ topic, partition, offset: String(offset), timestamp: String(timestamp), headers: [], key: null, value })}\n`;
}

async function write(name: string, text: string): Promise<string> {
  const file = join(folder, name);
  await mkdir(join(file, '..'), { recursive: true });
  await writeFile(file, name.endsWith('.gz') ? gzipSync(text) : text);
  return file;
}

async function read(options: Partial<ReplayOptions> = {}, from = 0): Promise<readonly SourceEvent[]> {
  await using source = replay({ files: [folder], ...options });
  return await readToEnd(source, from);
}

describe('a replay', () => {
  test('interleaves topics by time', async () => {
    await write(
      'a.ndjson',
      [0, 1, 2].map((n) => line({ topic: 'a', offset: n, timestamp: n * 100, value: `a${n}` })).join(''),
    );
    await write(
      'b.ndjson.gz',
      [0, 1].map((n) => line({ topic: 'b', offset: n, timestamp: 50 + n * 1000, value: `b${n}` })).join(''),
    );
    const big = 'x'.repeat(700_000);
    await write(
      'c.ndjson',
      [0, 1].map((n) => line({ topic: 'c', offset: n, timestamp: 60 + n * 1000, value: big })).join(''),
    );
    const values = valuesOf(await read()).map((value) => value.slice(0, 2));
    // A round ends where a partition has to be read further, so that none runs ahead of it.
    expect(values).toEqual(['a0', 'b0', 'xx', 'a1', 'a2', 'b1', 'xx']);
  });

  test('reads a partition from several files in the order of its offsets', async () => {
    await write('z-first.ndjson', line({ offset: 0 }) + line({ offset: 1 }));
    await write('a-second.ndjson.gz', line({ offset: 2 }) + line({ offset: 5 }));
    const events = await read();
    expect(offsetsOf(events)).toEqual([0, 1, 2, 5]);
    expect(assertTiles(events, { topic: 't', partition: 0 }, 0)).toBe(6);
  });

  test('reads records of many partitions that lie mixed in one file', async () => {
    const lines = Array.from({ length: 300 }, (_, i) =>
      line({ topic: `t${i % 3}`, partition: i % 2, offset: Math.floor(i / 6) }),
    );
    await write('mixed.ndjson', lines.join('\n'));
    const events = await read();
    for (const [topic, partition] of [
      ['t0', 0],
      ['t1', 1],
      ['t2', 0],
    ] as const) {
      expect(assertTiles(events, { topic, partition }, 0)).toBe(50);
    }
    expect(offsetsOf(events).length).toBe(300);
  });

  test('upTo ends each partition below an offset, and leaves out what it does not name', async () => {
    await write(
      't.ndjson',
      [0, 1, 2, 3].map((offset) => line({ offset })).join('') + line({ partition: 1, offset: 0 }),
    );
    await write('u.ndjson', line({ topic: 'u', offset: 0 }));
    const events = await read({ upTo: { t: { 0: 2 } } });
    expect(events[0]).toEqual({ kind: 'assigned', partitions: [{ topic: 't', partition: 0 }] });
    expect(offsetsOf(events)).toEqual([0, 1]);
    expect(offsetsOf(await read({ upTo: { t: { 0: 4 } } }, 2))).toEqual([2, 3]);
    expect(offsetsOf(await read({ upTo: { t: { 0: 1 } } }, 3))).toEqual([]);
  });

  test('an end inside a hole is reached', async () => {
    await write('t.ndjson', line({ offset: 0 }) + line({ offset: 10 }));
    const events = await read({ upTo: { t: { 0: 5 } } });
    expect(assertTiles(events, { topic: 't', partition: 0 }, 0)).toBe(5);
  });

  test('offsets below the recording are a gap', async () => {
    await write('t.ndjson', line({ offset: 7 }));
    await using source = replay({ files: [folder] });
    const events: SourceEvent[] = [];
    for await (const event of source.open({
      resumeAt: () => Promise.resolve(2),
      untilEnd: true,
      signal: never,
    })) {
      events.push(event);
      if (event.kind === 'gap') source.seek(event, event.found);
    }
    expect(events[1]).toEqual({ kind: 'gap', topic: 't', partition: 0, expected: 2, found: 7 });
    expect(positionOf(events)).toBe(8);
  });

  test('a line that is no record is RECORD_INVALID, with file and line', async () => {
    const file = await write(
      't.ndjson',
      `${line({ offset: 0 })}\n{"topic":"t","partition":0,"offset":"1","timesta`,
    );
    await expect(read()).rejects.toSatisfy(
      (cause) =>
        isSluiceError(cause, 'RECORD_INVALID') &&
        cause.context['file'] === file &&
        cause.context['line'] === 3,
    );
  });

  test.each([
    ['no object', '[1]', /line 2: not an object/],
    ['no topic', '{"partition":0,"offset":"1"}', /topic is missing/],
    ['an offset that does not rise', line({ offset: 0 }).trim(), /line 2: offset 0 after 0/],
    [
      'a value that is no text',
      '{"topic":"t","partition":0,"offset":"1","timestamp":"0","key":null,"value":{}}',
      /value is neither/,
    ],
    ['no timestamp', '{"topic":"t","partition":0,"offset":"1","key":null,"value":null}', /timestamp/],
  ])('a line with %s is RECORD_INVALID', async (_, text, message) => {
    await write('t.ndjson', line({ offset: 0 }) + text);
    await expect(read()).rejects.toThrow(message);
  });

  test('a compressed file that is cut off is RECORD_INVALID and named', async () => {
    const whole = gzipSync(
      Array.from({ length: 1000 }, (_, i) => line({ offset: i, value: String(Math.random()) })).join(''),
    );
    await writeFile(join(folder, 't.ndjson.gz'), whole.subarray(0, whole.length / 2));
    await expect(read()).rejects.toThrow(/t\.ndjson\.gz/);
  });

  test('base64 recordings give back their bytes', async () => {
    const bytes = Buffer.from([0, 255, 0, 1]);
    const fields = {
      topic: 't',
      partition: 0,
      offset: '0',
      timestamp: '1',
      headers: [['h', 'AAE=']],
      key: null,
    };
    await write('t.ndjson', JSON.stringify({ ...fields, value: bytes.toString('base64') }));
    const [, event] = await read({ encoding: 'base64' });
    const [record] = event?.kind === 'batch' ? event.batch.records : [];
    expect([record?.value, record?.headers?.['h']]).toEqual([bytes, Buffer.from([0, 1])]);
  });

  test('a header that comes several times is a list, and any name is only a name', async () => {
    const headers = [
      ['a', '1'],
      ['a', '2'],
      ['__proto__', 'p'],
      ['empty', null],
    ];
    await write(
      't.ndjson',
      JSON.stringify({
        topic: 't',
        partition: 0,
        offset: '0',
        timestamp: '1',
        headers,
        key: null,
        value: null,
      }),
    );
    const [, event] = await read();
    const [record] = event?.kind === 'batch' ? event.batch.records : [];
    expect(Object.entries(record?.headers ?? {})).toEqual([
      ['a', [Buffer.from('1'), Buffer.from('2')]],
      ['__proto__', Buffer.from('p')],
      ['empty', undefined],
    ]);
  });

  test('its identity is its id, or else follows from the names of its files and not from where they lie', async () => {
    await write('one/t.ndjson', line({ offset: 0 }));
    await write('two/t.ndjson', line({ offset: 0 }));
    await write('three/u.ndjson', line({ offset: 0 }));
    const identity = (name: string) => replay({ files: [join(folder, name)] }).identity(never);
    expect(await identity('one')).toBe(await identity('two'));
    expect(await identity('one')).not.toBe(await identity('three'));
    expect(await replay({ files: [folder], id: 'mine' }).identity(never)).toBe('mine');
  });

  test('files are found by path, folder and pattern; what names nothing is FILE_NOT_FOUND', async () => {
    const [a, b, c] = [
      await write('a.ndjson', ''),
      await write('deep/er/b.ndjson.gz', ''),
      await write('c.txt', ''),
    ];
    expect(await findFiles([folder])).toEqual([a]);
    expect(await findFiles([join(folder, '**/*.ndjson*')])).toEqual([a, b]);
    expect(await findFiles([join(folder, '?.*')])).toEqual([a, c]);
    expect(await findFiles([c, a, a])).toEqual([a, c]);
    const missing = findFiles([join(folder, 'x*')]);
    await expect(missing).rejects.toSatisfy((cause) => isSluiceError(cause, 'FILE_NOT_FOUND'));
  });

  test('lines are whole wherever the file is read in pieces', async () => {
    const text = Array.from({ length: 5000 }, (_, i) => `${i}:${'é'.repeat(i % 300)}`);
    for (const name of ['t.txt', 't.gz']) {
      const file = await write(name, text.join('\n'));
      const read: string[] = [];
      for await (const { start, number, lines } of linesOf(file, { byte: 0, line: 1 }, never)) {
        expect(number).toBe(read.length + 1);
        expect(start).toBe(Buffer.byteLength(read.map((each) => `${each}\n`).join('')));
        read.push(...lines.map(String));
      }
      expect(read).toEqual(text);
    }
  });
});
