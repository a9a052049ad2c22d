import { describe, expect, test } from 'vitest';
import { planOf } from './plan.js';
import { simulate } from './simulate.js';

describe('a seed', () => {
  test('gives the same history to the byte, whatever was played before it', async () => {
    for (const seed of [3, 17, 29]) {
      const first = await simulate(planOf(seed), { trace: true });
      await simulate(planOf(seed + 100));
      const again = await simulate(planOf(seed), { trace: true });
      expect(again.lines).toEqual(first.lines);
      expect(again.hash).toBe(first.hash);
    }
  });

  test('gives another history than another seed', async () => {
    const hashes = new Set<string>();
    for (const seed of [1, 2, 3, 4]) hashes.add((await simulate(planOf(seed))).hash);
    expect(hashes.size).toBe(4);
  });
});
