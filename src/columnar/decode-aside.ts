import { availableParallelism } from 'node:os';
import { decodeIpc, type DecodeJob } from './decode-ipc.js';
import { Threads } from './threads.js';

/** Unbuilt sources have no script that a thread could run: there the caller's own thread does the work. */
const SCRIPT = import.meta.url.endsWith('.js') ? new URL('./decode-worker.js', import.meta.url) : undefined;

/** Each holds a row group or two. */
const THREADS_MAX = 4;

const threads =
  SCRIPT && new Threads<DecodeJob>({ script: SCRIPT, name: 'sluice-decode', most: decodingThreads() });

/** How many files are decoded at the same time. */
export function decodingThreads(): number {
  return SCRIPT === undefined ? 1 : Math.min(THREADS_MAX, availableParallelism());
}

/**
 * Decodes on another thread, unless the file is so small that the way there is longer. The job's bytes are handed over,
 * not copied.
 */
export async function decodeAside(job: DecodeJob): Promise<Uint8Array> {
  return threads === undefined || job.file.byteLength < ASIDE_BYTES_MIN
    ? decodeIpc(job)
    : threads.run(job, job.file);
}

/** Below it decoding takes a few milliseconds; starting the thread takes fifty. */
const ASIDE_BYTES_MIN = 256 * 1024;
