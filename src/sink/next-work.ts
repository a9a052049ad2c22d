import {
  bare,
  common,
  type Batch,
  type Effect,
  type Failure,
  type LaneState,
  type Open,
  type OpenState,
  type Step,
} from './lane-state.js';
import type { BadRecord } from './settler.js';
import { keyOf, type KnownStanding, resumesAt, type Standing, unsaved, waits } from './standing.js';

/** What a lane that ends lets go of. */
export const giveUp: readonly Effect[] = [
  { kind: 'cancel-pause' },
  { kind: 'drop-all' },
  { kind: 'end-batch' },
];

/**
 * Chooses the next work of a lane that has none in flight; the one place where that is decided. In order: ask for
 * what is unknown, seek what was let go of, say what was passed over, save offsets if that is due, bring in what is due, end if the lane is to
 * end.
 */
export function free(open: Open, before: readonly Effect[]): Step {
  const { wishes } = open;
  const all = [...open.standings.values()];
  const ending = wishes.failure !== undefined || wishes.finishing !== 'no';

  const asked = all.filter((standing) => standing.kind === 'unknown');
  if (asked.length > 0 && wishes.failure === undefined) return recover(open, undefined, before);

  // Only once the table has answered: before, what comes would be refused again.
  const behind = ending ? [] : all.flatMap((standing) => (isDropped(standing) ? [standing] : []));
  if (behind.length > 0) {
    const standings = new Map(open.standings);
    for (const standing of behind) standings.set(keyOf(standing), { ...standing, behind: 'sought' });
    const seeks = behind.map((standing): Effect => {
      return { kind: 'seek', ...bare(standing), next: resumesAt(standing) };
    });
    return free({ ...open, standings }, [...before, ...seeks]);
  }

  // What was kept aside comes in first; a lane that is to end asks again when it has.
  if (
    wishes.finishing !== 'no' &&
    wishes.failure === undefined &&
    before.some(({ kind }) => kind === 'unpark')
  ) {
    const kind = all.some(waits) ? 'filling' : 'idle';
    return { state: { ...common(open), kind }, effects: [...before, { kind: 'flush' }] };
  }

  const gaps = all.flatMap((standing) =>
    standing.kind === 'known' && standing.gapTo !== undefined && !waits(standing)
      ? [{ ...bare(standing), base: standing.committed, next: standing.gapTo }]
      : [],
  );
  if (gaps.length > 0 && wishes.failure === undefined) {
    const audit = 'offsets that the source no longer holds were passed over';
    return begin(open, { work: 'progress', ranges: gaps, audit }, before);
  }

  const ranges = all.flatMap((standing) => (standing.kind === 'known' ? (unsaved(standing) ?? []) : []));
  // Before rows: a lane that always has some would otherwise never save the partitions in which it has none.
  if (wishes.save && !ending && ranges.length > 0) {
    return begin({ ...open, wishes: { ...wishes, save: false } }, { work: 'progress', ranges }, before);
  }

  if (all.some(waits)) {
    const gap = all.some((standing) => standing.kind === 'known' && standing.gapTo !== undefined);
    const now = wishes.due || ending || gap;
    return {
      state: { ...common(open), wishes: { ...wishes, save: false }, kind: 'filling' },
      effects: now ? [...before, { kind: 'flush' }] : before,
    };
  }

  if (wishes.failure !== undefined) return fail(wishes.failure, before);
  if (wishes.finishing === 'last' || (wishes.finishing === 'yes' && ranges.length === 0)) {
    return { state: { kind: 'stopped' }, effects: [...before, { kind: 'report-stopped' }] };
  }
  if (wishes.finishing === 'yes') {
    const last = { ...open, wishes: { ...wishes, save: false, finishing: 'last' as const } };
    return begin(last, { work: 'progress', ranges }, before);
  }
  return {
    state: { ...common(open), wishes: { ...wishes, due: false, save: false }, kind: 'idle' },
    effects: before,
  };
}

/**
 * Goes on with a batch that is not done: asks for what is unknown first, then letters, then the table. Partitions
 * that were taken away, or given anew, since the batch began are left out of it: a new attempt is not ours to make.
 */
export function takeUp(
  open: Open,
  whole: Batch | undefined,
  letters: readonly BadRecord[],
  before: readonly Effect[],
): Step {
  if (whole === undefined) return free(open, before);
  const ranges = whole.ranges.filter((range) => open.standings.get(keyOf(range))?.kind === 'known');
  if (ranges.length === 0) return free(open, [...before, { kind: 'end-batch' }]);
  const batch = { ...whole, ranges };
  if (letters.length > 0) {
    return {
      state: { ...common(open), kind: 'recording', batch, letters },
      effects: [...before, { kind: 'write-letters', records: letters }],
    };
  }
  const asks = [...open.standings.values()].some((standing) => standing.kind === 'unknown');
  return asks ? recover(open, batch, before) : begin(open, batch, before);
}

/** Ends the lane for good. */
export function fail(failure: Failure, before: readonly Effect[]): Step {
  return {
    state: { kind: 'failed', failure },
    effects: [...before, ...giveUp, { kind: 'report-failed', failure }],
  };
}

export function isFree(state: OpenState): boolean {
  return state.kind === 'idle' || state.kind === 'filling';
}

/**
 * Failures in a row from which on a lane keeps no more than the batch in flight: by then it is no hiccup, and what it
 * holds the others lack.
 */
export const PATIENCE = 2;

/** Whether what comes is refused, to be sought again when the table is well. A lane that ends has nobody to leave room for. */
export function takesNothing(state: OpenState): boolean {
  return state.attempt >= PATIENCE && !isFree(state) && state.wishes.finishing === 'no';
}

function isDropped(standing: Standing): standing is KnownStanding {
  return standing.kind === 'known' && standing.behind === 'dropped';
}

/** The state itself, or the next work if it has none in flight. */
export function rest(state: OpenState, before: readonly Effect[]): Step {
  return isFree(state) ? free(state, before) : { state, effects: before };
}

export function begin(open: Open, batch: Batch, before: readonly Effect[]): Step {
  const state: LaneState = { ...common(open), kind: 'settling', batch };
  return { state, effects: [...before, { kind: 'settle', batch }] };
}

function recover(open: Open, batch: Batch | undefined, before: readonly Effect[]): Step {
  const asked = [...open.standings.values()].filter((standing) => standing.kind === 'unknown').map(bare);
  return {
    state: { ...common(open), kind: 'recovering', asked, batch },
    effects: [...before, { kind: 'recover', partitions: asked }],
  };
}
