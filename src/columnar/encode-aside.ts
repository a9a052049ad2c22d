import { encodeIpc, type EncodeJob } from './encode-ipc.js';
import { Threads } from './threads.js';

/** Unbuilt sources have no script that a thread could run: there the caller's own thread does the work. */
const SCRIPT = import.meta.url.endsWith('.js') ? new URL('./encode-worker.js', import.meta.url) : undefined;

const threads = SCRIPT && new Threads<EncodeJob>({ script: SCRIPT, name: 'sluice-encode', most: 1 });

/** Encodes on the one thread beside this one; jobs are done in order. The job's bytes are handed over, not copied. */
export async function encodeAside(job: EncodeJob): Promise<Uint8Array> {
  return threads === undefined ? encodeIpc(job) : threads.run(job, job.ipc);
}
