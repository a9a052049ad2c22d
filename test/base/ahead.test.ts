import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ahead, type Job } from '../../src/base/ahead.js';

/** Jobs that end when the test says so. */
class Bench {
  readonly begun: number[] = [];
  readonly #ends = new Map<number, (cause?: Error) => void>();

  job(id: number, weight = 1): Job<number> {
    return {
      weight,
      run: () => {
        this.begun.push(id);
        return new Promise((resolve, reject) => {
          this.#ends.set(id, (cause) => (cause === undefined ? resolve(id) : reject(cause)));
        });
      },
    };
  }

  end(id: number, cause?: Error): void {
    this.#ends.get(id)?.(cause);
  }
}

const soon = () => new Promise((resolve) => setImmediate(resolve));

describe('ahead', () => {
  test('gives the results in the order of the jobs, whatever their weights and times', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ weight: fc.nat(5), ms: fc.nat(3) }), { maxLength: 20 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 8 }),
        async (shapes, most, heaviest) => {
          let running = 0;
          let weight = 0;
          const jobs = shapes.map(({ weight: own, ms }, id) => ({
            weight: own,
            run: async () => {
              running += 1;
              weight += own;
              expect(running).toBeLessThanOrEqual(most);
              expect(weight <= heaviest || running === 1).toBe(true);
              for (let turn = 0; turn < ms; turn++) await soon();
              running -= 1;
              weight -= own;
              return id;
            },
          }));
          const results: number[] = [];
          for await (const id of ahead(jobs, { jobs: most, weight: heaviest })) results.push(id);
          expect(results).toEqual(shapes.map((_, id) => id));
        },
      ),
      { numRuns: 60 },
    );
  });

  test('begins jobs before they are asked for, as many as may be', async () => {
    const bench = new Bench();
    const results = ahead(
      [1, 2, 3, 4].map((id) => bench.job(id)),
      { jobs: 2, weight: 100 },
    );
    const first = results.next();
    await soon();
    expect(bench.begun).toEqual([1, 2]);
    bench.end(1);
    expect((await first).value).toBe(1);
    const second = results.next();
    await soon();
    expect(bench.begun).toEqual([1, 2, 3]);
    for (const id of [2, 3, 4]) bench.end(id);
    expect((await second).value).toBe(2);
    const third = results.next();
    await soon();
    bench.end(4);
    expect((await third).value).toBe(3);
    expect((await results.next()).value).toBe(4);
    expect((await results.next()).done).toBe(true);
  });

  test('a job that fails early fails in its turn', async () => {
    const bench = new Bench();
    const results = ahead(
      [1, 2].map((id) => bench.job(id)),
      { jobs: 2, weight: 100 },
    );
    const first = results.next();
    await soon();
    bench.end(2, new Error('broken'));
    await soon();
    bench.end(1);
    expect((await first).value).toBe(1);
    await expect(results.next()).rejects.toThrow('broken');
  });

  test('whoever stops early waits for what is under way, and nothing else begins', async () => {
    const bench = new Bench();
    const results = ahead(
      [1, 2, 3].map((id) => bench.job(id)),
      { jobs: 2, weight: 100 },
    );
    const first = results.next();
    await soon();
    bench.end(1);
    await first;
    let over = false;
    const stopped = results.return(undefined).then(() => (over = true));
    await soon();
    expect(over).toBe(false);
    bench.end(2);
    await stopped;
    expect(bench.begun).toEqual([1, 2]);
  });
});
