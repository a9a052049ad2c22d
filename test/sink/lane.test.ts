import { describe, expect, test } from 'vitest';
import { SluiceError } from '../../src/base/errors.js';
import { never } from '../../src/base/signals.js';
import { debezium } from '../../src/cdc/debezium.js';
import { Credit, Lease } from '../../src/pipeline/credit.js';
import { formatAppId } from '../../src/sink/app-id.js';
import { TableLane } from '../../src/sink/lane.js';
import type { LaneReport } from '../../src/sink/lane-options.js';
import type { TableSettler } from '../../src/sink/settler.js';
import { tableDefaults } from '../../src/sink/sink-options.js';
import type { TopicPartition } from '../../src/source/change-source.js';
import { memoryStore } from '../../src/storage/memory.js';
import { type ModelFaults, modelSettler, ModelTable } from '../support/model-settler.js';
import { change, ManualTime, quiet, raw } from './support/world.js';

const p0 = { topic: 'o', partition: 0 };

/** A lane over a model table, with credit of its own. */
function laneOver(
  table: ModelTable,
  faults: ModelFaults = {},
  changed: (settler: TableSettler) => TableSettler = (settler) => settler,
) {
  const credit = new Credit(1_000_000);
  const reports: LaneReport[] = [];
  const crashes: unknown[] = [];
  const sought: TopicPartition[] = [];
  const scheduler = new ManualTime();
  const decoder = debezium();
  const settler = modelSettler(
    table,
    {
      url: 'memory://lake/orders',
      store: memoryStore(),
      name: 'orders',
      appId: (partition) => formatAppId({ identity: 'c', incarnation: 0, ...partition }),
      options: tableDefaults,
      now: () => scheduler.now(),
      random: () => 0.5,
      tell: () => undefined,
    },
    faults,
  );
  const lane = new TableLane({
    settler: changed(settler),
    bounds: { maxMs: 1000, maxBytes: 1 << 20, maxRows: 1000 },
    tolerance: 'none',
    writeLetters: () => Promise.resolve(),
    pipe: undefined,
    acknowledge: () => undefined,
    seek: (partition) => void sought.push(partition),
    report: (report) => reports.push(report),
    changed: () => undefined,
    crash: (cause) => void crashes.push(cause),
    scheduler,
    random: () => 0.5,
    signal: never,
  });
  /** Hands over one record, or garbage, with 100 bytes of credit. */
  const offer = async (offset: number, good = true) => {
    await credit.take(100, never);
    const lease = new Lease(credit, 100);
    const record = good
      ? change({ op: 'c', id: offset, table: 'orders', offset })
      : raw(offset, '{"id":1}', 'no');
    const changes = decoder.peek('o', 0, [record]);
    lane.offer({ ...p0, base: offset, next: offset + 1, changes, rows: Uint32Array.of(0) }, 100, lease);
  };
  return { lane, credit, reports, crashes, sought, scheduler, offer };
}

