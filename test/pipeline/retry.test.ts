import { defer, of, throwError } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, test } from 'vitest';
import { SluiceError } from '../../src/base/errors.js';
import { never } from '../../src/base/signals.js';
import { isRetryable, retryWithBackoff } from '../../src/pipeline/retry.js';

const unavailable = new SluiceError('STORE_UNAVAILABLE', 'no answer', { retry: 'safe' });
const ambiguous = new SluiceError('STORE_UNAVAILABLE', 'answer lost', { retry: 'ambiguous' });
const corrupt = new SluiceError('CORRUPT_LOG', 'a gap');

function run(
  work: (scheduler: TestScheduler, marbles: Parameters<Parameters<TestScheduler['run']>[0]>[0]) => void,
) {
  const scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected));
  scheduler.run((marbles) => work(scheduler, marbles));
}

function failing(times: number, cause: Error) {
  let left = times;
  return defer(() => (left-- > 0 ? throwError(() => cause) : of('x')));
}

describe('retryWithBackoff', () => {
  // With random() = 1 each pause is as long as it can be: 10, 20, 40 ms …
  const options = { baseMs: 10, maxMs: 30, random: () => 1, signal: never };

  test('pauses grow up to their bound', () => {
    run((scheduler, { expectObservable }) => {
      const told: number[] = [];
      const source = failing(3, unavailable).pipe(
        retryWithBackoff({ ...options, scheduler, onRetry: (_, attempt) => told.push(attempt) }),
      );
      expectObservable(source).toBe('60ms (x|)');
      scheduler.flush();
      expect(told).toEqual([1, 2, 3]);
    });
  });

  test('an ambiguous failure is tried again as well, another one is not', () => {
    run((scheduler, { expectObservable }) => {
      expectObservable(failing(1, ambiguous).pipe(retryWithBackoff({ ...options, scheduler }))).toBe(
        '10ms (x|)',
      );
      expectObservable(failing(1, corrupt).pipe(retryWithBackoff({ ...options, scheduler }))).toBe(
        '#',
        {},
        corrupt,
      );
      expectObservable(failing(1, new Error('bug')).pipe(retryWithBackoff({ ...options, scheduler }))).toBe(
        '#',
        {},
        new Error('bug'),
      );
    });
  });

  test('gives up after the retries it was given, with the last failure', () => {
    run((scheduler, { expectObservable }) => {
      const source = failing(9, unavailable).pipe(retryWithBackoff({ ...options, retriesMax: 2, scheduler }));
      expectObservable(source).toBe('30ms #', {}, unavailable);
    });
  });

  test('an abort ends the pause with its reason', () => {
    run((scheduler, { expectObservable }) => {
      const aborter = new AbortController();
      const reason = new Error('stopped');
      scheduler.schedule(() => aborter.abort(reason), 5);
      const source = failing(9, unavailable).pipe(
        retryWithBackoff({ ...options, scheduler, signal: aborter.signal }),
      );
      expectObservable(source).toBe('5ms #', {}, reason);
    });
  });

  test('only what may pass is retryable', () => {
    expect([unavailable, ambiguous, corrupt, new Error('x'), undefined].map(isRetryable)).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
  });
});
