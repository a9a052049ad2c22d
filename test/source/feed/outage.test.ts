import { describe, expect, test } from 'vitest';
import { SluiceError } from '../../../src/base/errors.js';
import { listCursors } from '../../../src/operations/feed/cursors.js';
import { changeFeed } from '../../../src/source/feed/change-feed.js';
import { memoryStore } from '../../../src/storage/memory.js';
import type { ObjectMeta, ObjectStore } from '../../../src/storage/object-store.js';
import { withFaults } from '../../../src/storage/faults.js';
import { optimize, perform } from '../../operations/histories.js';
import { newTable } from '../../operations/tables.js';

const QUICK = { minMs: 1, maxMs: 4 };

/** A store of which some calls fail: `trouble` is asked before each. A put whose answer is lost has landed or not. */
function troubled(inner: ObjectStore, trouble: () => 'none' | 'fails' | 'lands'): ObjectStore {
  const call = async <T>(perform: () => Promise<T>): Promise<T> => {
    const fate = trouble();
    if (fate === 'none') return perform();
    if (fate === 'lands') await perform();
    throw new SluiceError('STORE_UNAVAILABLE', 'it is down', {
      retry: fate === 'lands' ? 'ambiguous' : 'safe',
    });
  };
  const listed = async function* (listing: () => AsyncIterable<ObjectMeta>): AsyncGenerator<ObjectMeta> {
    let left = (await call(async () => 1)) ?? 0;
    for await (const meta of listing()) {
      yield meta;
      // A listing breaks off between its pages, too.
      if (left-- === 0) await call(async () => undefined);
    }
  };
  return {
    url: inner.url,
    at: (prefix) => troubled(inner.at(prefix), trouble),
    get: (key, options) => call(() => inner.get(key, options)),
    getRange: (key, start, end, options) => call(() => inner.getRange(key, start, end, options)),
    put: (key, body, options) => call(() => inner.put(key, body, options)),
    putIfAbsent: (key, body, options) => call(() => inner.putIfAbsent(key, body, options)),
    head: (key, options) => call(() => inner.head(key, options)),
    delete: (key, options) => call(() => inner.delete(key, options)),
    list: (prefix, options) => listed(() => inner.list(prefix, options)),
  };
}

/**
 * What a follower is given of four versions that are committed once it has begun, the calls from `first` on (counted from
 * then) failing `times` in a row.
 */
async function followed(
  first: number,
  times: number,
  kind: 'fails' | 'lands',
): Promise<{ readonly lines: string[]; readonly place: number | undefined; readonly calls: number }> {
  const inner = memoryStore();
  let snapshot = await newTable(inner);
  let calls = -1;
  const table = troubled(inner, () => {
    if (calls < 0) return 'none';
    calls++;
    return calls > first && calls <= first + times ? kind : 'none';
  });
  const retried: number[] = [];
  const feed = changeFeed(table, {
    from: { version: 1 },
    cursor: 'c',
    poll: QUICK,
    onRetry: (_, attempt) => retried.push(attempt),
  });
  const batches = feed[Symbol.asyncIterator]();
  const waiting = batches.next();
  snapshot = await perform(snapshot, { kind: 'load', files: [[1], [2, 3]] });
  const one = await waiting;
  calls = 0;
  snapshot = await perform(snapshot, { kind: 'merge', put: [3, 4], drop: [] });
  snapshot = await optimize(snapshot);
  await perform(snapshot, { kind: 'load', files: [[5], [6]] });
  const lines: string[] = [];
  for (let next = one; next.done !== true; next = await batches.next()) {
    const batch = next.value;
    const ids = batch.toRows().map((row) => `${String(row['_change_type'])} ${String(row['id'])}`);
    lines.push(`${batch.version}${batch.isLast ? '!' : ''} ${ids.join(', ')}`);
    await batch.ack();
    if (batch.isLast && ids.includes('insert 6')) break;
  }
  await batches.return();
  expect(retried.length).toBeGreaterThanOrEqual(first < calls && times > 0 ? 1 : 0);
  return { lines, place: (await listCursors(inner))[0]?.nextVersion, calls };
}

describe('a feed that follows rides out failures of its store', () => {
  test.each(['fails', 'lands'] as const)('whichever call it is that %s', async (kind) => {
    const whole = await followed(Number.POSITIVE_INFINITY, 0, kind);
    expect(whole.lines.length).toBeGreaterThan(4);
    expect(whole.calls).toBeGreaterThan(20);
    for (let first = 0; first < whole.calls; first++) {
      const { lines, place } = await followed(first, 2, kind);
      expect({ first, lines, place }).toEqual({ first, lines: whole.lines, place: whole.place });
    }
  });

  test('and ends with what does not pass, with its signal, and before it has begun', async () => {
    const inner = memoryStore();
    const snapshot = await newTable(inner);
    const denied = withFaults(inner, [
      {
        operation: 'get',
        key: /0{19}1\.json$/,
        times: Infinity,
        fault: { kind: 'fails', code: 'STORE_DENIED' },
      },
    ]);
    const down = withFaults(inner, [
      {
        operation: 'get',
        key: /0{19}1\.json$/,
        times: Infinity,
        fault: { kind: 'fails', code: 'STORE_UNAVAILABLE' },
      },
    ]);
    const gone = withFaults(inner, [
      { operation: 'list', times: Infinity, fault: { kind: 'fails', code: 'STORE_UNAVAILABLE' } },
    ]);
    await perform(snapshot, { kind: 'load', files: [[1]] });
    const next = (table: ObjectStore, signal?: AbortSignal) => {
      const feed = changeFeed(table, {
        from: { version: 1 },
        poll: QUICK,
        ...(signal === undefined ? {} : { signal, onRetry: () => abort.abort(reason) }),
      });
      const batches = feed[Symbol.asyncIterator]();
      return batches.next();
    };
    const abort = new AbortController();
    const reason = new Error('stop');
    await expect(next(denied)).rejects.toMatchObject({ code: 'STORE_DENIED' });
    await expect(next(down, abort.signal)).rejects.toBe(reason);
    await expect(next(gone)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    const ends = changeFeed(down, { from: { version: 1 }, follow: false })[Symbol.asyncIterator]();
    await expect(ends.next()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });
});
