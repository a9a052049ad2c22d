import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'vitest';
import { withFaults } from '../../src/storage/faults.js';
import { localStore } from '../../src/storage/local.js';
import { memoryStore } from '../../src/storage/memory.js';
import { describeObjectStore } from '../../src/testing/object-store-contract.js';
import type { OpenedStore } from '../../src/testing/object-store-contract.js';

const api = { describe, test };

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
describeObjectStore(
  'a store without faults',
  async () => {
    const { store } = await openMemory();
    return { store: withFaults(store, []), async [Symbol.asyncDispose]() {} };
  },
  api,
);
