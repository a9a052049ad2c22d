import { expect, test } from 'vitest';
import { never } from '../../src/base/signals.js';
import { withFaults } from '../../src/storage/faults.js';
import { memoryStore } from '../../src/storage/memory.js';

const anyway = { signal: never };
const body = new Uint8Array([1]);

test('a lost answer of a put that landed leaves the object', async () => {
  const store = memoryStore();
  const faulty = withFaults(store, [
    { operation: 'putIfAbsent', fault: { kind: 'lost-answer', landed: true } },
  ]);
  await expect(faulty.putIfAbsent('k', body, anyway)).rejects.toMatchObject({
    code: 'STORE_UNAVAILABLE',
    retry: 'ambiguous',
    context: { file: 'k' },
  });
  expect(await store.get('k', anyway)).toEqual(body);
  expect(await faulty.putIfAbsent('k', body, anyway)).toBe('exists');
});

test('a lost answer of a put that did not land leaves nothing', async () => {
  const faulty = withFaults(memoryStore(), [
    { operation: 'putIfAbsent', fault: { kind: 'lost-answer', landed: false } },
  ]);
  await expect(faulty.putIfAbsent('k', body, anyway)).rejects.toMatchObject({ retry: 'ambiguous' });
  expect(await faulty.putIfAbsent('k', body, anyway)).toBe('created');
});

test('a fault befalls the calls that match it, from the nth on, in stores below too', async () => {
  const faulty = withFaults(memoryStore(), [
    { operation: 'put', key: /^t\/log\//, nth: 2, times: 2, fault: { kind: 'fails', code: 'STORE_FULL' } },
  ]);
  const below = faulty.at('t');
  const outcomes: string[] = [];
  for (const key of ['log/1', 'data', 'log/2', 'log/3', 'log/4']) {
    outcomes.push(
      await below.put(key, body, anyway).then(
        () => 'done',
        () => 'failed',
      ),
    );
  }
  expect(outcomes).toEqual(['done', 'done', 'failed', 'failed', 'done']);
  expect(await faulty.get('t/log/2', anyway)).toBeUndefined();
});

test('a delayed call waits before it starts or before its answer', async () => {
  const before = gate();
  const after = gate();
  const store = memoryStore();
  const faulty = withFaults(store, [
    { operation: 'put', nth: 1, fault: { kind: 'delay', when: 'before', until: () => before.opened } },
    { operation: 'put', nth: 2, fault: { kind: 'delay', when: 'after', until: () => after.opened } },
  ]);
  const first = faulty.put('a', body, anyway);
  const second = faulty.put('b', body, anyway);
  expect(await store.get('a', anyway)).toBeUndefined();
  expect(await store.get('b', anyway)).toEqual(body);
  before.open();
  after.open();
  await Promise.all([first, second]);
  expect(await store.get('a', anyway)).toEqual(body);
});

function gate(): { open: () => void; opened: Promise<void> } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}
