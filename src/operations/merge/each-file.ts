/**
 * Runs `work` over the items, a few at once, and gives the results in the order of the items. The first failure is
 * rethrown after the work in flight has ended; nothing new is begun after it.
 */
export async function mapAFewAtOnce<T, R>(
  items: readonly T[],
  work: (item: T, index: number) => Promise<R>,
  options: { readonly signal: AbortSignal },
): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  let failed = false;
  const lane = async (): Promise<void> => {
    while (next < items.length && !failed) {
      options.signal.throwIfAborted();
      const index = next++;
      const item = items[index];
      if (item === undefined) continue;
      try {
        results[index] = await work(item, index);
      } catch (cause) {
        failed = true;
        throw cause;
      }
    }
  };
  const lanes = await Promise.allSettled(Array.from({ length: AT_ONCE }, lane));
  for (const settled of lanes) {
    if (settled.status === 'rejected') throw settled.reason;
  }
  return results;
}

/** Files open at once: enough to hide a store's latency behind decoding, few enough to bound memory. */
const AT_ONCE = 4;
