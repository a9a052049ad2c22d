import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { memoryStore } from '../../../src/storage/memory.js';
import { openSnapshot } from '../../../src/table/snapshot.js';
import { sliceOf, UNAVAILABLE, type EventText } from '../../support/change-events.js';
import { never } from '../../support/postgres-replay.js';
import { Shared, TOPIC } from '../../support/shared-table.js';

const put = (op: 'c' | 'u' | 'r', id: number, v: string, lsn: number): EventText => ({
  op,
  key: { id },
  after: { id, v },
  lsn,
});
const remove = (id: number, lsn: number): EventText => ({
  op: 'd',
  key: { id },
  before: { id, v: null },
  lsn,
});
/** The halves of a key change. */
const leaves = (from: number, to: number, lsn: number): EventText => ({
  ...remove(from, lsn),
  newKey: { id: to },
});
const arrives = (from: number, to: number, v: string, lsn: number): EventText => ({
  ...put('c', to, v, lsn),
  oldKey: { id: from },
});

describe('the memory of deletes', () => {
  test('R24: a row deleted in one partition is not raised by an older change from another', async () => {
    const table = new Shared();
    await table.settle({ 0: [put('c', 1, 'a', 10), put('c', 2, 'b', 11), remove(1, 20)] });
    expect(await table.settle({ 1: [put('c', 1, 'a', 10), put('u', 1, 'A', 19)] })).toEqual({
      kind: 'nothing',
    });
    expect(await table.rows()).toEqual(['2=b']);
    await table.settle({ 1: [put('c', 1, 'anew', 21)] });
    expect(await table.rows()).toEqual(['1=anew', '2=b']);
  });

  test('R24: a delete that comes before its row is remembered', async () => {
    const table = new Shared();
    await table.settle({ 0: [put('c', 2, 'b', 11), remove(1, 20)] });
    expect(await table.settle({ 1: [put('c', 1, 'a', 10)] })).toEqual({ kind: 'nothing' });
    expect(await table.rows()).toEqual(['2=b']);
  });

  test('R14, R24: a delete that another process commits first makes the batch be planned again', async () => {
    const table = new Shared();
    await table.settle({ 0: [put('c', 2, 'b', 5)] });
    const late = table.settle({ 1: [put('c', 1, 'a', 10)] }, () => table.settle({ 0: [remove(1, 20)] }));
    expect(await late).toMatchObject({ kind: 'nothing' });
    expect(await table.rows()).toEqual(['2=b']);
  });

  test('deletes of other keys do not make a batch be planned again', async () => {
    const table = new Shared();
    await table.settle({ 0: [put('c', 2, 'b', 5), put('c', 3, 'c', 6)] });
    const late = table.settle({ 1: [put('c', 1, 'a', 10)] }, () => table.settle({ 0: [remove(3, 20)] }));
    expect(await late).toMatchObject({ kind: 'committed', metrics: { attempts: 2 } });
    expect(await table.rows()).toEqual(['1=a', '2=b']);
  });

  test('R24: deletes are forgotten after their time', async () => {
    const table = new Shared();
    await table.settle({ 0: [put('c', 1, 'a', 10), put('c', 2, 'b', 11), remove(1, 20)] });
    table.nowMs += 25 * 3_600_000;
    await table.settle({ 0: [put('c', 3, 'c', 30)] });
    await table.settle({ 1: [put('c', 1, 'a', 10)] });
    expect(await table.rows()).toEqual(['1=a', '2=b', '3=c']);
  });

  test('R24: many small files of memory become few, and nothing is forgotten by it', async () => {
    const table = new Shared();
    const ids = Array.from({ length: 40 }, (_, id) => id);
    await table.settle({ 0: ids.map((id) => put('c', id, 'a', 100 + id)) });
    for (const id of ids.slice(1)) await table.settle({ 0: [remove(id, 200 + id)] });
    const snapshot = await openSnapshot(table.store, { signal: never });
    const { files } = JSON.parse(snapshot.domain(`sluice.partition.${TOPIC}.0`) ?? '');
    expect(files.length).toBeLessThan(16);
    expect(await table.settle({ 1: ids.slice(1).map((id) => put('c', id, 'a', 100 + id)) })).toEqual({
      kind: 'nothing',
    });
    expect(await table.rows()).toEqual(['0=a']);
  });
});

