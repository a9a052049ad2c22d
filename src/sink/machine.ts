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
import { begin, giveUp, isFree, rest, takeUp } from './next-work.js';
import { bad, broke, lettersWritten, moved, recovered, settled } from './outcomes.js';
import type { OffsetRange } from './settler.js';
import { hold, keyOf, type KnownStanding, rangeTo } from './standing.js';

/** A lane that has no partition yet. */
export const initial: LaneState = {
  kind: 'idle',
  standings: new Map(),
  wishes: { due: false, save: false, finishing: 'no', failure: undefined },
  attempt: 0,
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
  for (const partition of partitions) standings.set(keyOf(partition), { kind: 'unknown', ...partition });
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
  if (standing.kind === 'unknown' || standing.gapTo !== undefined)
    return { state, effects: [{ kind: 'park' }] };
  if (event.next <= standing.held) return { state, effects: giveBack };
  if (event.base > standing.held) {
    return wish(state, { failure: missing(event, standing.held, event.base) }, giveBack);
  }
  const hasRows = event.lastRow !== undefined && event.lastRow >= standing.held;
  const next = replaced(state, hold(standing, event.next, hasRows ? event.lastRow : undefined));
  return {
    state: hasRows && next.kind === 'idle' ? { ...next, kind: 'filling' } : next,
    effects: hasRows ? [{ kind: 'hold', from: standing.held }] : giveBack,
  };
}

function skip(state: OpenState, event: TopicPartition & { readonly next: number }): Step {
  const standing = state.standings.get(keyOf(event));
  if (standing?.kind === 'unknown') return { state, effects: [{ kind: 'park' }] };
  if (standing === undefined || event.next <= Math.max(standing.held, standing.gapTo ?? 0)) {
    return { state, effects: [] };
  }
  return rest(replaced(state, { ...standing, gapTo: event.next }), []);
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

function replaced<S extends Open>(state: S, standing: KnownStanding): S {
  return { ...state, standings: new Map(state.standings).set(keyOf(standing), standing) };
}
