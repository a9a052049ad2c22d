import { never } from '../../base/signals.js';
import type { Cursor, CursorPlace } from '../../operations/feed/cursor.js';

/** Where a subscriber is, and when that is saved: at acknowledgements, and when versions without rows lie behind it. */
export class Bookmark {
  readonly #cursor: Cursor | undefined;
  /** A place that was reached without rows and is not saved yet. */
  #ahead: CursorPlace | undefined;

  constructor(cursor: Cursor | undefined) {
    this.#cursor = cursor;
  }

  /** The subscriber is done with all rows before this place. */
  async acknowledged(place: CursorPlace): Promise<void> {
    // Not under the feed's signal: what is done is saved also while the feed ends.
    await this.#cursor?.save(place, never);
    this.#ahead = undefined;
  }

  /** There were no rows up to this place. */
  passed(place: CursorPlace): void {
    this.#ahead = place;
  }

  /** Saves what was passed. */
  async settle(signal: AbortSignal): Promise<void> {
    if (this.#ahead === undefined) return;
    await this.#cursor?.save(this.#ahead, signal);
    this.#ahead = undefined;
  }
}
