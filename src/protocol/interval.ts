const UNIT_MS: ReadonlyMap<string, number> = new Map([
  ['week', 604_800_000],
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000],
  ['millisecond', 1],
  ['microsecond', 0.001],
]);

/**
 * Milliseconds of an interval as table properties spell it: `interval 30 days`, `2 weeks 12 hours`; the word
 * `interval` may be left out. Undefined for anything else, months and years too, whose length is not fixed.
 */
export function parseIntervalMs(text: string): number | undefined {
  const words = text.trim().toLowerCase().split(/\s+/);
  if (words[0] === 'interval') words.shift();
  if (words.length === 0 || words.length % 2 !== 0) return undefined;
  let total = 0;
  for (let i = 0; i < words.length; i += 2) {
    const amount = words[i] ?? '';
    const unit = UNIT_MS.get((words[i + 1] ?? '').replace(/s$/, ''));
    if (unit === undefined || !/^[+-]?\d{1,12}$/.test(amount)) return undefined;
    total += Number(amount) * unit;
  }
  return total >= 0 ? Math.floor(total) : undefined;
}
