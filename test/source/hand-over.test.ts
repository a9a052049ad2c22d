import { describe, expect, test } from 'vitest';
import type { SourceEvent } from '../../src/source/change-source.js';
import { HandOver } from '../../src/source/kafka/hand-over.js';
import { Outage } from '../../src/source/kafka/outage.js';
import { bytesOf, recordsFrom } from '../../src/source/records.js';

const progress = (base: number): SourceEvent => ({
  kind: 'progress',
  topic: 't',
  partition: 0,
  base,
  next: base + 1,
});

describe('the hand-over', () => {
  test('gives out in the order of arrival, and counts the bytes that lie in it', () => {
    const queue = new HandOver(10);
    for (let i = 0; i < 5000; i += 1) queue.push(progress(i), 0);
    queue.push({ kind: 'resumed' }, 10);
    expect(queue.full).toBe(true);
    for (let i = 0; i < 5000; i += 1) expect(queue.pull()).toEqual(progress(i));
    expect(queue.full).toBe(true);
    expect(queue.pull()).toEqual({ kind: 'resumed' });
    expect(queue.full).toBe(false);
    expect(queue.pull()).toBeUndefined();
  });

  test('what is dropped is given back in order, and frees its bytes', () => {
    const queue = new HandOver(10);
    queue.push(progress(1), 4);
    queue.push({ kind: 'resumed' }, 0);
    queue.push(progress(2), 6);
    expect(queue.full).toBe(true);
    expect(queue.drop(({ kind }) => kind === 'progress')).toEqual([progress(1), progress(2)]);
    expect([queue.full, queue.low]).toEqual([false, true]);
    expect(queue.pull()).toEqual({ kind: 'resumed' });
  });

  test('a pusher waits for room, and is let go when there is some', async () => {
    const queue = new HandOver(10);
    queue.push(progress(1), 6);
    queue.push(progress(2), 6);
    let waits = true;
    const space = queue.space(60_000).then(() => (waits = false));
    await Promise.resolve();
    expect(waits).toBe(true);
    queue.pull();
    await space;
    expect(waits).toBe(false);
  });

  test('a puller wakes up at a push', async () => {
    const queue = new HandOver(10);
    const changed = queue.changed();
    queue.push(progress(1));
    await changed;
    expect(queue.pull()).toEqual(progress(1));
  });
});

describe('records', () => {
  const record = (offset: number, value: string | null) => ({
    key: Buffer.from('k'),
    value: value === null ? null : Buffer.from(value),
    offset: String(offset),
    timestamp: '0',
  });

  test('those below an offset are cut off, wherever there are holes', () => {
    const records = [3, 4, 9, 12].map((offset) => record(offset, 'v'));
    const from = (offset: number) => recordsFrom(records, offset).map((at) => Number(at.offset));
    expect(recordsFrom(records, 3)).toBe(records);
    expect(from(4)).toEqual([4, 9, 12]);
    expect(from(5)).toEqual([9, 12]);
    expect(from(12)).toEqual([12]);
    expect(from(13)).toEqual([]);
    expect(recordsFrom([], 5)).toEqual([]);
  });

  test('their bytes grow with keys and values, and no record is free', () => {
    expect(bytesOf([])).toBe(0);
    expect(bytesOf([record(0, null)])).toBeGreaterThan(1);
    expect(bytesOf([record(0, 'x'.repeat(1000))]) - bytesOf([record(0, '')])).toBe(1000);
  });
});

describe('an outage', () => {
  const watched = (patienceMs: number) => {
    const told: string[] = [];
    const clock = { nowMs: 0 };
    const outage = new Outage(
      patienceMs,
      ({ kind }) => told.push(kind),
      () => clock.nowMs,
    );
    return { told, clock, outage };
  };

  test('is told once when attempts fail for long enough, and its end once', () => {
    const { told, clock, outage } = watched(100);
    for (clock.nowMs = 0; clock.nowMs < 1000; clock.nowMs += 30) outage.failed('refused');
    expect(told).toEqual(['waiting']);
    outage.healed();
    outage.healed();
    expect(told).toEqual(['waiting', 'resumed']);
  });

  test('is not told of failures with an answer in between, however many', () => {
    const { told, clock, outage } = watched(100);
    for (clock.nowMs = 0; clock.nowMs < 1000; clock.nowMs += 90) {
      outage.failed('a broker hands its partitions over');
      outage.healed();
      outage.failed('and another one');
    }
    outage.healed();
    clock.nowMs += 10_000;
    outage.failed('alone after a long silence');
    expect(told).toEqual([]);
  });

  test('is told at once of an attempt that was waited for long enough', () => {
    const { told, outage } = watched(100);
    outage.failed('no answer', 150);
    expect(told).toEqual(['waiting']);
  });
});
