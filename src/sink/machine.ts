import { InvariantError, unreachable } from '../base/errors.js';
import type { TopicPartition } from '../source/change-source.js';
import {
  type Assignment,
  bare,
  type Effect,
  type Failure,
  type LaneEvent,
  type LaneState,
  missing,
  type Open,
  type OpenState,
  type Step,
  type Wishes,
} from './lane-state.js';
import { begin, giveUp, isFree, rest, takesNothing, takeUp } from './next-work.js';
import { bad, broke, letGoOf, lettersWritten, moved, recovered, settled } from './outcomes.js';
import type { OffsetRange } from './settler.js';
import { hold, keyOf, rangeTo, resumesAt, type Standing } from './standing.js';

/** A lane that has no partition yet. */
export const initial: LaneState = {
  kind: 'idle',
  standings: new Map(),
  wishes: { due: false, save: false, finishing: 'no', failure: undefined },
  attempt: 0,
  cannotWrite: false,
};

/**
 * The next state of one table's lane, and what has to happen because of it, in order. Pure; see SPEC.md for the
 * promises it keeps. An event that cannot happen in a state is a bug of the lane's and throws; a lane that has
 * ended gives back what comes and lets late news pass.
 */
export function step(state: LaneState, event: LaneEvent): Step {
  if (state.kind === 'failed' || state.kind === 'stopped') return ended(state, event);
  switch (event.kind) {
    case 'assigned':
      return assigned(state, event.partitions);
    case 'revoked':
      return revoked(state, event.partitions);
    case 'slice':
      return slice(state, event);
    case 'skip':
      return skip(state, event);
    case 'due':
      return due(state, event.upTo);
    case 'save-due':
      return wish(state, { save: true });
    case 'starved':
      return starved(state);
    case 'halt':
      return halt(state, event, event.failure);
    case 'finish':
      return wish(state, { finishing: state.wishes.finishing === 'last' ? 'last' : 'yes' });
    case 'abandon':
      return {
        state: { kind: 'stopped' },
        effects: [{ kind: 'abort' }, ...giveUp, { kind: 'report-stopped' }],
      };
    case 'recovered':
      return state.kind === 'recovering' ? recovered(state, event.next) : impossible(state, event);
    case 'committed':
      return state.kind === 'settling' ? settled(state, event.next) : impossible(state, event);
    case 'nothing':
      return state.kind === 'settling' ? settled(state, new Map()) : impossible(state, event);
    case 'moved':
      return state.kind === 'settling' ? moved(state, event.at) : impossible(state, event);
    case 'bad':
      return state.kind === 'settling' ? bad(state, event) : impossible(state, event);
    case 'letters-written':
      return state.kind === 'recording' ? lettersWritten(state) : impossible(state, event);
    case 'broke':
      return state.kind === 'recovering' || state.kind === 'settling' || state.kind === 'recording'
        ? broke(state, event)
        : impossible(state, event);
    case 'pause-over':
      return state.kind === 'retrying'
        ? takeUp(state, state.batch, state.letters, [])
        : impossible(state, event);
    default:
      return unreachable(event);
  }
}

function impossible(state: LaneState, event: LaneEvent): never {
  throw new InvariantError(`a lane that is ${state.kind} heard "${event.kind}"`);
}

const outcomes: ReadonlySet<LaneEvent['kind']> = new Set([
  'recovered',
  'committed',
  'nothing',
  'moved',
  'bad',
  'letters-written',
  'broke',
]);

function ended(state: LaneState, event: LaneEvent): Step {
  // Only a lane that was abandoned can still have work in flight.
  if (state.kind === 'failed' && outcomes.has(event.kind)) impossible(state, event);
  return { state, effects: event.kind === 'slice' ? [{ kind: 'give-back' }] : [] };
}

function wish(state: OpenState, wishes: Partial<Wishes>, before: readonly Effect[] = []): Step {
  return rest({ ...state, wishes: { ...state.wishes, ...wishes } }, before);
}

function assigned(state: OpenState, partitions: readonly Assignment[]): Step {
  const standings = new Map(state.standings);
  const again = partitions.filter((partition) => standings.has(keyOf(partition)));
  for (const partition of partitions) {
    standings.set(keyOf(partition), { kind: 'unknown', ...partition, behind: 'no' });
  }
  const effects: Effect[] = again.length > 0 ? [{ kind: 'drop', partitions: again.map(bare) }] : [];
  const next = { ...state, standings };
  // Asking needs no room on the disk: others who read the partition need not wait for this table's repair.
  if (next.kind === 'retrying') {
    return takeUp(next, next.batch, next.letters, [...effects, { kind: 'cancel-pause' }]);
  }
  return rest(next, effects);
}

