import type { Recorded } from '../../support/recordings.js';
import type { Row, SourceChange } from './source-database.js';

/** Time of the source's first change, ms since 1970. */
const SINCE_MS = 1_795_000_000_000;

/** The topic of a generated table. */
export function topicOf(table: string): string {
  return `gen.shop.${table}`;
}

/**
 * A change as Debezium's PostgreSQL connector writes it: JSON without the schema half, `provide.transaction.metadata`
 * on, a tombstone behind each delete of a table with a key (Debezium docs, "Data change events").
 */
export function recordsOf(change: SourceChange, partition: number): readonly Recorded[] {
  const topic = topicOf(change.table);
  const timestamp = String(SINCE_MS + (change.lsn - 40_000_000) / 8);
  const key = change.key === undefined ? null : Buffer.from(JSON.stringify(change.key));
  const headers = {
    ...header('__debezium.oldkey', change.oldKey),
    ...header('__debezium.newkey', change.newKey),
  };
  const at = { offset: '', timestamp, headers };
  const event = {
    topic,
    partition,
    record: { ...at, key, value: Buffer.from(JSON.stringify(envelopeOf(change))) },
  };
  if (change.op !== 'd' || key === null) return [event];
  return [event, { topic, partition, record: { ...at, key, value: null } }];
}

/** The partition of a record key: the same for the same key, whatever the client's own partitioner would say. */
export function partitionOf(key: Row, partitions: number): number {
  let mixed = 0x811c9dc5;
  for (const char of JSON.stringify(key))
    mixed = Math.imul(mixed ^ (char.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return mixed % partitions;
}

function envelopeOf({ op, before, after, table, lsn, txId, order }: SourceChange): object {
  const timeMs = SINCE_MS + (lsn - 40_000_000) / 8;
  return {
    before: before ?? null,
    after: after ?? null,
    source: {
      version: '3.7.0.Final',
      connector: 'postgresql',
      name: 'gen',
      ts_ms: timeMs,
      snapshot: 'false',
      db: 'shop',
      sequence: JSON.stringify([null, String(lsn)]),
      schema: 'shop',
      table,
      txId,
      lsn,
      xmin: null,
    },
    transaction: { id: `${txId}:${lsn}`, total_order: order, data_collection_order: order },
    op,
    ts_ms: timeMs + 300,
  };
}

function header(name: string, key: Row | undefined): Record<string, Buffer> {
  return key === undefined ? {} : { [name]: Buffer.from(JSON.stringify(key)) };
}
