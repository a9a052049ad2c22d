import { Worker } from 'node:worker_threads';

/** What a thread is asked, and what it answers. */
export type ThreadRequest<Job> = { readonly id: number; readonly job: Job };
export type ThreadAnswer =
  { readonly id: number; readonly body: Uint8Array } | { readonly id: number; readonly problem: string };

export type ThreadsOptions = {
  readonly script: URL;
  readonly name: string;
  /** The most threads at one time. One is started when all others are busy. */
  readonly most: number;
};

/** A thread without work ends after so long, and gives back the memory that its largest job took. */
const IDLE_MS = 10_000;

/**
 * Threads that each do one job after another: bytes in, bytes out. They keep the process alive only while a job is under
 * way. A job whose thread dies fails; the next one gets a new thread.
 */
export class Threads<Job> {
  readonly #options: ThreadsOptions;
  readonly #threads: Thread<Job>[] = [];

  constructor(options: ThreadsOptions) {
    this.#options = options;
  }

  /** `bytes` are handed over, not copied, if nothing else lies in their buffer. */
  run(job: Job, bytes: Uint8Array): Promise<Uint8Array> {
    return this.#leastBusy().run(job, bytes);
  }

  #leastBusy(): Thread<Job> {
    let [least] = this.#threads;
    for (const thread of this.#threads) if (thread.jobs < (least?.jobs ?? Infinity)) least = thread;
    if (least !== undefined && (least.jobs === 0 || this.#threads.length >= this.#options.most)) return least;
    const thread = new Thread<Job>(this.#options, () => {
      const at = this.#threads.indexOf(thread);
      if (at >= 0) this.#threads.splice(at, 1);
    });
    this.#threads.push(thread);
    return thread;
  }
}

type Waiting = { readonly resolve: (body: Uint8Array) => void; readonly reject: (cause: unknown) => void };

class Thread<Job> {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  readonly #ended: () => void;
  #next = 0;
  #idle: NodeJS.Timeout | undefined;

  constructor({ script, name }: ThreadsOptions, ended: () => void) {
    this.#ended = ended;
    this.#worker = new Worker(script, { name, execArgv: [] });
    this.#worker.unref();
    this.#worker.on('message', (answer: ThreadAnswer) => this.#answered(answer));
    this.#worker.on('error', (cause) => this.#end(cause));
    this.#worker.on('exit', () => this.#end(new Error(`the thread ${name} has ended`)));
  }

  /** Jobs that it has been given and has not answered. */
  get jobs(): number {
    return this.#waiting.size;
  }

  run(job: Job, bytes: Uint8Array): Promise<Uint8Array> {
    const id = this.#next++;
    const request: ThreadRequest<Job> = { id, job };
    const { buffer, byteLength } = bytes;
    clearTimeout(this.#idle);
    this.#worker.ref();
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      // A buffer that holds more than these bytes is someone else's too.
      const own = buffer instanceof ArrayBuffer && buffer.byteLength === byteLength;
      this.#worker.postMessage(request, own ? [buffer] : []);
    });
  }

  #answered(answer: ThreadAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (this.#waiting.size === 0) this.#rest();
    if ('body' in answer) waiting?.resolve(answer.body);
    else waiting?.reject(new Error(answer.problem));
  }

  #rest(): void {
    this.#worker.unref();
    this.#idle = setTimeout(() => {
      this.#end(undefined);
      void this.#worker.terminate();
    }, IDLE_MS).unref();
  }

  /** From now on it is given no job; those that it has fail. */
  #end(cause: unknown): void {
    this.#ended();
    for (const { reject } of this.#waiting.values()) reject(cause);
    this.#waiting.clear();
  }
}
