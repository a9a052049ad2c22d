import { assert, must } from '../base/errors.js';
import type { TopicPartition } from '../source/change-source.js';
import {
  bare,
  type Batch,
  common,
  type Effect,
  type Failure,
  type LaneEvent,
  missing,
  type Open,
  type OpenState,
  type Step,
} from './lane-state.js';
import { fail, free, takesNothing, takeUp } from './next-work.js';
import type { BadRecord } from './settler.js';
import { keyOf, known, letGo, settle, type Standing, type Standings } from './standing.js';

type Settling = OpenState & { readonly kind: 'settling' };

export function recovered(
  state: OpenState & { kind: 'recovering' },
  next: ReadonlyMap<string, number>,
): Step {
  const standings = new Map(state.standings);
  const effects: Effect[] = [];
  let failure = state.wishes.failure;
  for (const partition of state.asked) {
    const key = keyOf(partition);
    const standing = standings.get(key);
    if (standing?.kind !== 'unknown') continue; // Revoked while the table was asked.
    const holds = next.get(key);
    // A table that was not on record when the partition was read, yet holds some of it: what lies between went by.
    if (holds !== undefined && standing.from !== undefined && holds < standing.from) {
      failure ??= missing(partition, holds, standing.from);
    }
    const now = known(standing, holds);
    standings.set(key, now);
    effects.push({ kind: 'resume-at', ...bare(partition), next: now.settled, fresh: holds === undefined });
    if (holds !== undefined) effects.push({ kind: 'acknowledge', ...bare(partition), next: holds });
  }
  effects.push({ kind: 'unpark', partitions: state.asked.map(bare) });
  const open = { ...state, standings, wishes: { ...state.wishes, failure } };
  // Where writing failed, an answer to a question is no news.
  return takeUp(state.cannotWrite ? open : healed(open, effects), state.batch, [], effects);
}

export function settled(state: Settling, next: ReadonlyMap<string, number>): Step {
  const { batch } = state;
  const effects: Effect[] = [{ kind: 'end-batch' }];
  const standings = new Map(state.standings);
  for (const range of batch.ranges) {
    const key = keyOf(range);
    const holds = next.get(key);
    assert(
      holds === undefined || holds === range.next,
      () => `${key}: committed to ${holds}, wanted ${range.next}`,
    );
    advance(standings, range, range.next, holds !== undefined, effects);
  }
  return free(healed({ ...state, standings }, effects), effects);
}

export function moved(state: Settling, at: ReadonlyMap<string, number>): Step {
  const effects: Effect[] = [];
  const standings = new Map(state.standings);
  let further = false;
  const ranges = state.batch.ranges.flatMap((range) => {
    const key = keyOf(range);
    const holds = at.get(key) ?? range.base;
    if (holds <= range.base) return [range];
    further = true;
    effects.push({ kind: 'trim', ...bare(range), next: holds });
    advance(standings, range, holds, true, effects);
    return holds < range.next ? [{ ...range, base: holds }] : [];
  });
  assert(further, 'a table that has moved stands further than before');
  return takeUp(healed({ ...state, standings }, effects), { ...state.batch, ranges }, [], effects);
}

/** Notes that everything of a partition below `next` is dealt with; `committed`: that the table holds it. */
function advance(
  standings: Map<string, Standing>,
  partition: TopicPartition,
  next: number,
  committed: boolean,
  effects: Effect[],
): void {
  const standing = standings.get(keyOf(partition));
  if (standing?.kind !== 'known') return; // Revoked, or assigned anew: the table will be asked.
  const now = settle(standing, next, committed);
  const passed = now.gapTo !== undefined && now.settled >= now.gapTo;
  standings.set(keyOf(partition), passed ? { ...now, gapTo: undefined } : now);
  if (committed) effects.push({ kind: 'acknowledge', ...bare(partition), next: now.committed });
  if (passed) effects.push({ kind: 'unpark', partitions: [bare(partition)] });
}

