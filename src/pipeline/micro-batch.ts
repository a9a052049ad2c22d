import { asyncScheduler, Observable, type OperatorFunction, type SchedulerLike, Subscription } from 'rxjs';

export type MicroBatchOptions<T> = {
  /** A batch is emitted at the latest this long after its first item came. */
  readonly maxMs: number;
  /** A batch is emitted as soon as it holds this many bytes or rows; the item that reaches the bound is in it. */
  readonly maxBytes: number;
  readonly maxRows: number;
  readonly sizeOf: (item: T) => number;
  /** Rows that one item stands for; 1 if not given. */
  readonly rowsOf?: (item: T) => number;
  readonly scheduler?: SchedulerLike;
};

/**
 * Groups items into batches bounded in age, bytes and rows, whichever comes first. Never emits an empty
 * batch: an idle stream costs no commits. On completion the open batch is emitted; on error it is dropped,
 * and its items come again because their offsets were never committed.
 */
export function microBatch<T>(options: MicroBatchOptions<T>): OperatorFunction<T, readonly T[]> {
  const { maxMs, maxBytes, maxRows, sizeOf, rowsOf = () => 1, scheduler = asyncScheduler } = options;
  return (source) =>
    new Observable((subscriber) => {
      let open: T[] = [];
      let openBytes = 0;
      let openRows = 0;
      let deadline = Subscription.EMPTY;

      const close = () => {
        deadline.unsubscribe();
        if (open.length === 0) return;
        const batch = open;
        open = [];
        openBytes = 0;
        openRows = 0;
        subscriber.next(batch); // Last: a re-entrant consumer must find the state already clean.
      };

      const subscription = source.subscribe({
        next: (item) => {
          if (open.length === 0) deadline = scheduler.schedule(close, maxMs);
          open.push(item);
          openBytes += sizeOf(item);
          openRows += rowsOf(item);
          if (openBytes >= maxBytes || openRows >= maxRows) close();
        },
        error: (cause: unknown) => {
          deadline.unsubscribe();
          open = [];
          subscriber.error(cause);
        },
        complete: () => {
          close();
          subscriber.complete();
        },
      });
      return () => {
        subscription.unsubscribe();
        deadline.unsubscribe();
      };
    });
}
