import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'vitest';
import { withFaults, type FaultRule, type StoreOperation } from '../../src/storage/faults.js';
import { localStore } from '../../src/storage/local.js';
import { memoryStore } from '../../src/storage/memory.js';
import { describeObjectStore } from '../../src/testing/object-store-contract.js';
import type { OpenedStore } from '../../src/testing/object-store-contract.js';

const api = { describe, test };

const OPERATIONS: readonly StoreOperation[] = [
  'get',
  'getRange',
  'put',
  'putIfAbsent',
  'head',
  'list',
  'delete',
];

async function openMemory(): Promise<OpenedStore> {
  return { store: memoryStore(), async [Symbol.asyncDispose]() {} };
}

async function openLocal(): Promise<OpenedStore> {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-store-'));
  return {
    store: localStore(join(dir, 'made later', 'root')),
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true }),
  };
}

describeObjectStore('memory', openMemory, api);
describeObjectStore('local', openLocal, api);

/** Each call waits a turn of the event loop before it begins and before its caller hears: what may overtake, does. */
const SLOW: readonly FaultRule[] = OPERATIONS.flatMap((operation) => [
  { operation, fault: { kind: 'delay', when: 'before', until: turn }, times: Infinity },
]);

describeObjectStore('memory below faults that do not befall it', () => below(openMemory, []), api);
describeObjectStore('local below faults that do not befall it', () => below(openLocal, []), api);
describeObjectStore('memory that is slow', () => below(openMemory, SLOW), api);
describeObjectStore('local that is slow', () => below(openLocal, SLOW), api);

async function below(open: () => Promise<OpenedStore>, plan: readonly FaultRule[]): Promise<OpenedStore> {
  const opened = await open();
  return {
    store: withFaults(opened.store, plan),
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}

async function turn(signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await new Promise(setImmediate);
}