describe('a lane and its credit', () => {
  test('R31: a lane that fails gives back all of it: in flight, waiting, and what comes later', async () => {
    let fail: (cause: Error) => void = () => undefined;
    const table = new ModelTable();
    const committing = new Promise<void>((_, reject) => (fail = reject));
    const { lane, credit, reports, offer } = laneOver(table, { committing: () => committing });
    await lane.assign({ ...p0, start: 0, from: undefined });
    await offer(0);
    lane.flush();
    await offer(1);
    await offer(2);
    expect(credit.taken).toBe(300);
    fail(new SluiceError('CORRUPT_LOG', 'version 3 is missing'));
    await quiet();
    expect(reports.map(({ kind }) => kind)).toEqual(['failed']);
    expect(table.commits).toEqual([]);
    expect(credit.taken).toBe(0);
    await offer(3);
    expect(credit.taken).toBe(0);
    await lane.closed();
  });

  test('R31: from its second failure on a lane keeps no more than the batch in flight, and asks for the rest again', async () => {
    let broken = true;
    const table = new ModelTable();
    const full = () => {
      if (broken) throw new SluiceError('STORE_FULL', 'no space left');
    };
    const { lane, credit, scheduler, sought, offer } = laneOver(table, { committing: full });
    await lane.assign({ ...p0, start: 0, from: undefined });
    await offer(0);
    lane.flush();
    await offer(1);
    await quiet();
    expect(credit.taken).toBe(200);
    await scheduler.advance(1_000);
    expect(credit.taken).toBe(100);
    await offer(2);
    expect(credit.taken).toBe(100);
    expect(sought).toEqual([]);
    broken = false;
    await scheduler.advance(31_000);
    expect(credit.taken).toBe(0);
    expect([sought, lane.wantedFrom(p0)]).toEqual([[p0], 1]);
    // One that was on its way before the source went back is no hole.
    await offer(3);
    for (const offset of [1, 2]) await offer(offset);
    lane.flush();
    await quiet();
    expect(table.commits.map(({ ranges }) => ranges[0]?.next)).toEqual([1, 3]);
    expect(lane.state.kind).toBe('idle');
  });

  test('a row between two gaps is brought in between them', async () => {
    const table = new ModelTable();
    const { lane, credit, offer } = laneOver(table);
    await lane.assign({ ...p0, start: 0, from: undefined });
    await offer(0);
    lane.flush();
    await quiet();
    lane.skip(p0, 3);
    await offer(3);
    lane.skip(p0, 6);
    await quiet();
    lane.flush();
    await quiet();
    expect(table.commits.flatMap(({ ranges }) => ranges.map(({ base, next }) => [base, next]))).toEqual([
      [0, 1],
      [1, 3],
      [3, 4],
      [4, 6],
    ]);
    expect(table.commits.flatMap((commit) => commit.applied)).toEqual(['o:0:0', 'o:0:3']);
    expect(credit.taken).toBe(0);
  });

  test('R31: a bad record ends the lane with nothing held, and the rows before it are in the table', async () => {
    const table = new ModelTable();
    const { lane, credit, reports, offer } = laneOver(table);
    await lane.assign({ ...p0, start: 0, from: undefined });
    await offer(0);
    await offer(1, false);
    await offer(2);
    lane.flush();
    await quiet();
    expect(reports.map(({ kind }) => kind)).toEqual(['committed', 'failed']);
    expect(table.commits.map(({ ranges }) => ranges[0]?.next)).toEqual([1]);
    expect(credit.taken).toBe(0);
    await offer(4);
    expect(credit.taken).toBe(0);
    await lane.closed();
  });

  test('a batch is not tried again for a record that is not in it', async () => {
    const table = new ModelTable();
    let asked = 0;
    const { lane, crashes, offer } = laneOver(table, {}, (settler) => ({
      ...settler,
      settle: (slices, signal) => {
        asked++;
        return asked === 1
          ? settler.settle(slices, signal)
          : Promise.resolve({
              kind: 'bad-records',
              records: [
                { ...p0, offset: 5, index: 0, problem: { kind: 'value', reason: 'out of the batch' } },
              ],
            });
      },
    }));
    await lane.assign({ ...p0, start: 0, from: undefined });
    await offer(0);
    lane.flush();
    await quiet();
    await offer(1);
    lane.flush();
    await quiet();
    expect(crashes).toMatchObject([{ message: 'the bad record o:0:5 is not in the batch' }]);
    expect(asked).toBe(2);
    lane.abandon();
    await lane.closed();
  });

  test('records found bad one after another, the last one first, cost one attempt each', async () => {
    const table = new ModelTable();
    let asked = 0;
    const { lane, reports, offer } = laneOver(table, {}, (settler) => ({
      ...settler,
      settle: async (slices, signal) => {
        asked++;
        const settled = await settler.settle(slices, signal);
        return settled.kind === 'bad-records' ? { ...settled, records: settled.records.slice(-1) } : settled;
      },
    }));
    await lane.assign({ ...p0, start: 0, from: undefined });
    await offer(0);
    for (let offset = 1; offset < 20; offset++) await offer(offset, offset % 2 === 0);
    lane.flush();
    await quiet();
    expect(reports).toMatchObject([{ kind: 'committed' }, { kind: 'failed', failure: { offset: 1 } }]);
    expect(table.commits.map(({ ranges }) => ranges[0]?.next)).toEqual([1]);
    expect(asked).toBe(11);
  });

  test('gives back what a revocation drops, also of slices that wait for an answer of the table', async () => {
    let go: () => void = () => undefined;
    const recovering = new Promise<void>((resolve) => (go = resolve));
    const { lane, credit, offer } = laneOver(new ModelTable(), { recovering: () => recovering });
    const answer = lane.assign({ ...p0, start: 0, from: undefined });
    await offer(0);
    expect(credit.taken).toBe(100);
    lane.revoke([p0]);
    expect(await answer).toBe(undefined);
    expect(credit.taken).toBe(0);
    go();
    await quiet();
    await offer(1);
    expect(credit.taken).toBe(0);
  });

  test('gives back what another writer has committed in the meantime, and takes the rest up from there', async () => {
    const table = new ModelTable();
    const { lane, credit, offer } = laneOver(table);
    await lane.assign({ ...p0, start: 0, from: undefined });
    for (const offset of [0, 1, 2, 3]) await offer(offset);
    table.txns.set(formatAppId({ identity: 'c', incarnation: 0, ...p0 }), 2);
    lane.flush();
    await quiet();
    expect(table.commits.flatMap((commit) => commit.applied)).toEqual(['o:0:2', 'o:0:3']);
    expect(credit.taken).toBe(0);
    expect(lane.committed(p0)).toBe(4);
  });

  test('a table that went back ends the lane', async () => {
    const table = new ModelTable();
    const appId = formatAppId({ identity: 'c', incarnation: 0, ...p0 });
    table.txns.set(appId, 5);
    const { lane, credit, reports, offer } = laneOver(table);
    expect(await lane.assign({ ...p0, start: 0, from: undefined })).toEqual({ next: 5, fresh: false });
    await offer(5);
    table.txns.set(appId, 3);
    lane.flush();
    await quiet();
    expect(reports).toMatchObject([{ kind: 'failed', failure: { code: 'TABLE_REWOUND', offset: 5 } }]);
    expect(credit.taken).toBe(0);
    expect(table.commits).toEqual([]);
  });

  test('abandoned, it is closed only when nothing of it is in flight', async () => {
    let go: () => void = () => undefined;
    const committing = new Promise<void>((resolve) => (go = resolve));
    const table = new ModelTable();
    const { lane, credit, offer } = laneOver(table, { committing: () => committing });
    await lane.assign({ ...p0, start: 0, from: undefined });
    await offer(0);
    lane.flush();
    lane.abandon();
    let closed = false;
    const closing = lane.closed().then(() => (closed = true));
    await quiet();
    expect([closed, credit.taken]).toEqual([false, 0]);
    go();
    await closing;
    // The commit was past the point where it could be taken back: it is in the table whole.
    expect(table.commits).toHaveLength(1);
  });
});