describe('values that are carried over a key change whose halves lie in different partitions', () => {
  test('R16: a create that comes first gets its values when the delete comes', async () => {
    const table = new Shared();
    await table.settle({ 0: [put('c', 1, 'old', 10)] });
    await table.settle({ 1: [arrives(1, 2, UNAVAILABLE, 20)] });
    expect(await table.rows()).toEqual(['1=old', '2=null']);
    // The newest version of the old row below the key change is the one that counts.
    await table.settle({ 0: [put('u', 1, 'newest', 15), leaves(1, 2, 20)] });
    expect(await table.rows()).toEqual(['2=newest']);
  });

  test('R16: what an update of the new row brought itself is not overwritten', async () => {
    const table = new Shared();
    await table.settle({ 0: [put('c', 1, 'old', 10)] });
    await table.settle({ 1: [arrives(1, 2, UNAVAILABLE, 20)] });
    await table.settle({ 1: [{ ...put('u', 2, 'brought', 25) }] });
    await table.settle({ 0: [leaves(1, 2, 20)] });
    expect(await table.rows()).toEqual(['2=brought']);
  });

  test('R16, R17: updates that leave the value out wait on', async () => {
    const table = new Shared();
    await table.settle({ 0: [put('c', 1, 'old', 10)] });
    await table.settle({ 1: [arrives(1, 2, UNAVAILABLE, 20), put('u', 2, UNAVAILABLE, 22)] });
    await table.settle({ 1: [put('u', 2, UNAVAILABLE, 24)] });
    await table.settle({ 0: [leaves(1, 2, 20)], 1: [put('u', 2, UNAVAILABLE, 26)] });
    expect(await table.rows()).toEqual(['2=old']);
  });

  test('R16: a row that waits and changes its key again takes the wait with it', async () => {
    const table = new Shared();
    await table.settle({ 0: [put('c', 1, 'old', 10)] });
    await table.settle({ 1: [arrives(1, 2, UNAVAILABLE, 20)] });
    await table.settle({ 1: [leaves(2, 3, 30)] });
    await table.settle({ 2: [arrives(2, 3, UNAVAILABLE, 30)] });
    expect(await table.rows()).toEqual(['1=old', '3=null']);
    await table.settle({ 0: [leaves(1, 2, 20)] });
    expect(await table.rows()).toEqual(['3=old']);
  });

  test('R16: a row that is gone when its values come stays gone', async () => {
    const table = new Shared();
    await table.settle({ 0: [put('c', 1, 'old', 10), put('c', 9, 'nine', 11)] });
    await table.settle({ 1: [arrives(1, 2, UNAVAILABLE, 20)] });
    await table.settle({ 1: [remove(2, 25)] });
    await table.settle({ 0: [leaves(1, 2, 20)] });
    expect(await table.rows()).toEqual(['9=nine']);
  });

  test('R14, R16: halves that two processes settle at the same time meet', async () => {
    const table = new Shared();
    await table.settle({ 0: [put('c', 1, 'old', 10)] });
    await table.settle({ 0: [leaves(1, 2, 20)] }, () =>
      table.settle({ 1: [arrives(1, 2, UNAVAILABLE, 20)] }),
    );
    expect(await table.rows()).toEqual(['2=old']);
    await table.settle({ 1: [arrives(2, 3, UNAVAILABLE, 30)] }, () =>
      table.settle({ 0: [leaves(2, 3, 30)] }),
    );
    expect(await table.rows()).toEqual(['3=old']);
  });

  test('R16: in whatever order halves of a chain of key changes come, the value arrives', async () => {
    const chain = [
      { 0: [put('c', 1, 'old', 10), leaves(1, 2, 20)] },
      { 1: [arrives(1, 2, UNAVAILABLE, 20), put('u', 2, UNAVAILABLE, 25), leaves(2, 3, 30)] },
      { 2: [arrives(2, 3, UNAVAILABLE, 30), put('u', 3, UNAVAILABLE, 35), leaves(3, 4, 40)] },
      { 3: [arrives(3, 4, UNAVAILABLE, 40), put('u', 4, UNAVAILABLE, 45)] },
    ] as const;
    const steps = chain.flatMap((partition) =>
      Object.entries(partition).flatMap(([number, events]) =>
        (events as readonly EventText[]).map((event) => ({ number: Number(number), event })),
      ),
    );
    const byPartition = new Map<number, EventText[]>();
    for (const { number, event } of steps) {
      byPartition.set(number, [...(byPartition.get(number) ?? []), event]);
    }
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(3), { minLength: 12, maxLength: 40 }), async (picks) => {
        const table = new Shared();
        const left = new Map([...byPartition].map(([number, events]) => [number, [...events]]));
        for (const pick of [...picks, 3, 2, 1, 0, 3, 2, 1, 0, 3, 2, 1, 0]) {
          const event = left.get(pick)?.shift();
          if (event !== undefined) await table.settle({ [pick]: [event] });
        }
        expect(await table.rows()).toEqual(['4=old']);
      }),
      { numRuns: 25 },
    );
  });
});

