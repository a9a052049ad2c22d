import { from, lastValueFrom, Observable, toArray } from 'rxjs';
import { isSluiceError, SluiceError } from '../base/errors.js';
import { type Changes, Op } from '../cdc/changes.js';
import { type Change, changeObjects, fromObjects } from '../cdc/object-changes.js';
import type { HeldSlice } from './held-slices.js';
import type { Piped } from './lane-options.js';
import type { BadRecord } from './settler.js';
import type { Pipe } from './sink-options.js';
import { keyOf } from './standing.js';

/**
 * Lets the user's operators run over a batch's changes, as one finite Observable of row objects, and takes what
 * they made of them into the place of the records. Resolves only when their Observable has completed: a change
 * that is still on its way keeps the whole batch, and with it the offsets, from moving. What comes out goes
 * back to the slice that its offset lies in, in any order and any number, so the slices' ranges stay as they are.
 *
 * Fails with `OPERATOR_FAILED` if the operators fail, or make changes of offsets that they were not given.
 */
export async function pipeSlices(
  slices: readonly HeldSlice[],
  pipe: Pipe,
  signal: AbortSignal,
): Promise<Piped> {
  const bad = slices.flatMap(badRecords);
  if (bad.length > 0) return { kind: 'bad-records', records: bad };
  const decoded = slices.map(decode);
  const unreadable = decoded.flatMap((each) => (each.kind === 'bad' ? [each.record] : []));
  if (unreadable.length > 0) return { kind: 'bad-records', records: unreadable };
  const changes = decoded.flatMap((each) => (each.kind === 'changes' ? [...each.changes] : []));
  const made = await run(changes, slices, pipe, signal);
  const bySlice = new Map<HeldSlice, Change[]>(slices.map((held) => [held, []]));
  for (const change of made) {
    const home = slices.find(({ slice }) => {
      return keyOf(slice) === keyOf(change) && slice.base <= change.offset && change.offset < slice.next;
    });
    if (home === undefined) throw stray(change);
    bySlice.get(home)?.push(change);
  }
  return { kind: 'slices', slices: slices.map((held) => replaced(held, bySlice.get(held) ?? [])) };
}

type Decoded =
  | { readonly kind: 'changes'; readonly changes: readonly Change[] }
  | { readonly kind: 'bad'; readonly record: BadRecord };

/** A slice's records as objects, or the first one whose values cannot be read. */
function decode({ slice }: HeldSlice): Decoded {
  const { topic, partition, changes, rows } = slice;
  try {
    return { kind: 'changes', changes: [...changeObjects(changes, rows)] };
  } catch (cause) {
    if (!isSluiceError(cause, 'RECORD_INVALID')) throw cause;
    const offset = Number(cause.context['offset']);
    const index = rows.find((row) => changes.offset(row) === offset);
    if (index === undefined) throw cause;
    const problem = changes.problem(index) ?? { kind: 'value', reason: cause.message };
    return { kind: 'bad', record: { topic, partition, offset, index, problem } };
  }
}

async function run(
  changes: readonly Change[],
  slices: readonly HeldSlice[],
  pipe: Pipe,
  signal: AbortSignal,
): Promise<readonly Change[]> {
  try {
    return await lastValueFrom(untilAborted(pipe(from(changes)).pipe(toArray()), signal));
  } catch (cause) {
    signal.throwIfAborted();
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new SluiceError('OPERATOR_FAILED', `the pipe's operators failed: ${said}`, {
      context: placeOf(slices),
      hint: 'nothing of the batch was committed; mend the operator and start again',
      cause,
    });
  }
}

function untilAborted<T>(source$: Observable<T>, signal: AbortSignal): Observable<T> {
  return new Observable((subscriber) => {
    const onAbort = () => subscriber.error(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    subscriber.add(() => signal.removeEventListener('abort', onAbort));
    return from(source$).subscribe(subscriber);
  });
}

function replaced(held: HeldSlice, made: readonly Change[]): HeldSlice {
  // One after another by offset, as records of a partition are; changes of one offset stay as they were made.
  const ordered = made.toSorted((one, other) => one.offset - other.offset);
  const changes: Changes = fromObjects(held.slice.changes, ordered);
  const rows = Uint32Array.from({ length: changes.length }, (_, row) => row);
  return { ...held, slice: { ...held.slice, changes, rows } };
}

function badRecords({ slice }: HeldSlice): BadRecord[] {
  const { topic, partition, changes } = slice;
  return [...slice.rows].flatMap((index) => {
    if (changes.op[index] !== Op.bad) return [];
    const problem = changes.problem(index) ?? { kind: 'envelope', reason: 'the record cannot be read' };
    return [{ topic, partition, offset: changes.offset(index), index, problem }];
  });
}

function stray({ topic, partition, offset }: Change): SluiceError {
  return new SluiceError(
    'OPERATOR_FAILED',
    `the pipe made a change of ${topic}:${partition} offset ${offset}`,
    {
      context: { topic, partition, offset },
      hint: 'keep topic, partition and offset of the change that a new one is made from',
    },
  );
}

function placeOf(slices: readonly HeldSlice[]): Record<string, string | number> {
  const first = slices[0]?.slice;
  return first === undefined ? {} : { topic: first.topic, partition: first.partition, offset: first.base };
}
