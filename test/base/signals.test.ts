import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { anySignal, backoff, never, sleep } from '../../src/base/signals.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('a sleep ends after its time', async () => {
  let awake = false;
  const sleeping = (async () => {
    await sleep(100, never);
    awake = true;
  })();
  await vi.advanceTimersByTimeAsync(99);
  expect(awake).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(awake).toBe(true);
  await sleeping;
});

test('an abort ends a sleep with its reason and leaves no timer', async () => {
  const abort = new AbortController();
  const sleeping = sleep(100, abort.signal);
  abort.abort('stop');
  await expect(sleeping).rejects.toBe('stop');
  expect(vi.getTimerCount()).toBe(0);
  await expect(sleep(100, abort.signal)).rejects.toBe('stop');
  expect(vi.getTimerCount()).toBe(0);
});

test('the first of several signals to be aborted gives the reason', () => {
  const [first, second] = [new AbortController(), new AbortController()];
  const either = anySignal(first.signal, second.signal, never);
  expect(either.aborted).toBe(false);
  second.abort('second');
  first.abort('first');
  expect(either.reason).toBe('second');
  expect(anySignal(never, first.signal).reason).toBe('first');
});

test('pauses double up to their bound, half of each by chance', () => {
  const longest = backoff({ baseMs: 100, maxMs: 1000, random: () => 1 });
  const shortest = backoff({ baseMs: 100, maxMs: 1000, random: () => 0 });
  expect([0, 1, 2, 3, 4, 5000].map(longest)).toEqual([100, 200, 400, 800, 1000, 1000]);
  expect([0, 1, 2, 3, 4, 5000].map(shortest)).toEqual([50, 100, 200, 400, 500, 500]);
});
