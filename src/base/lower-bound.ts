/** The index of the first of ascending numbers that is not below `value`; their count if all are. */
export function lowerBound(sorted: Float64Array, value: number): number {
  let from = 0;
  let upTo = sorted.length;
  while (from < upTo) {
    const middle = (from + upTo) >>> 1;
    if ((sorted[middle] ?? Infinity) < value) from = middle + 1;
    else upTo = middle;
  }
  return from;
}
