import { describe, expect, test } from 'vitest';
import { never } from '../../src/base/signals.js';
import { Credit } from '../../src/pipeline/credit.js';
import { fromPull } from '../../src/pipeline/from-pull.js';

async function settled(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}

/** Counts up, and tells how often it was asked and whether it was closed. */
function counter(upTo: number) {
  const log = { asked: 0, closed: 0, opened: 0 };
  const open = async function* (): AsyncGenerator<number> {
    log.opened++;
    try {
      for (let n = 1; n <= upTo; n++) {
        log.asked++;
        yield n;
      }
    } finally {
      log.closed++;
    }
  };
  return { log, open };
}

describe('fromPull', () => {
  test('asks for no more than credit allows, and goes on when it comes back', async () => {
    const credit = new Credit(30);
    const { log, open } = counter(10);
    const seen: number[] = [];
    let completed = false;
    fromPull(open, { credit, sizeOf: () => 10 }).subscribe({
      next: (n) => seen.push(n),
      complete: () => (completed = true),
    });
    await settled();
    expect(seen).toEqual([1, 2, 3]);
    expect(log.asked).toBe(3);
    credit.give(10);
    await settled();
    expect(seen).toEqual([1, 2, 3, 4]);
    for (let left = 9; left > 0; left--) {
      credit.give(10);
      await settled();
    }
    expect(completed).toBe(true);
    expect(seen).toHaveLength(10);
    expect(log.closed).toBe(1);
  });

  test('items that take nothing pass while the rest waits in order', async () => {
    const credit = new Credit(10);
    const { open } = counter(4);
    const seen: number[] = [];
    fromPull(open, { credit, sizeOf: (n) => (n % 2 === 0 ? 5 : 0) }).subscribe((n) => seen.push(n));
    await settled();
    expect(seen).toEqual([1, 2, 3, 4]);
    expect(credit.taken).toBe(10);
  });

  test('unsubscribing closes what was opened, also while it waits for credit', async () => {
    const credit = new Credit(10);
    const { log, open } = counter(10);
    const subscription = fromPull(open, { credit, sizeOf: () => 10 }).subscribe();
    await settled();
    expect(credit.taken).toBe(10);
    subscription.unsubscribe();
    await settled();
    expect(log.closed).toBe(1);
    credit.give(10);
    await credit.take(10, never);
    expect(log.asked).toBe(1);
  });

  test('a failure of the source is the failure of the stream', async () => {
    const credit = new Credit(10);
    const failed = new Promise((resolve) => {
      fromPull(
        async function* () {
          yield await Promise.resolve(1);
          throw new Error('cable pulled');
        },
        { credit, sizeOf: () => 1 },
      ).subscribe({ error: resolve });
    });
    expect(await failed).toMatchObject({ message: 'cable pulled' });
  });

  test('every subscription opens anew', async () => {
    const credit = new Credit(1000);
    const { log, open } = counter(2);
    const items = fromPull(open, { credit, sizeOf: () => 1 });
    items.subscribe();
    items.subscribe();
    await settled();
    expect(log.opened).toBe(2);
  });
});
