import { expect, test } from 'vitest';
import { readFileSync } from 'node:fs';

test('docs/errors.md has a row for every error code, and for no other', () => {
  const source = readFileSync('src/base/errors.ts', 'utf8');
  const union = /export type ErrorCode =([^;]+);/.exec(source)?.[1] ?? '';
  const codes = [...union.matchAll(/'([A-Z_]+)'/g)].map((found) => found[1]);
  const rows = [...readFileSync('docs/errors.md', 'utf8').matchAll(/^\| `([A-Z_]+)` \|/gm)].map(
    (found) => found[1],
  );
  expect(codes.length).toBeGreaterThan(20);
  expect(rows.toSorted()).toEqual(codes.toSorted());
});