function revoked(state: OpenState, partitions: readonly TopicPartition[]): Step {
  const ours = partitions.filter((partition) => state.standings.has(keyOf(partition)));
  if (ours.length === 0) return { state, effects: [] };
  const standings = new Map(state.standings);
  for (const partition of ours) standings.delete(keyOf(partition));
  return rest({ ...state, standings }, [{ kind: 'drop', partitions: ours.map(bare) }]);
}

function slice(state: OpenState, event: OffsetRange & { readonly lastRow: number | undefined }): Step {
  const standing = state.standings.get(keyOf(event));
  const giveBack: readonly Effect[] = [{ kind: 'give-back' }];
  if (standing === undefined || state.wishes.failure !== undefined) return { state, effects: giveBack };
  if (standing.kind === 'known' && event.next <= standing.held) return { state, effects: giveBack };
  const hasRows = event.lastRow !== undefined && standing.kind === 'known' && event.lastRow >= standing.held;
  if (standing.kind === 'known' && !hasRows && event.base <= standing.held && standing.gapTo === undefined) {
    // Offsets without rows take no room. Where the source is further on, they change nothing about that.
    const behind = standing.behind === 'dropped' ? 'dropped' : 'no';
    return {
      state: replaced(state, { ...hold(standing, event.next, undefined), behind }),
      effects: giveBack,
    };
  }
  if (standing.behind === 'dropped' || takesNothing(state)) {
    return { state: replaced(state, { ...standing, behind: 'dropped' }), effects: giveBack };
  }
  if (standing.kind === 'unknown' || standing.gapTo !== undefined)
    return { state, effects: [{ kind: 'park' }] };
  if (event.base > standing.held) {
    if (standing.behind === 'sought') return { state, effects: giveBack };
    return wish(state, { failure: missing(event, standing.held, event.base) }, giveBack);
  }
  const next = replaced(state, hold(standing, event.next, event.lastRow));
  const keep: Effect = { kind: 'hold', from: standing.held };
  // Where the last attempt failed, the first row tells whether the table is well again.
  const tries = isFree(next) && next.attempt > 0;
  return {
    state: next.kind === 'idle' ? { ...next, kind: 'filling' } : next,
    effects: tries ? [keep, { kind: 'flush' }] : [keep],
  };
}

function skip(state: OpenState, event: TopicPartition & { readonly next: number }): Step {
  const standing = state.standings.get(keyOf(event));
  // One that is to come again from below meets the gap again, or one of its own.
  if (standing === undefined || standing.behind === 'dropped') return { state, effects: [] };
  if (standing.kind === 'known' && event.next <= resumesAt(standing)) return { state, effects: [] };
  // In its turn: what is kept aside behind one gap lies before the next.
  if (standing.kind === 'unknown' || standing.gapTo !== undefined) {
    return { state, effects: [{ kind: 'park' }] };
  }
  return rest(replaced(state, { ...standing, gapTo: event.next }), []);
}

/** The batch that waits is let go of, too: it is read again when the table is tried again. */
function starved(state: OpenState): Step {
  const rows = state.kind === 'retrying' && state.batch?.work === 'rows';
  if (!rows || state.wishes.finishing !== 'no') return { state, effects: [] };
  const standings = letGoOf(state.standings, undefined);
  return {
    state: { ...state, standings, batch: undefined, letters: [] },
    effects: [{ kind: 'let-go' }, { kind: 'end-batch' }],
  };
}

/** What was handed over before the trouble is still to be committed, also if it is kept aside. */
function halt(state: OpenState, partition: TopicPartition, failure: Failure): Step {
  const standing = state.standings.get(keyOf(partition));
  if (standing?.kind === 'unknown') return { state, effects: [{ kind: 'park' }] };
  return wish(state, { failure: state.wishes.failure ?? failure });
}

function due(state: OpenState, upTo: ReadonlyMap<string, number>): Step {
  if (!isFree(state)) return { state: { ...state, wishes: { ...state.wishes, due: true } }, effects: [] };
  const ranges = [...upTo].flatMap(([key, next]) => {
    const standing = state.standings.get(key);
    return standing?.kind === 'known' && next > standing.settled ? [rangeTo(standing, next)] : [];
  });
  if (ranges.length === 0) return state.kind === 'idle' ? rest(state, []) : { state, effects: [] };
  return begin({ ...state, wishes: { ...state.wishes, due: false } }, { work: 'rows', ranges }, []);
}

function replaced<S extends Open>(state: S, standing: Standing): S {
  return { ...state, standings: new Map(state.standings).set(keyOf(standing), standing) };
}
