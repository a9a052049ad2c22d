import { isSluiceError } from '../../base/errors.js';
import { backoff, sleep } from '../../base/signals.js';

export type PatienceOptions = {
  /** The longest that the first pause is, and any. */
  readonly minMs: number;
  readonly maxMs: number;
  /** Ends the waiting, with its reason. */
  readonly signal: AbortSignal;
  /** Told before each pause; `attempt` counts from 1 and begins anew with each call. */
  readonly onRetry?: (cause: unknown, attempt: number) => void;
};

/** Waits out what a store fails with for a while, so that a subscriber who stays outlives an outage. */
export class Patience {
  readonly #options: PatienceOptions;
  readonly #pauseMs: (attempt: number) => number;

  constructor(options: PatienceOptions) {
    this.#options = options;
    this.#pauseMs = backoff({ baseMs: options.minMs, maxMs: options.maxMs, random: Math.random });
  }

  /**
   * What the work comes to, tried again after growing pauses while it fails with what may pass (`retry` is not `never`).
   * The work must be such that it can be done again, also when it may have happened.
   */
  async ride<T>(work: () => Promise<T>): Promise<T> {
    const { signal, onRetry } = this.#options;
    for (let attempt = 1; ; attempt++) {
      try {
        return await work();
      } catch (cause) {
        if (!isSluiceError(cause) || cause.retry === 'never' || signal.aborted) throw cause;
        onRetry?.(cause, attempt);
      }
      await sleep(this.#pauseMs(attempt - 1), signal);
    }
  }
}
