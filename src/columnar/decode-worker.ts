/** A thread that `decode-aside` starts. */
import { parentPort } from 'node:worker_threads';
import { decodeIpc } from './decode-ipc.js';
import { serving } from './serve-jobs.js';

parentPort?.on('message', serving(decodeIpc));
