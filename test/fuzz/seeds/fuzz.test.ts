import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import type { Tally } from '../crew.js';

const SEEDS = process.env['CI'] === 'true' ? 2_000 : 100;

test(`${SEEDS} damaged tables end in typed errors or in rows, in bounded time and memory`, async () => {
  // Compiled, because what may hang or end a process runs in processes of its own.
  const fuzz = spawn(process.execPath, ['scripts/fuzz.mjs', '--json', '--seeds', String(SEEDS)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const tally: Tally = JSON.parse(await text(fuzz.stdout));
  const { seeds, rows, failures, errors } = tally;
  expect(failures.map(({ seed, wrong }) => `npm run fuzz -- --seed ${seed}: ${wrong}`)).toEqual([]);
  expect(seeds).toBe(SEEDS);
  // A fuzzer that damages nothing, or everything, would find nothing.
  expect(rows).toBeGreaterThan(SEEDS / 10);
  expect(errors['CORRUPT_FILE'] ?? 0).toBeGreaterThan(SEEDS / 20);
  expect(errors['CORRUPT_LOG'] ?? 0).toBeGreaterThan(SEEDS / 20);
});
