import { parentPort } from 'node:worker_threads';
import type { ThreadAnswer, ThreadRequest } from './threads.js';

/** What a thread of `Threads` does with each message: the job, then the answer. */
export function serving<Job>(perform: (job: Job) => Uint8Array): (request: ThreadRequest<Job>) => void {
  return ({ id, job }) => {
    const answer = answerTo(id, () => perform(job));
    const moved = 'body' in answer && answer.body.buffer instanceof ArrayBuffer ? [answer.body.buffer] : [];
    parentPort?.postMessage(answer, moved);
  };
}

function answerTo(id: number, perform: () => Uint8Array): ThreadAnswer {
  try {
    return { id, body: perform() };
  } catch (cause) {
    return { id, problem: cause instanceof Error ? cause.message : String(cause) };
  }
}
