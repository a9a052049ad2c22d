import { must } from './errors.js';

/** A piece of work that can be begun before its result is wanted. */
export type Job<T> = {
  /** What the result takes up, in any unit that {@link AheadOptions.weight} shares. */
  readonly weight: number;
  readonly run: () => Promise<T>;
};

export type AheadOptions = {
  /** The most jobs that are under way or done and not yet taken. */
  readonly jobs: number;
  /** The most that these may weigh together; a heavier one runs alone. */
  readonly weight: number;
};

/**
 * The results of the jobs in their order, some of them worked on before they are asked for. A job that fails fails in its
 * turn, after the results before it; when the consumer stops early, what is under way is awaited and dropped.
 */
export async function* ahead<T>(
  jobs: Iterable<Job<T>> | AsyncIterable<Job<T>>,
  { jobs: most, weight: heaviest }: AheadOptions,
): AsyncGenerator<T, void, undefined> {
  const begun: { readonly weight: number; readonly result: Promise<T> }[] = [];
  let weight = 0;
  const oldest = async (): Promise<T> => {
    const result = await must(begun[0], 'a job under way').result;
    weight -= begun.shift()?.weight ?? 0;
    return result;
  };
  try {
    for await (const job of jobs) {
      while (begun.length >= most || (begun.length > 0 && weight + job.weight > heaviest))
        yield await oldest();
      weight += job.weight;
      const result = job.run();
      // It is awaited in its turn; until then its failure is nobody's yet.
      result.catch(() => undefined);
      begun.push({ weight: job.weight, result });
    }
    while (begun.length > 0) yield await oldest();
  } finally {
    await Promise.allSettled(begun.map(({ result }) => result));
  }
}
