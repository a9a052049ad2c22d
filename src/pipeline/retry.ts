import {
  asyncScheduler,
  type MonoTypeOperatorFunction,
  Observable,
  retry,
  type SchedulerLike,
  throwError,
  timer,
} from 'rxjs';
import { isSluiceError } from '../base/errors.js';
import { backoff } from '../base/signals.js';

export type RetryOptions = {
  /** The first pause at its longest, and the longest of all. */
  readonly baseMs: number;
  readonly maxMs: number;
  /** What may pass; `isRetryable` if not given. */
  readonly mayPass?: (cause: unknown) => boolean;
  /** Gives up, with the last failure, after so many retries in a row; without it never. */
  readonly retriesMax?: number;
  /** A number in [0, 1). */
  readonly random: () => number;
  readonly scheduler?: SchedulerLike;
  /** Ends the wait and the work with its reason. */
  readonly signal: AbortSignal;
  /** Told before each pause. `attempt` counts from 1 and starts over after something came through. */
  readonly onRetry?: (cause: unknown, attempt: number) => void;
};

/** Whether trying again can help. `ambiguous` counts: whoever subscribes again looks before acting. */
export function isRetryable(cause: unknown): boolean {
  return isSluiceError(cause) && cause.retry !== 'never';
}

/**
 * Subscribes again, after a growing pause, when the source failed with something that may pass
 * (`SluiceError` with `retry` `safe` or `ambiguous`). Any other failure goes through at once.
 */
export function retryWithBackoff<T>(options: RetryOptions): MonoTypeOperatorFunction<T> {
  const { mayPass = isRetryable, scheduler = asyncScheduler, signal, onRetry } = options;
  const { retriesMax = Number.POSITIVE_INFINITY } = options;
  const pauseMs = backoff(options);
  return (source) =>
    untilAborted(
      source.pipe(
        retry({
          resetOnSuccess: true,
          delay: (cause: unknown, attempt) => {
            if (!mayPass(cause) || attempt > retriesMax) return throwError(() => cause);
            onRetry?.(cause, attempt);
            return timer(pauseMs(attempt - 1), scheduler);
          },
        }),
      ),
      signal,
    );
}

function untilAborted<T>(source: Observable<T>, signal: AbortSignal): Observable<T> {
  return new Observable((subscriber) => {
    const onAbort = () => subscriber.error(signal.reason);
    if (signal.aborted) {
      onAbort();
      return undefined;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    subscriber.add(() => signal.removeEventListener('abort', onAbort));
    return source.subscribe(subscriber);
  });
}
