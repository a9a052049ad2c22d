import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { must } from '../../../src/base/errors.js';
import { Op } from '../../../src/cdc/changes.js';
import { orderText } from '../../../src/cdc/position.js';
import { matchEqualRows } from '../../../src/sink/settle/equal-rows.js';
import { Events } from '../../../src/sink/settle/events.js';
import { rankOf, walkKeyless, type Walked } from '../../../src/sink/settle/keyless-walk.js';
import type { Origin, Taken } from '../../../src/sink/settle/memory/records.js';
import { sliceOf, type EventText } from '../../support/change-events.js';
import { Shared } from '../../support/shared-table.js';

const PARTITIONS = 3;

/** What a database does to a table without a key, as its stream tells it. */
type Told = { readonly partition: number; readonly event: EventText };

const row = (v: string): { id: number; v: string } => ({ id: 1, v });

/** Statements over few contents, so that many rows are equal; `pick` chooses among the rows that are there. */
const statements = fc.array(
  fc.record({
    kind: fc.constantFrom('insert', 'insert', 'insert', 'update', 'update', 'delete', 'delete', 'truncate'),
    v: fc.constantFrom('X', 'X', 'Y'),
    pick: fc.nat(20),
    partition: fc.nat(PARTITIONS - 1),
  }),
  { minLength: 4, maxLength: 16 },
);

type Statement = (typeof statements extends fc.Arbitrary<infer T> ? T : never)[number];

/** The stream that a database tells of its statements, and its rows in the end. */
function live(all: readonly Statement[], snapshot: readonly string[], orphans: boolean) {
  const told: Told[] = [];
  let rows = [...snapshot];
  // What was being written when the snapshot was taken lies before it.
  const snapshotLsn = 10 * (2 + (all.length >> 2));
  snapshot.forEach((v, at) => {
    told.push({ partition: at % PARTITIONS, event: { op: 'r', after: row(v), lsn: snapshotLsn } });
  });
  all.forEach(({ kind, v, pick, partition }, at) => {
    const lsn = 10 * (at + 1);
    const say = (event: Omit<EventText, 'lsn'>): void => {
      told.push({ partition, event: { ...event, lsn } });
    };
    const found = rows.length === 0 ? undefined : rows[pick % rows.length];
    if (kind === 'truncate') {
      if (snapshot.length > 0 && lsn <= snapshotLsn) return;
      rows = [];
      say({ op: 't' });
    } else if (kind === 'insert' || (found === undefined && !orphans)) {
      rows.push(v);
      say({ op: 'c', after: row(v) });
    } else {
      // A row that was there before the stream began is one that nobody sends.
      const before = found ?? v;
      if (found !== undefined) rows.splice(rows.indexOf(before), 1);
      if (kind === 'update') rows.push(v);
      say(
        kind === 'update'
          ? { op: 'u', before: row(before), after: row(v) }
          : { op: 'd', before: row(before) },
      );
    }
  });
  return { told, rows: rows.toSorted() };
}

/** How a stream comes to the table: each step some events of one or more partitions. */
const arrivals = fc.array(
  fc.array(fc.tuple(fc.nat(PARTITIONS - 1), fc.integer({ min: 1, max: 4 })), { minLength: 1, maxLength: 3 }),
  { minLength: 2, maxLength: 14 },
);

type Step = readonly { readonly partition: number; readonly events: readonly EventText[] }[];

function stepsOf(
  told: readonly Told[],
  picks: readonly (readonly (readonly [number, number])[])[],
): readonly Step[] {
  const left = Array.from({ length: PARTITIONS }, (_, partition) =>
    told.flatMap((one) => (one.partition === partition ? [one.event] : [])),
  );
  const rest = left.map((_, partition) => [[partition, 99] as const]);
  return [...picks, ...rest]
    .map((parts) =>
      parts
        .filter(([partition], at) => parts.findIndex(([other]) => other === partition) === at)
        .map(([partition, count]) => ({ partition, events: left[partition]?.splice(0, count) ?? [] }))
        .filter(({ events }) => events.length > 0),
    )
    .filter((step) => step.length > 0);
}

const contents = fc.array(fc.constantFrom('X', 'Y'), { maxLength: 4 });

