import { never } from '../../base/signals.js';
import type { Patience } from '../../operations/feed/patience.js';
import type { Cursor, CursorPlace } from '../../operations/feed/cursor.js';

/** Where a subscriber is, and when that is saved: at acknowledgements, and when versions without rows lie behind it. */
export class Bookmark {
  readonly #cursor: Cursor | undefined;
  readonly #patience: Patience | undefined;
  /** A place that was reached without rows and is not saved yet. */
  #ahead: CursorPlace | undefined;

  /** @param patience - for saves; without it a failure of the store goes through */
  constructor(cursor: Cursor | undefined, patience: Patience | undefined) {
    this.#cursor = cursor;
    this.#patience = patience;
  }

  /** The subscriber is done with all rows before this place. */
  async acknowledged(place: CursorPlace): Promise<void> {
    // Not under the feed's signal: what is done is saved also while the feed ends.
    await this.#save(place, never);
    this.#ahead = undefined;
  }

  /** There were no rows up to this place. */
  passed(place: CursorPlace): void {
    this.#ahead = place;
  }

  /** Saves what was passed. */
  async settle(signal: AbortSignal): Promise<void> {
    if (this.#ahead === undefined) return;
    await this.#save(this.#ahead, signal);
    this.#ahead = undefined;
  }

  async #save(place: CursorPlace, signal: AbortSignal): Promise<void> {
    const cursor = this.#cursor;
    if (cursor === undefined) return;
    const save = () => cursor.save(place, signal);
    // A save that may have happened is tried again as it is.
    await (this.#patience === undefined ? save() : this.#patience.ride(save));
  }
}
