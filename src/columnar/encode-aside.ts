import { Worker } from 'node:worker_threads';
import { encodeIpc, type EncodeJob } from './encode-ipc.js';

/** What the thread is asked, and what it answers. */
export type EncodeRequest = { readonly id: number; readonly job: EncodeJob };
export type EncodeAnswer =
  { readonly id: number; readonly body: Uint8Array } | { readonly id: number; readonly problem: string };

/** Unbuilt sources have no script that a thread could run: there the caller's own thread does the work. */
const SCRIPT = import.meta.url.endsWith('.js') ? new URL('./encode-worker.js', import.meta.url) : undefined;

let thread: EncodeThread | undefined;

/** Encodes on the one thread beside this one; jobs are done in order. The job's bytes are handed over, not copied. */
export async function encodeAside(job: EncodeJob): Promise<Uint8Array> {
  if (SCRIPT === undefined) return encodeIpc(job);
  thread ??= new EncodeThread(SCRIPT, () => (thread = undefined));
  return thread.encode(job);
}

type Waiting = { readonly resolve: (body: Uint8Array) => void; readonly reject: (cause: unknown) => void };

/** Keeps the process alive only while a job is under way. */
class EncodeThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #next = 0;

  constructor(script: URL, ended: () => void) {
    this.#worker = new Worker(script, { name: 'sluice-encode', execArgv: [] });
    this.#worker.unref();
    this.#worker.on('message', (answer: EncodeAnswer) => this.#answered(answer));
    this.#worker.on('error', (cause) => {
      ended();
      for (const { reject } of this.#waiting.values()) reject(cause);
      this.#waiting.clear();
    });
  }

  encode(job: EncodeJob): Promise<Uint8Array> {
    const id = this.#next++;
    const request: EncodeRequest = { id, job };
    const { buffer, byteLength } = job.ipc;
    this.#worker.ref();
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      // A buffer that holds more than the job is someone else's too.
      const own = buffer instanceof ArrayBuffer && buffer.byteLength === byteLength;
      this.#worker.postMessage(request, own ? [buffer] : []);
    });
  }

  #answered(answer: EncodeAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (this.#waiting.size === 0) this.#worker.unref();
    if ('body' in answer) waiting?.resolve(answer.body);
    else waiting?.reject(new Error(`Parquet could not be encoded: ${answer.problem}`));
  }
}