describe('tables without a key', () => {
  const insert = (v: string, lsn: number, more: Partial<EventText> = {}): EventText => ({
    op: 'c',
    after: { id: 1, v },
    lsn,
    ...more,
  });
  const change = (from: string, to: string, lsn: number): EventText => ({
    op: 'u',
    before: { id: 1, v: from },
    after: { id: 1, v: to },
    lsn,
  });
  const drop = (v: string, lsn: number): EventText => ({ op: 'd', before: { id: 1, v }, lsn });

  test('R18: what is delivered again, in another partition too, is a repeat: insert, update and delete', async () => {
    const table = new Shared();
    const history = [insert('a', 10), insert('b', 11), insert('c', 12), change('a', 'A', 13), drop('b', 14)];
    await table.settle({ 0: history });
    const { version } = { version: await table.version() };
    const again = history.map((event) => ({ ...event, recordMs: 1795457412967 + 60_000 }));
    expect(await table.settle({ 1: again })).toEqual({ kind: 'nothing' });
    expect(await table.settle({ 0: again })).toEqual({ kind: 'nothing' });
    expect(await table.version()).toBe(version);
    expect(await table.rows()).toEqual(['1=A', '1=c']);
  });

  test('R18: rows that share a place are told apart by their number in the transaction', async () => {
    const table = new Shared();
    const copied = [1, 2, 3].map((totalOrder) => insert('same', 10, { totalOrder }));
    await table.settle({ 0: copied.slice(0, 2) });
    await table.settle({ 1: copied.slice(2) });
    expect(await table.rows()).toEqual(['1=same', '1=same', '1=same']);
    expect(await table.settle({ 2: copied })).toEqual({ kind: 'nothing' });
    expect(await table.rows()).toEqual(['1=same', '1=same', '1=same']);
  });

  test('R18: equal rows of one COPY that nothing numbers are rows of their own; delivered again they are repeats', async () => {
    const table = new Shared();
    const copied = [0, 1, 2].map((ms) => insert('same', 10, { recordMs: 1_000_000 + ms }));
    await table.settle({ 0: copied.slice(0, 2) });
    await table.settle({ 0: copied.slice(2) });
    expect(await table.rows()).toEqual(['1=same', '1=same', '1=same']);
    const again = copied.map((event, ms) => ({ ...event, recordMs: 1_060_000 + ms }));
    expect(await table.settle({ 0: again })).toEqual({ kind: 'nothing' });
  });

  test('R18: the very records come again, as after offsets were set back, are repeats', async () => {
    const table = new Shared();
    const copied = [0, 1].map((ms) => insert('same', 10, { recordMs: 1_000_000 + ms }));
    await table.settle({ 0: copied });
    const again = { ...sliceOf(0, copied, { partition: 0 }), base: 2, next: 4 };
    expect(await table.settlerOf().settle([again], never)).toMatchObject({ kind: 'nothing' });
    expect(await table.rows()).toEqual(['1=same', '1=same']);
  });

  test('R18: the rows of a snapshot all count, however alike', async () => {
    const table = new Shared();
    const rows = [0, 60_000].map((ms) => insert('same', 10, { op: 'r', recordMs: 1_000_000 + ms }));
    await table.settle({ 0: rows });
    expect(await table.rows()).toEqual(['1=same', '1=same']);
  });

  test('R14, R18: what two processes apply at the same time is applied once', async () => {
    const table = new Shared();
    await table.settle({ 0: [insert('a', 5)] });
    const twice = insert('b', 10, { totalOrder: 1 });
    await table.settle({ 1: [twice] }, () => table.settle({ 0: [twice] }));
    expect(await table.rows()).toEqual(['1=a', '1=b']);
  });

  test('R18: an update or delete that comes before its row waits for it, in whatever order', async () => {
    const steps = [
      { 0: [insert('a', 10)] },
      { 1: [change('a', 'b', 20)] },
      { 2: [change('b', 'c', 30)] },
      { 3: [drop('x', 40)] },
      { 4: [insert('x', 15)] },
    ];
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray(steps, { minLength: 5, maxLength: 5 }), async (order) => {
        const table = new Shared();
        await table.settle({ 9: [insert('z', 1)] });
        for (const step of order) await table.settle(step);
        expect(await table.rows()).toEqual(['1=c', '1=z']);
      }),
      { numRuns: 40 },
    );
  });

  test('R18: a row that is owed is not taken from what is written later', async () => {
    const table = new Shared();
    await table.settle({ 0: [insert('z', 1)] });
    await table.settle({ 1: [drop('a', 20)] });
    await table.settle({ 0: [insert('a', 30)] });
    expect(await table.rows()).toEqual(['1=a', '1=z']);
    await table.settle({ 2: [insert('a', 10)] });
    expect(await table.rows()).toEqual(['1=a', '1=z']);
  });

  test('R18: equal rows, changed in several partitions, come to what they are, in whatever order', async () => {
    // X at 10 is deleted at 20; of the two later ones, one is changed at 50.
    const partitions: readonly (readonly EventText[])[] = [
      [insert('X', 10), drop('X', 20), insert('X', 30)],
      [insert('X', 40), change('X', 'Y', 50)],
      [insert('Y', 15), drop('Y', 45), insert('X', 60)],
    ];
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(2), fc.integer({ min: 1, max: 3 })), { minLength: 4, maxLength: 8 }),
        fc.boolean(),
        async (picks, again) => {
          const table = new Shared();
          await table.settle({ 9: [insert('z', 1)] });
          const left = partitions.map((events) => [...events]);
          for (const [pick, count] of [...picks, [2, 3], [1, 3], [0, 3]] as const) {
            const events = left[pick]?.splice(0, count) ?? [];
            if (events.length > 0) await table.settle({ [pick]: events });
          }
          const truth = ['1=X', '1=X', '1=Y', '1=z'];
          expect(await table.rows()).toEqual(truth);
          if (!again) return;
          const late = partitions.flat().map((event) => ({ ...event, recordMs: 1795457412967 + 60_000 }));
          expect(await table.settle({ 5: late })).toEqual({ kind: 'nothing' });
          expect(await table.rows()).toEqual(truth);
        },
      ),
      { numRuns: 40 },
    );
  });

  test('R14, R18: a change and its row that two processes settle at the same time meet', async () => {
    const table = new Shared();
    await table.settle({ 0: [insert('z', 1)] });
    await table.settle({ 1: [drop('a', 20)] }, () => table.settle({ 0: [insert('a', 10)] }));
    expect(await table.rows()).toEqual(['1=z']);
    await table.settle({ 0: [insert('b', 30)] }, () => table.settle({ 1: [drop('b', 40)] }));
    expect(await table.rows()).toEqual(['1=z']);
  });
});

