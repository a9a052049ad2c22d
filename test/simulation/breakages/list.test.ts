import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { BREAKAGES } from './list.js';

describe('the breakages', () => {
  test('each find what they break exactly once', () => {
    const astray = BREAKAGES.flatMap(({ name, patches }) =>
      patches.flatMap(({ file, find }) => {
        const times = readFileSync(file, 'utf8').split(find).length - 1;
        return times === 1 ? [] : [`${name}: ${times} times in ${file}: ${find}`];
      }),
    );
    expect(astray).toEqual([]);
  });

  test('have names of their own', () => {
    expect(new Set(BREAKAGES.map(({ name }) => name)).size).toBe(BREAKAGES.length);
  });
});
