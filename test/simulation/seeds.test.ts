import { describe, expect, test } from 'vitest';
import { play } from './crew.js';

describe('the sink over a simulated world', () => {
  test('keeps its promises in the first seeds', { timeout: 120_000 }, async () => {
    const { failures } = await play({ from: 1, seeds: 25, changes: {} });
    expect(failures).toEqual([]);
  });
});