describe('a truncate that comes before there is a table', () => {
  test('R14: takes out what another process has put in meanwhile, and holds back what follows', async () => {
    const store = memoryStore();
    const early = new Shared(store);
    const settler = early.settlerOf();
    await settler.recover([{ topic: TOPIC, partition: 0 }], never);
    expect(await settler.settle([sliceOf(0, [{ op: 't', lsn: 30 }], { partition: 0 })], never)).toEqual({
      kind: 'nothing',
    });
    await early.settle({ 1: [put('c', 1, 'a', 10), put('c', 2, 'b', 40)] });
    const range = { topic: TOPIC, partition: 0, base: 0, next: 1 };
    expect(await settler.progress([range], { signal: never })).toMatchObject({ kind: 'committed' });
    expect(await early.rows()).toEqual(['2=b']);
    expect(await early.settle({ 1: [put('c', 3, 'c', 20)] })).toEqual({ kind: 'nothing' });
  });

  test('R13: what was written before it, by the same clock, is late and no regress', async () => {
    const store = memoryStore();
    const settler = new Shared(store).settlerOf();
    await settler.recover([{ topic: TOPIC, partition: 0 }], never);
    const slice = sliceOf(0, [{ op: 't', lsn: 30, sourceMs: 900 }], { partition: 0 });
    const late = sliceOf(0, [{ ...put('c', 2, 'b', 29), sourceMs: 900 }], { partition: 1 });
    expect(await settler.settle([slice], never)).toEqual({ kind: 'nothing' });
    expect(await settler.settle([late], never)).toEqual({ kind: 'nothing' });
  });
});

