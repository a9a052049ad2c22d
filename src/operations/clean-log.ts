import type { CheckpointOutcome } from '../table/checkpoint.js';
import { deleteExpired, findExpired } from '../table/log-cleanup.js';
import type { Snapshot } from '../table/snapshot.js';
import type { CursorState } from './feed/cursor-record.js';
import { cursorsPassedBy } from './feed/cursors.js';

export type CleanLogOptions = {
  readonly signal: AbortSignal;
  readonly nowMs: number;
  /** Told before anything goes of subscribers of the change feed that will not find what they have yet to read. */
  readonly warn: (passed: PassedCursors) => void;
};

/** Named cursors that stand at versions which are cleaned up. */
export type PassedCursors = {
  readonly table: string;
  readonly cursors: readonly CursorState[];
  /** The first version that stays. */
  readonly keepFrom: number;
};

export type CleanedLog =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'cleaned'; readonly keepFrom: number; readonly files: number }
  | { readonly kind: 'failed'; readonly cause: unknown };

/**
 * Cleans up the log after a checkpoint: what is older than `delta.logRetentionDuration` goes, unless
 * `delta.enableExpiredLogCleanup` is false. Never rejects: what is left is cleaned up after a later checkpoint.
 */
export async function cleanLogAfter(
  snapshot: Snapshot,
  checkpoint: CheckpointOutcome,
  { signal, nowMs, warn }: CleanLogOptions,
): Promise<CleanedLog> {
  if (checkpoint.kind !== 'written') return { kind: 'nothing' };
  try {
    const { store } = snapshot;
    const expired = await findExpired(snapshot, { nowMs, signal });
    if (expired === undefined) return { kind: 'nothing' };
    const { keepFrom } = expired;
    const cursors = await cursorsPassedBy(store, { through: keepFrom - 1, signal });
    if (cursors.length > 0) warn({ table: store.url, cursors, keepFrom });
    const files = await deleteExpired(store, expired, { nowMs, signal });
    return { kind: 'cleaned', keepFrom, files };
  } catch (cause) {
    return { kind: 'failed', cause };
  }
}

/**
 * What follows on a commit of a verb: waits for the checkpoint that it made due, and cleans up the log after it. Passed
 * cursors become a warning of the process, which Node prints on stderr. Never rejects.
 */
export async function settled(
  { snapshot, background }: { readonly snapshot: Snapshot; readonly background: Promise<CheckpointOutcome> },
  signal: AbortSignal,
): Promise<void> {
  await cleanLogAfter(snapshot, await background, { signal, nowMs: Date.now(), warn: warnOfPassed });
}

/** What to say of cursors that are passed. */
export function passedText({ cursors, keepFrom }: PassedCursors): string {
  const names = cursors.map(({ name, nextVersion }) => `${name} (at version ${nextVersion})`).join(', ');
  return `the log before version ${keepFrom} is cleaned up, and subscribers have yet to read from it: ${names}`;
}

function warnOfPassed(passed: PassedCursors): void {
  process.emitWarning(`${passed.table}: ${passedText(passed)}`, {
    code: 'SLUICE_CURSOR_PASSED',
    detail: 'raise delta.logRetentionDuration to keep more of the log, or delete cursors that nobody uses',
  });
}
