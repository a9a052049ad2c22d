import { describe, expect, test } from 'vitest';
import { Threads } from '../../src/columnar/threads.js';

type Job = { readonly bytes: Uint8Array; readonly end: 'answer' | 'fail' | 'die' };

/** Adds one to each byte, and tells in the last which thread it is. */
const script = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort, threadId } from 'node:worker_threads';
    parentPort.on('message', ({ id, job }) => {
      if (job.end === 'die') process.exit(3);
      if (job.end === 'fail') return parentPort.postMessage({ id, problem: 'no such bytes' });
      const body = Uint8Array.from([...job.bytes.map((byte) => byte + 1), threadId]);
      parentPort.postMessage({ id, body }, [body.buffer]);
    });
  `)}`,
);

function bytesOf(...values: number[]): Uint8Array {
  return Uint8Array.from(values);
}

describe('threads', () => {
  test('answer each job with its own bytes, and take the bytes over', async () => {
    const threads = new Threads<Job>({ script, name: 'test', most: 2 });
    const sent = Array.from({ length: 8 }, (_, at) => bytesOf(at, 10 * at));
    const answers = await Promise.all(sent.map((bytes) => threads.run({ bytes, end: 'answer' }, bytes)));
    expect(answers.map((answer) => [...answer.subarray(0, 2)])).toEqual(
      sent.map((_, at) => [at + 1, 10 * at + 1]),
    );
    expect(sent.every(({ byteLength }) => byteLength === 0)).toBe(true);
    expect(new Set(answers.map((answer) => answer[2])).size).toBe(2);
  });

  test('bytes that share their buffer are copied', async () => {
    const threads = new Threads<Job>({ script, name: 'test', most: 1 });
    const whole = bytesOf(1, 2, 3, 4);
    const part = whole.subarray(1, 3);
    expect([...(await threads.run({ bytes: part, end: 'answer' }, part)).subarray(0, 2)]).toEqual([3, 4]);
    expect([...whole]).toEqual([1, 2, 3, 4]);
  });

  test('a job that fails, fails alone', async () => {
    const threads = new Threads<Job>({ script, name: 'test', most: 1 });
    const failing = threads.run({ bytes: bytesOf(1), end: 'fail' }, bytesOf());
    const other = threads.run({ bytes: bytesOf(1), end: 'answer' }, bytesOf());
    await expect(failing).rejects.toThrow('no such bytes');
    expect((await other)[0]).toBe(2);
  });

  test('a thread that dies takes its own jobs along, and the next job has a new one', async () => {
    const threads = new Threads<Job>({ script, name: 'test', most: 1 });
    const fatal = threads.run({ bytes: bytesOf(1), end: 'die' }, bytesOf());
    const behind = threads.run({ bytes: bytesOf(1), end: 'answer' }, bytesOf());
    await expect(fatal).rejects.toThrow('the thread test has ended');
    await expect(behind).rejects.toThrow('the thread test has ended');
    expect((await threads.run({ bytes: bytesOf(7), end: 'answer' }, bytesOf()))[0]).toBe(8);
  });
});
