import { concatMap, groupBy, mergeMap, type ObservableInput, type OperatorFunction } from 'rxjs';

export type LanesOptions<T, K, R> = {
  /** Items of equal keys share a lane. */
  readonly keyOf: (item: T) => K;
  /** The work for one item. */
  readonly work: (item: T, key: K) => ObservableInput<R>;
};

/**
 * One lane, one order; lanes side by side. Within a key the work for an item begins when the work for the
 * item before it is done; keys do not wait for each other. A failure in one lane ends them all: work that is
 * to fail alone turns its failure into a value.
 *
 * Items wait for their lane without a bound of its own: what bounds them is the credit they hold.
 */
export function lanes<T, K, R>({ keyOf, work }: LanesOptions<T, K, R>): OperatorFunction<T, R> {
  return (source) =>
    source.pipe(
      groupBy(keyOf),
      // As many as there are keys: a group that waits for its subscription would lose what is sent to it.
      mergeMap((lane) => lane.pipe(concatMap((item) => work(item, lane.key))), Number.POSITIVE_INFINITY),
    );
}