describe('R13: places that go back', () => {
  const at = (event: EventText, sourceMs: number): EventText => ({ ...event, sourceMs });

  test('a change that is late by its place and newer by its clock stops the table', async () => {
    const table = new Shared();
    await table.settle({ 0: [at(put('c', 1, 'a', 1000), 100), at(put('u', 1, 'b', 1010), 200)] });
    await expect(table.settle({ 0: [at(put('u', 1, 'c', 10), 300)] })).rejects.toMatchObject({
      code: 'POSITION_REGRESSED',
      context: { topic: TOPIC, partition: 0, offset: 2 },
    });
    expect(await table.rows()).toEqual(['1=b']);
  });

  test('so does one of a row that was deleted, and one below a truncate', async () => {
    const table = new Shared();
    await table.settle({ 0: [at(put('c', 1, 'a', 1000), 100), at(remove(1, 1010), 200)] });
    await expect(table.settle({ 0: [at(put('c', 1, 'c', 10), 300)] })).rejects.toMatchObject({
      code: 'POSITION_REGRESSED',
    });
    const truncated = new Shared();
    await truncated.settle({ 0: [at(put('c', 1, 'a', 1000), 100), at({ op: 't', lsn: 1010 }, 200)] });
    await expect(truncated.settle({ 0: [at(put('c', 2, 'c', 10), 300)] })).rejects.toMatchObject({
      code: 'POSITION_REGRESSED',
    });
  });

  test('what is delivered again does not, nor does a snapshot made later', async () => {
    const table = new Shared();
    const history = [
      at(put('c', 1, 'a', 1000), 100),
      at(put('u', 1, 'b', 1010), 200),
      at(put('c', 2, 'x', 1020), 250),
    ];
    await table.settle({ 0: history });
    expect(await table.settle({ 0: history })).toEqual({ kind: 'nothing' });
    expect(await table.settle({ 1: history })).toEqual({ kind: 'nothing' });
    expect(await table.settle({ 0: [at(put('r', 1, 'a', 1005), 900)] })).toEqual({ kind: 'nothing' });
    expect(await table.rows()).toEqual(['1=b', '2=x']);
  });

  test('a change of MySQL that began later than the one that followed it is a repeat when it comes again', async () => {
    const table = new Shared();
    const mysql = (event: EventText, sourceMs: number): EventText => ({
      ...at(event, sourceMs),
      connector: 'mysql',
    });
    const history = [
      mysql(put('c', 1, 'a', 1000), 100),
      mysql(put('u', 1, 'b', 1010), 300),
      mysql(put('u', 1, 'c', 1020), 200),
    ];
    await table.settle({ 0: history });
    expect(await table.settle({ 0: history })).toEqual({ kind: 'nothing' });
    await expect(table.settle({ 0: [mysql(put('u', 1, 'd', 10), 301)] })).rejects.toMatchObject({
      code: 'POSITION_REGRESSED',
    });
    expect(await table.rows()).toEqual(['1=c']);
  });
});
