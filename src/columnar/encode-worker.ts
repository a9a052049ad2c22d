/** The thread that `encode-aside` starts: encodes what it is sent, one job after another. */
import { parentPort } from 'node:worker_threads';
import type { EncodeAnswer, EncodeRequest } from './encode-aside.js';
import { encodeIpc } from './encode-ipc.js';

parentPort?.on('message', ({ id, job }: EncodeRequest) => {
  const answer = encoded(id, job);
  const moved = 'body' in answer && answer.body.buffer instanceof ArrayBuffer ? [answer.body.buffer] : [];
  parentPort?.postMessage(answer, moved);
});

function encoded(id: number, job: EncodeRequest['job']): EncodeAnswer {
  try {
    return { id, body: encodeIpc(job) };
  } catch (cause) {
    return { id, problem: cause instanceof Error ? cause.message : String(cause) };
  }
}