describe('R18: equal rows', () => {
  test('the newest row before a change is the one it takes, and which rows stand is no matter of the order they come in', () => {
    const ranked = fc
      .uniqueArray(fc.tuple(fc.nat(30), fc.boolean()), { selector: ([at]) => at, maxLength: 14 })
      .chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })));
    fc.assert(
      fc.property(ranked, fc.nat(30), ([sorted, shuffled], floor) => {
        const put = (at: number) => ({ rank: String(at).padStart(2, '0'), partition: 0, offset: at });
        const match = (all: readonly (readonly [number, boolean])[]) => {
          const { standing, took } = matchEqualRows(
            all.flatMap(([at, isPut]) => (isPut ? [put(at)] : [])),
            all.flatMap(([at, isPut]) => (isPut ? [] : [put(at)])),
          );
          return {
            standing: [...standing].map(({ offset }) => offset).toSorted((a, b) => a - b),
            took: new Map([...took].map(([take, one]) => [take.offset, one?.offset])),
          };
        };
        const whole = match(shuffled);
        expect(whole).toEqual(match(sorted));
        for (const [take, taken] of whole.took) {
          const between = whole.standing.filter((at) => at < take && at > (taken ?? -1));
          expect(between).toEqual([]);
        }
        // What lies at or before a place can be struck off.
        const rest = match(shuffled.filter(([at]) => at > floor));
        expect(rest.standing).toEqual(whole.standing.filter((at) => at > floor));
        for (const [take, taken] of rest.took) {
          const one = whole.took.get(take);
          expect(taken).toBe(one !== undefined && one > floor ? one : undefined);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('at each step the rows that stand are those of all changes so far, each from where it came, rows that nobody sent and truncates included', () => {
    fc.assert(
      fc.property(statements, contents, arrivals, fc.boolean(), (all, snapshot, picks, orphans) => {
        const { told, rows } = live(all, snapshot, orphans);
        const state = new State();
        for (const step of stepsOf(told, picks)) {
          state.apply(step);
          expect(state.standing()).toEqual(state.wanted());
        }
        if (!orphans) expect(state.standing().map((text) => text.split(' ')[0])).toEqual(rows);
      }),
      { numRuns: 1000 },
    );
  });

  test('the table comes to what the database holds, in whatever order partitions come, and stays so when all is delivered again', async () => {
    await fc.assert(
      fc.asyncProperty(statements, contents, arrivals, async (all, snapshot, picks) => {
        const { told, rows } = live(all, snapshot, false);
        const table = new Shared();
        await table.settle({ 9: [{ op: 'c', after: row('z'), lsn: 1 }] });
        for (const step of stepsOf(told, picks)) {
          await table.settle(Object.fromEntries(step.map(({ partition, events }) => [partition, events])));
        }
        const truncated = told.some(({ event }) => event.op === 't');
        const truth = [...rows, ...(truncated ? [] : ['z'])].map((v) => `1=${v}`).toSorted();
        expect(await table.rows()).toEqual(truth);
        const again = told
          .filter(({ event }) => event.op !== 'r')
          .map(({ event }) => ({ ...event, recordMs: 1795457412967 + 60_000 }));
        if (again.length > 0) await table.settle({ 5: again });
        expect(await table.rows()).toEqual(truth);
      }),
      { numRuns: 30 },
    );
  }, 120_000);
});

describe('R14, R18: a truncate in another partition than the rows', () => {
  const insert = (v: string, lsn: number): EventText => ({ op: 'c', after: row(v), lsn });
  const drop = (v: string, lsn: number): EventText => ({ op: 'd', before: row(v), lsn });
  const truncate = (lsn: number): EventText => ({ op: 't', lsn });

  async function settled(
    ...steps: readonly Readonly<Record<number, readonly EventText[]>>[]
  ): Promise<Shared> {
    const table = new Shared();
    await table.settle({ 9: [insert('z', 90)] });
    for (const step of steps) await table.settle(step);
    return table;
  }

  test('a change took a row that the truncate takes back: its own comes later', async () => {
    const table = await settled({ 0: [insert('X', 10), drop('X', 50)] }, { 1: [truncate(20)] });
    await table.settle({ 2: [insert('X', 30)] });
    expect(await table.rows()).toEqual(['1=z']);
  });

  test('a row that comes late is the one that was taken, and the one that stands again is from before the truncate', async () => {
    const table = await settled({ 0: [insert('X', 10), drop('X', 50)] }, { 2: [insert('X', 30)] });
    expect(await table.rows()).toEqual(['1=X', '1=z']);
    await table.settle({ 1: [truncate(20)] });
    expect(await table.rows()).toEqual(['1=z']);
  });

  test('of rows that are taken for one another each is told from the others after many commits', async () => {
    const table = await settled({ 0: [insert('X', 10), drop('X', 60)] });
    const others = Array.from({ length: 20 }, (_, at) => `v${at}`);
    for (const [at, v] of others.entries())
      await table.settle({ 0: [insert(v, 200 + 2 * at), drop(v, 201 + 2 * at)] });
    await table.settle({ 2: [insert('X', 30)] });
    for (const [at, v] of others.entries())
      await table.settle({ 0: [insert(v, 300 + 2 * at), drop(v, 301 + 2 * at)] });
    await table.settle({ 3: [drop('X', 40)] });
    expect(await table.rows()).toEqual(['1=z']);
    await table.settle({ 1: [truncate(20)] });
    await table.settle({ 2: [insert('X', 50)] });
    expect(await table.rows()).toEqual(['1=z']);
    await table.settle({ 2: [insert('X', 35)] });
    expect(await table.rows()).toEqual(['1=X', '1=z']);
  });

  test('a change that comes before there is a table is remembered', async () => {
    const table = new Shared();
    expect(await table.settle({ 0: [drop('X', 50)] })).toMatchObject({ kind: 'committed' });
    expect(await table.rows()).toEqual([]);
    await table.settle({ 1: [insert('X', 30), insert('X', 60)] });
    expect(await table.rows()).toEqual(['1=X']);
  });

  test('a row differs from another by a column that the table does not have yet', async () => {
    const table = new Shared();
    await table.settle({ 0: [insert('X', 10)] });
    const wider = { ...row('X'), extra: 'more' };
    await table.settle({ 1: [{ op: 'd', before: wider, lsn: 50 }] });
    expect(await table.rows()).toEqual(['1=X']);
    await table.settle({ 2: [{ op: 'c', after: wider, lsn: 40 }] });
    expect(await table.rows()).toEqual(['1=X']);
    await table.settle({ 0: [drop('X', 60)] });
    expect(await table.rows()).toEqual([]);
  });

  test('what was taken is forgotten after its time', async () => {
    const table = await settled({ 0: [insert('y', 5), drop('X', 50)] });
    table.nowMs += 25 * 3_600_000;
    await table.settle({ 0: [insert('y', 60)] });
    await table.settle({ 2: [insert('X', 30)] });
    expect(await table.rows()).toEqual(['1=X', '1=y', '1=y', '1=z']);
  });
});

/** A table and its memory without files: what `walkKeyless` is given, and what becomes of it. */
class State {
  readonly #rows = new Map<string, { readonly text: string; readonly origin: Origin }>();
  readonly #taken: { readonly text: string; readonly taken: Taken }[] = [];
  readonly #puts: { readonly text: string; readonly origin: Origin }[] = [];
  readonly #takes: { readonly text: string; readonly origin: Origin }[] = [];
  readonly #next = new Map<number, number>();
  #floor = '';

  apply(step: Step): void {
    if (!step.some(({ events }) => events.some(({ op }) => op === 't'))) {
      this.#batch(step);
      return;
    }
    for (const { partition, events } of step) {
      for (const run of runsOf(events)) this.#batch([{ partition, events: run }]);
    }
  }

  /** Contents and places of the rows that stand. */
  standing(): readonly string[] {
    return [...this.#rows.values()].map(textAndPlace).toSorted();
  }

  /** The same, of all changes so far above the floor. */
  wanted(): readonly string[] {
    const texts = new Set(this.#puts.map(({ text }) => text));
    const above = ({ origin }: { readonly origin: Origin }): boolean =>
      orderText(origin.position) > this.#floor;
    return [...texts]
      .flatMap((text) => {
        const of = (all: readonly { readonly text: string; readonly origin: Origin }[]) =>
          all
            .filter((one) => one.text === text && above(one))
            .map((one) => ({ ...one, ...one.origin, rank: rankOf(one.origin.position) }));
        return [...matchEqualRows(of(this.#puts), of(this.#takes)).standing];
      })
      .map(textAndPlace)
      .toSorted();
  }

  #batch(step: Step): void {
    const slices = step.map(({ partition, events }) => {
      const base = this.#next.get(partition) ?? 0;
      this.#next.set(partition, base + events.length);
      return sliceOf(base, events, { partition });
    });
    const events = new Events(slices);
    const texts = step.flatMap((part) => part.events);
    const origins = texts.map((_, event) => events.origin(event));
    const [first] = texts;
    if (first?.op === 't') {
      this.#truncate(orderText(must(origins[0], 'an origin').position));
      return;
    }
    const news = origins.flatMap(({ position }, event) => (orderText(position) > this.#floor ? [event] : []));
    const before = (event: number): string => String(texts[event]?.before?.['v']);
    const after = (event: number): string => String(texts[event]?.after?.['v']);
    const takes = news.filter((event) => [Op.update, Op.delete].some((op) => op === events.op(event)));
    const puts = news.filter((event) => events.op(event) !== Op.delete);
    this.#takes.push(...takes.map((event) => ({ text: before(event), origin: events.origin(event) })));
    this.#puts.push(...puts.map((event) => ({ text: after(event), origin: events.origin(event) })));
    const asked = new Set([...takes.map(before), ...puts.map(after)]);
    const least = news.map((event) => rankOf(events.position(event))).toSorted()[0] ?? '';
    const located = [...this.#rows].filter(([, { text }]) => takes.some((event) => before(event) === text));
    const walked = walkKeyless({
      events,
      news,
      located: located.map(([, one]) => one),
      taken: this.#takenFrom(least, asked),
      ordered: true,
      textOfEvent: after,
      textOfBefore: before,
    });
    const gone = [...walked.updates.map((each) => each.located), ...walked.deletes];
    for (const at of gone) this.#rows.delete(must(located[at], 'a located row')[0]);
    const come: Walked['inserts'] = [...walked.updates.map(({ event }) => ({ event })), ...walked.inserts];
    for (const { event, origin = events.origin(event) } of come) {
      const one = { text: after(event), origin };
      expect(this.#rows.has(textAndPlace(one))).toBe(false);
      this.#rows.set(textAndPlace(one), one);
    }
    for (const { taken, like } of walked.taken) {
      this.#taken.push({ text: (like.half === 'before' ? before : after)(like.event), taken });
    }
  }

  #truncate(floor: string): void {
    if (floor > this.#floor) this.#floor = floor;
    for (const [name, { origin }] of this.#rows) {
      if (orderText(origin.position) <= this.#floor) this.#rows.delete(name);
    }
  }

  #takenFrom(least: string, asked: ReadonlySet<string>): ReadonlyMap<string, readonly Taken[]> {
    const latest = new Map<string, { readonly text: string; readonly taken: Taken }>();
    for (const each of this.#taken) {
      const { by, round } = each.taken;
      const order = orderText(by.position);
      if (!asked.has(each.text) || order < least || order <= this.#floor) continue;
      const change = `${each.text} ${JSON.stringify(by)}`;
      if (round > (latest.get(change)?.taken.round ?? -1)) latest.set(change, each);
    }
    const found = new Map<string, Taken[]>();
    for (const { text, taken } of latest.values()) {
      const row =
        taken.row === undefined || orderText(taken.row.position) <= this.#floor ? undefined : taken.row;
      found.set(text, [...(found.get(text) ?? []), { ...taken, row }]);
    }
    return found;
  }
}

function textAndPlace({ text, origin }: { readonly text: string; readonly origin: Origin }): string {
  return `${text} ${origin.position} ${origin.partition}:${origin.offset}`;
}

/** Cut so that each truncate is alone. */
function runsOf(events: readonly EventText[]): readonly (readonly EventText[])[] {
  const runs: EventText[][] = [];
  for (const event of events) {
    const last = runs.at(-1);
    if (last === undefined || event.op === 't' || last[0]?.op === 't') runs.push([event]);
    else last.push(event);
  }
  return runs;
}
