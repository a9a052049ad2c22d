import { Observable } from 'rxjs';
import type { Credit } from './credit.js';

export type FromPullOptions<T> = {
  readonly credit: Credit;
  /** Bytes of credit that an item takes when it comes in; nothing is taken for 0. Whoever is done with it gives them back. */
  readonly sizeOf: (item: T) => number;
};

/**
 * Turns something that is pulled into something that pushes, no faster than credit allows: the next item is
 * asked for only while there is credit, and emitted only once its bytes are held. Each subscription opens
 * anew; unsubscribing aborts the signal that was handed to `open`, and with it a wait for credit.
 *
 * The bytes of an emitted item belong to the subscriber, also after it unsubscribed.
 */
export function fromPull<T>(
  open: (signal: AbortSignal) => AsyncIterable<T>,
  { credit, sizeOf }: FromPullOptions<T>,
): Observable<T> {
  return new Observable((subscriber) => {
    const aborter = new AbortController();
    const { signal } = aborter;

    const pull = async (): Promise<void> => {
      const iterator = open(signal)[Symbol.asyncIterator]();
      let finished = false;
      try {
        while (!signal.aborted) {
          await credit.room(signal);
          const item = await iterator.next();
          if (item.done === true) {
            finished = true;
            break;
          }
          const bytes = sizeOf(item.value);
          if (bytes > 0) await credit.take(bytes, signal);
          if (signal.aborted) {
            // Unsubscribed between the grant and here: nobody will be handed the item that the bytes are for.
            if (bytes > 0) credit.give(bytes);
            break;
          }
          subscriber.next(item.value);
        }
      } catch (cause) {
        if (!signal.aborted) subscriber.error(cause);
        return;
      } finally {
        if (!finished) await iterator.return?.();
      }
      if (finished) subscriber.complete();
    };

    // Its failures go to the subscriber; what closing throws after an abort has no one left to hear it.
    pull().catch((cause: unknown) => {
      if (!signal.aborted) subscriber.error(cause);
    });
    return () => aborter.abort(new DOMException('unsubscribed', 'AbortError'));
  });
}
