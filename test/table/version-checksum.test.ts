import { describe, expect, test } from 'vitest';
import { never } from '../../src/base/signals.js';
import { isJsonObject, parseJson, type JsonObject } from '../../src/base/json.js';
import type { Action } from '../../src/protocol/actions.js';
import { checksumKey } from '../../src/protocol/log-files.js';
import { withFaults } from '../../src/storage/faults.js';
import { memoryStore } from '../../src/storage/memory.js';
import type { ObjectStore } from '../../src/storage/object-store.js';
import { openSnapshot } from '../../src/table/snapshot.js';
import { createTable, mustCommit } from './tables.js';

const signal = never;

async function checksum(store: ObjectStore, version: number): Promise<JsonObject | undefined> {
  const body = await store.get(checksumKey(version), { signal });
  if (body === undefined) return undefined;
  const json = parseJson(new TextDecoder().decode(body));
  return isJsonObject(json) ? json : undefined;
}

function add(path: string, size: number): Action {
  return {
    kind: 'add',
    add: { path, partitionValues: new Map(), size, modificationTime: 1, dataChange: true },
  };
}

function domain(name: string, removed = false): Action {
  return { kind: 'domainMetadata', domainMetadata: { domain: name, configuration: '{}', removed } };
}

describe('the checksum of a version', () => {
  test('trap 17: says what a fresh reader of the log finds, exactly', async () => {
    const store = memoryStore();
    let snapshot = await createTable(store);
    const steps: (readonly Action[])[] = [
      [add('a', 10), add('b', 5), { kind: 'txn', txn: { appId: 'x', version: 9007199254740993n } }],
      [{ kind: 'remove', remove: { path: 'a', dataChange: true, deletionTimestamp: 1 } }, domain('d')],
      // Added again it is the same file, with other bytes.
      [add('b', 7), domain('d', true), domain('e')],
    ];
    for (const step of steps) {
      snapshot = await mustCommit(store, snapshot, { actions: () => step, txnId: `t${snapshot.version}` });
      const fresh = await openSnapshot(store, { signal, version: snapshot.version });
      const files = [...fresh.files];
      expect(await checksum(store, snapshot.version)).toMatchObject({
        txnId: `t${snapshot.version - 1}`,
        tableSizeBytes: files.reduce((sum, { size }) => sum + size, 0),
        numFiles: files.length,
        numMetadata: 1,
        numProtocol: 1,
        setTransactions: [{ appId: 'x', version: 9007199254740993n }],
        domainMetadata: [...fresh.state.domains].map(([name, configuration]) => ({
          domain: name,
          configuration,
          removed: false,
        })),
        metadata: { id: fresh.state.metadata.id, schemaString: fresh.state.metadata.schemaString },
        protocol: { minReaderVersion: 3, minWriterVersion: 7 },
      });
    }
    expect(await checksum(store, 3)).not.toHaveProperty('inCommitTimestampOpt');
  });

  test('leaves unsaid what is too much, or what a table forgets', async () => {
    const store = memoryStore();
    const many = await mustCommit(store, await createTable(store), {
      actions: () => [
        ...Array.from({ length: 11 }, (_, n) => domain(`d${n}`)),
        ...Array.from(
          { length: 101 },
          (_, n) => ({ kind: 'txn', txn: { appId: `a${n}`, version: 1n } }) as const,
        ),
      ],
    });
    const found = await checksum(store, many.version);
    expect(found).not.toHaveProperty('domainMetadata');
    expect(found).not.toHaveProperty('setTransactions');
    const forgetful = memoryStore();
    await createTable(forgetful, {
      configuration: { 'delta.setTransactionRetentionDuration': 'interval 1 day' },
    });
    expect(await checksum(forgetful, 0)).not.toHaveProperty('setTransactions');
  });

  test('has the in-commit timestamp where the table has them', async () => {
    const store = memoryStore();
    const snapshot = await createTable(store, {
      configuration: { 'delta.enableInCommitTimestamps': 'true' },
    });
    expect(await checksum(store, 0)).toMatchObject({ inCommitTimestampOpt: snapshot.commitTimestampMs });
  });

  test('is never written over another, and a store that refuses it costs nothing', async () => {
    const store = memoryStore();
    const other = new TextEncoder().encode('{"numFiles":7}');
    await store.put(checksumKey(1), other, { signal });
    const one = await mustCommit(store, await createTable(store), { actions: () => [add('a', 1)] });
    expect(await checksum(store, 1)).toEqual({ numFiles: 7 });
    const full = withFaults(store, [
      { operation: 'putIfAbsent', key: /\.crc$/, fault: { kind: 'fails', code: 'STORE_FULL' } },
    ]);
    const two = await mustCommit(full, one, { actions: () => [add('b', 1)] });
    expect(two.version).toBe(2);
    expect(await checksum(store, 2)).toBeUndefined();
  });
});
