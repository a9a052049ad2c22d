/**
 * Whether a process lives. What the world has for it (answers, timers, records) goes through `deliver`: a process
 * that is paused gets it all, in order, when it goes on; a dead one never gets anything again, and what it has asked for
 * and nobody has begun is never done.
 */
export class Life {
  readonly name: string;
  #state: 'running' | 'paused' | 'dead' = 'running';
  #held: (() => void)[] = [];

  constructor(name: string) {
    this.name = name;
  }

  get state(): 'running' | 'paused' | 'dead' {
    return this.#state;
  }

  deliver(run: () => void): void {
    if (this.#state === 'running') run();
    else if (this.#state === 'paused') this.#held.push(run);
  }

  pause(): void {
    if (this.#state === 'running') this.#state = 'paused';
  }

  /** Goes on, and gives what was held to `hand`, which is to run each in its turn. */
  resume(hand: (held: () => void) => void): void {
    if (this.#state !== 'paused') return;
    this.#state = 'running';
    for (const run of this.#held.splice(0)) hand(run);
  }

  kill(): void {
    this.#state = 'dead';
    this.#held = [];
  }
}
