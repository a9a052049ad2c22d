/**
 * Where a change that puts or takes a row stands among the others of rows that equal it: by `rank`, and at one rank by
 * its place in Kafka. One event takes its row before it puts one.
 */
export type Ranked = { readonly rank: string; readonly partition: number; readonly offset: number };

/** Which rows stand, and which row each change took; undefined: one that has not come. */
export type Matched<Put, Take> = {
  readonly standing: ReadonlySet<Put>;
  readonly took: ReadonlyMap<Take, Put | undefined>;
};

/**
 * Of equal rows, tells those that stand when each change has taken the newest one before it that no change between the
 * two has taken, as parentheses are matched (SPEC.md, "Equal rows"). What comes out depends on what is given alone, not
 * on the order in which it came; and what is left of it when everything up to a place is struck off is the same as if
 * nothing before that place had ever been given. Pure.
 */
export function matchEqualRows<Put extends Ranked, Take extends Ranked>(
  puts: readonly Put[],
  takes: readonly Take[],
): Matched<Put, Take> {
  const took = new Map<Take, Put | undefined>();
  if (takes.length === 0) return { standing: new Set(puts), took };
  const ups = puts.toSorted(compare);
  const open: Put[] = [];
  let next = 0;
  for (const take of takes.toSorted(compare)) {
    for (let put = ups[next]; put !== undefined && compare(put, take) < 0; put = ups[++next]) open.push(put);
    took.set(take, open.pop());
  }
  return { standing: new Set([...open, ...ups.slice(next)]), took };
}

function compare(a: Ranked, b: Ranked): number {
  if (a.rank !== b.rank) return a.rank < b.rank ? -1 : 1;
  return a.partition - b.partition || a.offset - b.offset;
}
