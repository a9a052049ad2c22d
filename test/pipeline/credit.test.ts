import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { never } from '../../src/base/signals.js';
import { Credit, Lease } from '../../src/pipeline/credit.js';

/** Lets everything that can run without time passing run. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

describe('credit', () => {
  test('is taken up to its bound and waited for beyond it', async () => {
    const credit = new Credit(100);
    await credit.take(60, never);
    let second = false;
    const waiting = credit.take(60, never).then(() => (second = true));
    await settled();
    expect(second).toBe(false);
    credit.give(60);
    await waiting;
    expect(credit.taken).toBe(60);
  });

  test('R32: one record larger than the credit is admitted alone', async () => {
    const credit = new Credit(100);
    await credit.take(10, never);
    let admitted = false;
    const large = credit.take(1000, never).then(() => (admitted = true));
    await settled();
    expect(admitted).toBe(false);
    credit.give(10);
    await large;
    expect(credit.taken).toBe(1000);
    let after = false;
    const small = credit.take(1, never).then(() => (after = true));
    await settled();
    expect(after).toBe(false);
    credit.give(1000);
    await small;
    expect(credit.taken).toBe(1);
  });

  test('R32: whoever can let go is asked when someone starves, and again while that did not help', async () => {
    const asked: number[] = [];
    const credit: Credit = new Credit(100, () => asked.push(credit.taken));
    await credit.take(50, never);
    await credit.take(50, never);
    const waiting = credit.take(80, never);
    expect(asked).toEqual([100]);
    credit.give(50);
    expect(asked).toEqual([100, 50]);
    credit.give(50);
    await waiting;
    expect(asked).toEqual([100, 50]);
  });

  test('an aborted wait holds nothing and lets the next one in', async () => {
    const credit = new Credit(100);
    await credit.take(100, never);
    const aborter = new AbortController();
    const refused = credit.take(100, aborter.signal);
    const next = credit.take(10, never);
    aborter.abort(new Error('stopped'));
    await expect(refused).rejects.toThrow('stopped');
    credit.give(100);
    await next;
    expect(credit.taken).toBe(10);
  });

  test('giving back more than was taken is a bug', async () => {
    const credit = new Credit(10);
    await credit.take(5, never);
    expect(() => credit.give(6)).toThrow(/6 bytes given back of 5/);
  });

  test('nobody waits for ever and the bound holds, except for one item alone', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 150 }), { maxLength: 30 }), async (sizes) => {
        const credit = new Credit(100);
        const held: number[] = [];
        const all = Promise.all(
          sizes.map(async (bytes) => {
            await credit.take(bytes, never);
            held.push(bytes);
            const sum = held.reduce((a, b) => a + b, 0);
            expect(sum <= 100 || held.length === 1).toBe(true);
          }),
        );
        for (let turn = 0; turn < sizes.length; turn++) {
          await settled();
          const bytes = held.shift();
          if (bytes !== undefined) credit.give(bytes);
        }
        await all;
      }),
    );
  });

  test('a lease goes back with its last holder', async () => {
    const credit = new Credit(100);
    await credit.take(70, never);
    const lease = new Lease(credit, 70);
    lease.share();
    lease.release();
    expect(credit.taken).toBe(70);
    lease.release();
    expect(credit.taken).toBe(0);
    expect(() => lease.release()).toThrow(/once/);
  });
});
