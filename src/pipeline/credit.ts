import { assert } from '../base/errors.js';

type Waiter = { readonly bytes: number; readonly admit: () => void };

/**
 * A budget of bytes that bounds what is held between a source and the place where it comes to rest. Taken
 * where an item comes in, given back where it is done with. Waiters are served in the order they came.
 *
 * An item larger than the whole budget is admitted when nothing else is held: alone, and never refused.
 */
export class Credit {
  readonly #bytesMax: number;
  readonly #onStarved: () => void;
  readonly #waiters: Waiter[] = [];
  #taken = 0;

  /**
   * `onStarved` is called each time someone has to wait, and again after each return that did not help: whoever
   * holds something that could be let go should do so. It must not take credit itself.
   */
  constructor(bytesMax: number, onStarved: () => void = () => undefined) {
    assert(bytesMax > 0, () => `a credit of ${bytesMax} bytes admits nothing`);
    this.#bytesMax = bytesMax;
    this.#onStarved = onStarved;
  }

  /** Bytes held now. */
  get taken(): number {
    return this.#taken;
  }

  /** Whether somebody waits. */
  get starved(): boolean {
    return this.#waiters.length > 0;
  }

  /** Resolves once the bytes are held. Rejects with the signal's reason, holding nothing. */
  take(bytes: number, signal: AbortSignal): Promise<void> {
    assert(bytes >= 0, () => `cannot take ${bytes} bytes`);
    return this.#wait(bytes, signal, () => {
      this.#taken += bytes;
    });
  }

  /** Resolves once at least one byte could be taken. Takes nothing: for asking before fetching. */
  room(signal: AbortSignal): Promise<void> {
    return this.#wait(1, signal, () => undefined);
  }

  /** Returns bytes and lets in who waits and fits. Returning more than was taken is a bug. */
  give(bytes: number): void {
    assert(bytes >= 0 && bytes <= this.#taken, () => `${bytes} bytes given back of ${this.#taken} taken`);
    this.#taken -= bytes;
    for (let next = this.#waiters[0]; next !== undefined && this.#fits(next.bytes); next = this.#waiters[0]) {
      this.#waiters.shift();
      next.admit();
    }
    if (this.#waiters.length > 0) this.#onStarved();
  }

  #fits(bytes: number): boolean {
    return this.#taken === 0 || this.#taken + bytes <= this.#bytesMax;
  }

  #wait(bytes: number, signal: AbortSignal, enter: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      if (this.#waiters.length === 0 && this.#fits(bytes)) {
        enter();
        resolve();
        return;
      }
      const onAbort = () => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        reject(signal.reason);
      };
      const waiter: Waiter = {
        bytes,
        admit: () => {
          signal.removeEventListener('abort', onAbort);
          enter();
          resolve();
        },
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiters.push(waiter);
      this.#onStarved();
    });
  }
}

/**
 * Bytes that several holders share: they go back when the last of them lets go. The one who makes it is the
 * first holder.
 */
export class Lease {
  readonly #credit: Credit;
  readonly #bytes: number;
  #holders = 1;

  /** The bytes are taken already; the lease is what gives them back. */
  constructor(credit: Credit, bytes: number) {
    this.#credit = credit;
    this.#bytes = bytes;
  }

  share(): void {
    assert(this.#holders > 0, 'a lease that went back cannot be shared');
    this.#holders++;
  }

  release(): void {
    assert(this.#holders > 0, 'a lease goes back once');
    this.#holders--;
    if (this.#holders === 0) this.#credit.give(this.#bytes);
  }
}
