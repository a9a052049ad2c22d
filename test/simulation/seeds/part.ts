import { describe, expect, test } from 'vitest';
import { play } from '../crew.js';

/** Parts that the seeds of a test run are played in, each a file of its own so that all cores work. */
const PARTS = 4;
const SEEDS = process.env['CI'] === 'true' ? 2_000 : 80;

/** One of the parts. A seed that fails is told, and how to play it again. */
export function describePart(part: number): void {
  const each = SEEDS / PARTS;
  const from = 1 + (part - 1) * each;
  describe('the sink over a simulated world', () => {
    test(`keeps its promises in the seeds from ${from} to ${from + each - 1}`, async () => {
      const { failures } = await play({ from, seeds: each, changes: {} });
      const told = failures.map(({ seed, violations: [first] }) => {
        return `npm run simulate -- --seed ${seed}: ${first?.checker}: ${first?.message}`;
      });
      expect(told).toEqual([]);
    });
  });
}
