/** `operationMetrics` as they stand in the log: whole numbers as text. */
export function metricTexts(numbers: Readonly<Record<string, number>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(numbers).map(([name, n]) => [name, String(Math.round(n))]));
}
