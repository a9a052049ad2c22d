/** A signal that is never aborted, for callers at the very edge. */
export const never: AbortSignal = new AbortController().signal;

/** Resolves after `ms`, or rejects with the signal's reason as soon as it is aborted. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

/** Aborted as soon as one of the signals is, with its reason; at once if one already is. */
export function anySignal(...signals: readonly AbortSignal[]): AbortSignal {
  return AbortSignal.any([...signals]);
}

export type BackoffOptions = {
  /** The first pause at its longest. */
  readonly baseMs: number;
  /** No pause is longer. */
  readonly maxMs: number;
  /** A number in [0, 1), as `Math.random` gives it. */
  readonly random: () => number;
};

/**
 * The pause before retry number `attempt` (from 0): it doubles up to `maxMs`, and half of it is chance,
 * so that writers who failed together do not come back together.
 */
export function backoff({ baseMs, maxMs, random }: BackoffOptions): (attempt: number) => number {
  return (attempt) => {
    const ceiling = Math.min(maxMs, baseMs * 2 ** Math.min(attempt, 52));
    return ceiling / 2 + (ceiling / 2) * random();
  };
}
