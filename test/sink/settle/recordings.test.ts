import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { memoryStore } from '../../../src/storage/memory.js';
import { differencesAt, settleUpTo, settlerOf } from '../../support/postgres-replay.js';
import { readPhases, readRecording, RECORDINGS } from '../../support/recordings.js';

const TABLES = [
  'customers',
  'orders',
  'order_lines',
  'events_log',
  'stock_moves',
  'odd_values',
  'phase_markers',
];
const phases = readPhases();

describe.each(['full', 'conn'] as const)('the recording %s, replayed into tables', (recording) => {
  const topics = readRecording(join(RECORDINGS, 'postgres', recording));

  describe.each([4, 1000])('in batches of %i records', (batchRows) => {
    test.each(TABLES)('%s equals PostgreSQL at the end of every phase', async (table) => {
      const topic = `${recording}.inventory.${table}`;
      const records = topics.get(topic) ?? [];
      const store = memoryStore();
      for (const phase of phases) {
        const { settler } = settlerOf(store);
        await settleUpTo(settler, records, phase.next_offsets[topic] ?? {}, batchRows);
        expect(await differencesAt(recording, phase, table, store), phase.phase).toEqual([]);
      }
    });
  });
});
