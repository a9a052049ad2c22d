import { defer, from, lastValueFrom, type SchedulerLike } from 'rxjs';
import { isSluiceError } from '../base/errors.js';
import { retryWithBackoff } from '../pipeline/retry.js';
import { failureOf, mayPass } from './failure.js';
import type { Failure } from './lane-state.js';

export type PersistenceOptions = {
  readonly scheduler: SchedulerLike;
  readonly random: () => number;
  /** Ends what is tried, and the pauses between. */
  readonly signal: AbortSignal;
  readonly onWaiting: (why: string, failure: Failure | undefined) => void;
  readonly onResumed: () => void;
};

/** Does what is not a lane's work: again and again while that can help, telling once that it waits and once that it goes on. */
export class Persistence {
  readonly #options: PersistenceOptions;

  constructor(options: PersistenceOptions) {
    this.#options = options;
  }

  /** `what` is for people, where the failure itself says nothing. */
  async try<T>(what: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { scheduler, random, signal, onWaiting, onResumed } = this.#options;
    let waiting = false;
    const onRetry = (cause: unknown) => {
      if (waiting) return;
      waiting = true;
      const failure = isSluiceError(cause) ? failureOf(cause) : undefined;
      onWaiting(failure?.reason ?? `${what} does not answer`, failure);
    };
    const retry = retryWithBackoff<T>({
      baseMs: 500,
      maxMs: 30_000,
      mayPass,
      random,
      scheduler,
      signal,
      onRetry,
    });
    const result = await lastValueFrom(defer(() => from(work(signal))).pipe(retry));
    if (waiting) onResumed();
    return result;
  }
}
