import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** Folders of `test` whose suites need something beyond Node (a broker, Spark) or take long. */
const BEYOND_UNIT = [
  'test/e2e/**',
  'test/kafka/**',
  'test/cli/kafka/**',
  'test/source/kafka/**',
  'test/interop/**',
  'test/golden/**',
];

/** Histories of the simulated world, and damaged tables: no more than Node, and minutes of it. */
const SEEDS = ['test/simulation/seeds/**', 'test/fuzz/seeds/**'];

export default defineConfig({
  test: {
    testTimeout: 30_000,
    hookTimeout: 180_000,
    pool: 'forks',
    // All of them: the process that hands out the files has little to do itself.
    maxWorkers: availableParallelism(),
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [...BEYOND_UNIT, ...SEEDS],
          // Files of one worker share their modules: loading the codecs anew for each doubles the time.
          isolate: false,
        },
      },
      {
        extends: true,
        test: {
          name: 'simulation',
          include: SEEDS.map((folder) => `${folder}/*.test.ts`),
          testTimeout: 600_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'real',
          include: BEYOND_UNIT.map((folder) => folder.replace(/\*\*$/, '**/*.test.ts')),
          testTimeout: 180_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
