/**
 * Tells once that the brokers are away and once that they are back, however often the client tries. A
 * failure that heals within `patienceMs` is not worth a word: a broker that hands over its partitions
 * drops its connections too.
 */
export class Outage {
  readonly #patienceMs: number;
  readonly #tell: (event: { kind: 'waiting'; why: string } | { kind: 'resumed' }) => void;
  #timer: NodeJS.Timeout | undefined;
  #told = false;

  constructor(
    patienceMs: number,
    tell: (event: { kind: 'waiting'; why: string } | { kind: 'resumed' }) => void,
  ) {
    this.#patienceMs = patienceMs;
    this.#tell = tell;
  }

  failed(why: string): void {
    if (this.#told || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#told = true;
      this.#tell({ kind: 'waiting', why });
    }, this.#patienceMs);
  }

  healed(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#told) return;
    this.#told = false;
    this.#tell({ kind: 'resumed' });
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
