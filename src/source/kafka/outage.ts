type OutageEvent = { readonly kind: 'waiting'; readonly why: string } | { readonly kind: 'resumed' };

/**
 * Tells once that the brokers are away and once that they are back, however often the client tries. Away
 * means that attempts have failed for `patienceMs` and that none of them, nor anything else, was answered
 * in between: a single failure is not worth a word, a broker that hands over its partitions drops its
 * connections too.
 */
export class Outage {
  readonly #patienceMs: number;
  readonly #tell: (event: OutageEvent) => void;
  readonly #now: () => number;
  #sinceMs: number | undefined;
  #told = false;

  constructor(patienceMs: number, tell: (event: OutageEvent) => void, now: () => number) {
    this.#patienceMs = patienceMs;
    this.#tell = tell;
    this.#now = now;
  }

  /** An attempt failed, after it had been waited for so long. */
  failed(why: string, waitedMs = 0): void {
    if (this.#told) return;
    const now = this.#now();
    this.#sinceMs = Math.min(this.#sinceMs ?? now, now - waitedMs);
    if (now - this.#sinceMs < this.#patienceMs) return;
    this.#told = true;
    this.#tell({ kind: 'waiting', why });
  }

  /** Something was answered. */
  healed(): void {
    this.#sinceMs = undefined;
    if (!this.#told) return;
    this.#told = false;
    this.#tell({ kind: 'resumed' });
  }
}
