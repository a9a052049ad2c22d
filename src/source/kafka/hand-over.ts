import type { SourceEvent } from '../change-source.js';

type Item = { readonly event: SourceEvent; readonly bytes: number };

/**
 * Events on their way from the side that is pushed at to the side that pulls: first in, first out, with
 * the bytes that lie in it counted. It never refuses an event; whoever pushes looks at `full` and stops.
 */
export class HandOver {
  readonly #bytesMax: number;
  #items: Item[] = [];
  #head = 0;
  #bytes = 0;
  #wakePull: (() => void) | undefined;
  #wakePush: (() => void) | undefined;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** True from the moment the bound is reached. One item larger than it fits alone. */
  get full(): boolean {
    return this.#bytes >= this.#bytesMax;
  }

  /** True once so much was pulled that it is worth fetching again: half of the bound. */
  get low(): boolean {
    return this.#bytes <= this.#bytesMax / 2;
  }

  push(event: SourceEvent, bytes = 0): void {
    this.#items.push({ event, bytes });
    this.#bytes += bytes;
    this.wake();
  }

  /** The event that was pushed last, if it has not been pulled. */
  get newest(): SourceEvent | undefined {
    return this.#items.length > this.#head ? this.#items.at(-1)?.event : undefined;
  }

  /** Puts `event` in the place of the newest one. */
  amend(event: SourceEvent): void {
    const last = this.#items.pop();
    if (last !== undefined) this.#items.push({ event, bytes: last.bytes });
  }

  pull(): SourceEvent | undefined {
    const item = this.#items[this.#head];
    if (item === undefined) return undefined;
    this.#head += 1;
    this.#bytes -= item.bytes;
    if (this.#head === this.#items.length || this.#head > 1024) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    if (!this.full) {
      const wake = this.#wakePush;
      this.#wakePush = undefined;
      wake?.();
    }
    return item.event;
  }

  /** Takes out what has not been pulled and satisfies the predicate; in order. */
  drop(unwanted: (event: SourceEvent) => boolean): readonly SourceEvent[] {
    const dropped: SourceEvent[] = [];
    const kept: Item[] = [];
    for (const item of this.#items.slice(this.#head)) {
      if (!unwanted(item.event)) {
        kept.push(item);
      } else {
        dropped.push(item.event);
        this.#bytes -= item.bytes;
      }
    }
    this.#items = kept;
    this.#head = 0;
    return dropped;
  }

  /** Resolves when something was pushed, or at `wake`. */
  changed(): Promise<void> {
    return new Promise((resolve) => (this.#wakePull = resolve));
  }

  /** Lets the pulling side look again. */
  wake(): void {
    const wake = this.#wakePull;
    this.#wakePull = undefined;
    wake?.();
  }

  /** Resolves when it is no longer full, or after `ms`. */
  space(ms: number): Promise<void> {
    if (!this.full) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wakePush = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Lets the pushing side go on, full or not. */
  release(): void {
    const wake = this.#wakePush;
    this.#wakePush = undefined;
    wake?.();
  }
}
