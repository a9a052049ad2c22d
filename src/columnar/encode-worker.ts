/** A thread that `encode-aside` starts. */
import { parentPort } from 'node:worker_threads';
import { encodeIpc } from './encode-ipc.js';
import { serving } from './serve-jobs.js';

parentPort?.on('message', serving(encodeIpc));
