import { checksumKey } from '../protocol/log-files.js';
import { formatVersionChecksum } from '../protocol/version-checksum.js';
import type { Snapshot } from './snapshot.js';

/**
 * Writes the checksum of a version that was just committed, unless it has one. Never rejects: the file saves other
 * engines a replay, and nothing needs it. Delta protocol, "Version Checksum File".
 */
export async function writeVersionChecksum(
  snapshot: Snapshot,
  commit: {
    readonly txnId: string;
    readonly inCommitTimestampMs: number | undefined;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { store, version, state } = snapshot;
  try {
    const text = formatVersionChecksum(state, commit);
    if (text === undefined) return;
    await store.putIfAbsent(checksumKey(version), new TextEncoder().encode(text), { signal: commit.signal });
  } catch {
    // The next commit has one again.
  }
}