export function bad(
  state: Settling,
  { records, tolerance }: { readonly records: readonly BadRecord[]; readonly tolerance: 'none' | 'all' },
): Step {
  const first = must(records[0], 'a bad record');
  // Else the same batch would be tried again, and the same record be named again, for ever.
  for (const record of records) {
    const range = state.batch.ranges.find((each) => keyOf(each) === keyOf(record));
    assert(
      range !== undefined && range.base <= record.offset && record.offset < range.next,
      () => `the bad record ${keyOf(record)}:${record.offset} is not in the batch`,
    );
  }
  const effects: Effect[] = [];
  const open = healed(state, effects);
  if (tolerance === 'all') {
    return {
      state: { ...common(open), kind: 'recording', batch: state.batch, letters: records },
      effects: [...effects, { kind: 'write-letters', records }],
    };
  }
  // What lies before the bad record is still brought in, so that the table stands exactly at it.
  const ends = new Map<string, number>();
  for (const record of records) {
    ends.set(keyOf(record), Math.min(record.offset, ends.get(keyOf(record)) ?? record.offset));
  }
  const ranges = state.batch.ranges
    .map((range) => ({ ...range, next: Math.min(range.next, ends.get(keyOf(range)) ?? range.next) }))
    .filter((range) => range.next > range.base);
  const keeps = new Map(ranges.map((range) => [keyOf(range), range.next]));
  const standings = new Map(
    [...state.standings].map(([key, standing]): [string, Standing] => [
      key,
      standing.kind === 'known' ? letGo(standing, keeps.get(key) ?? standing.settled) : standing,
    ]),
  );
  const failure = lowest(state.wishes.failure, first);
  effects.push({ kind: 'drop-all' });
  return takeUp(
    { ...open, standings, wishes: { ...open.wishes, failure } },
    { ...state.batch, ranges },
    [],
    effects,
  );
}

/** The failure at which the table comes to stand: what is found later in a partition lies before what was found first. */
function lowest(failure: Failure | undefined, record: BadRecord): Failure {
  if (failure === undefined) return badRecord(record);
  const { topic, partition, offset } = failure;
  const same = topic === record.topic && partition === record.partition;
  return same && offset !== undefined && record.offset < offset ? badRecord(record) : failure;
}

function badRecord({ topic, partition, offset, problem }: BadRecord): Failure {
  const field = problem.field === undefined ? '' : `, field ${problem.field}`;
  return {
    code: 'RECORD_INVALID',
    reason: `${problem.reason}${field}`,
    hint: 'mend the record at its source, or set errors.tolerance=all to put such records aside',
    topic,
    partition,
    offset,
  };
}

export function lettersWritten(state: OpenState & { kind: 'recording' }): Step {
  const effects: Effect[] = [{ kind: 'strip', records: state.letters }];
  return takeUp(healed(state, effects), state.batch, [], effects);
}

/** Something that was in flight failed: again after a pause if it may pass, and told once; else the lane ends. */
export function broke(
  state: OpenState & { readonly kind: 'recovering' | 'settling' | 'recording' },
  event: LaneEvent & { readonly kind: 'broke' },
): Step {
  if (!event.mayPass) return fail(state.wishes.failure ?? event.failure, []);
  const effects: Effect[] = state.attempt === 0 ? [{ kind: 'report-waiting', failure: event.failure }] : [];
  const attempt = state.attempt + 1;
  const cannotWrite = state.cannotWrite || state.kind !== 'recovering';
  const letters = state.kind === 'recording' ? state.letters : [];
  const retrying = {
    ...common(state),
    attempt,
    cannotWrite,
    kind: 'retrying',
    batch: state.batch,
    letters,
  } as const;
  effects.push({ kind: 'pause', attempt: state.attempt });
  if (!takesNothing(retrying)) return { state: retrying, effects };
  const standings = letGoOf(state.standings, state.batch);
  return { state: { ...retrying, standings }, effects: [{ kind: 'let-go' }, ...effects] };
}

/** The standings once all but this batch was let go of. */
export function letGoOf(standings: Standings, batch: Batch | undefined): Standings {
  const ends = new Map(batch?.ranges.map((range) => [keyOf(range), range.next]));
  return new Map([...standings].map(([key, standing]) => [key, letGo(standing, ends.get(key) ?? 0)]));
}

/** Notes that something came through; tells it if it had not before. */
function healed<S extends Open>(state: S, effects: Effect[]): S {
  if (state.attempt === 0) return state;
  effects.push({ kind: 'report-resumed' });
  return { ...state, attempt: 0, cannotWrite: false };
}
