import type { ArrowTable } from '../../columnar/arrow.js';
import { SluiceError } from '../../base/errors.js';
import { plainRows } from '../../operations/plain-rows.js';
import type { PlainRow } from '../../operations/plain-values.js';
import type { StructType } from '../../schema/types.js';

/** Changed rows of one version of a table: at most a row group of one file, never of two versions. */
export interface ChangeBatch {
  readonly version: number;
  /** When the version was committed. */
  readonly committedAt: Date;
  /**
   * The table's columns at this version, then `_change_type` (`insert`, `update_preimage`, `update_postimage`, `delete`),
   * `_commit_version` and `_commit_timestamp`.
   */
  readonly schema: StructType;
  readonly rows: ArrowTable;
  /** Whether this is the last batch of its version: only then is all of the version there. */
  readonly isLast: boolean;

  /** The rows as objects: `PlainValue` says how each type comes. */
  toRows(): PlainRow[];

  /**
   * Says that the batch is done with: the next one may come, and after the last batch of a version the cursor moves on.
   * A second call does nothing; one after a failure tries again. Also good after the feed has ended.
   *
   * @throws SluiceError CURSOR_CONFLICT if another subscriber uses the cursor, STORE_… if it cannot be saved
   */
  ack(): Promise<void>;
}

export type BatchParts = Omit<ChangeBatch, 'toRows' | 'ack'>;

/** A batch that knows what its acknowledgement came to. */
export class AckedBatch implements ChangeBatch {
  readonly version: number;
  readonly committedAt: Date;
  readonly schema: StructType;
  readonly rows: ArrowTable;
  readonly isLast: boolean;
  readonly #onAck: () => Promise<void>;
  #acked: Promise<void> | undefined;

  /** @param onAck - called once for each try, never while one is under way */
  constructor(parts: BatchParts, onAck: () => Promise<void>) {
    this.version = parts.version;
    this.committedAt = parts.committedAt;
    this.schema = parts.schema;
    this.rows = parts.rows;
    this.isLast = parts.isLast;
    this.#onAck = onAck;
  }

  toRows(): PlainRow[] {
    return [...plainRows(this.rows, this.schema)];
  }

  ack(): Promise<void> {
    this.#acked ??= this.#onAck().catch((cause: unknown) => {
      this.#acked = undefined;
      throw cause;
    });
    return this.#acked;
  }

  /** Resolves when an acknowledgement that was begun is through. `USAGE` if none was. */
  async assertAcked(): Promise<void> {
    if (this.#acked !== undefined) return this.#acked;
    throw new SluiceError('USAGE', `the batch of version ${this.version} was not acknowledged`, {
      context: { version: this.version },
      hint: 'call `await batch.ack()` before the next batch is asked for, or use asObservable(), which waits for it',
    });
  }
}
