import { UNAVAILABLE_VALUE } from '../../../src/cdc/unavailable.js';
import type { Produced } from '../world/broker.js';
import { keyOf, type DbChange, type DbRow } from './model.js';

export type RecordOptions = {
  /** Each record says the types of its fields. */
  readonly schemas: boolean;
  /** Events say which transaction they belong to. */
  readonly transactions: boolean;
  readonly timestampMs: number;
};

/**
 * The records that Debezium's PostgreSQL connector writes for a change: the event, and behind a delete under a key its
 * tombstone. Debezium documentation, "Debezium connector for PostgreSQL", "Data change events" and "Primary key updates".
 */
export function recordsOf(change: DbChange, options: RecordOptions): readonly Produced[] {
  const { table, op, before, after } = change;
  const row = after ?? before;
  const key = !table.keyed || row === undefined ? null : keyText(keyOf(row), options);
  const headers = headersOf(change);
  const { timestampMs } = options;
  const event = { key, value: Buffer.from(valueText(change, options)), headers, timestampMs };
  return op === 'd' && key !== null ? [event, { key, value: null, headers: {}, timestampMs }] : [event];
}

/** Connect's own converter writes headers as plain JSON, whatever keys and values are written with. */
function headersOf({ op, otherKey }: DbChange): Record<string, Buffer> {
  if (otherKey === undefined) return {};
  const name = op === 'd' ? '__debezium.newkey' : '__debezium.oldkey';
  return { [name]: Buffer.from(JSON.stringify(otherKey)) };
}

function keyText(key: DbRow, { schemas }: RecordOptions): Buffer {
  if (!schemas) return Buffer.from(JSON.stringify(key));
  const fields = [{ type: 'int32', optional: false, field: 'id' }];
  return Buffer.from(JSON.stringify({ schema: { type: 'struct', fields, optional: false }, payload: key }));
}

function valueText(change: DbChange, { schemas, transactions, timestampMs }: RecordOptions): string {
  const { table, op, after, lsn, transaction } = change;
  const carried = after === undefined || !change.bigUnchanged ? after : { ...after, big: UNAVAILABLE_VALUE };
  const payload = {
    ...(op === 't' ? {} : { before: beforeOf(change), after: carried ?? null }),
    source: {
      version: '3.0.0.Final',
      connector: 'postgresql',
      name: 'app',
      ts_ms: timestampMs,
      snapshot: op === 'r' ? 'true' : 'false',
      db: 'app',
      schema: 'public',
      table: table.name,
      txId: transaction.id,
      lsn,
    },
    op,
    ts_ms: timestampMs,
    transaction: transactions
      ? {
          id: String(transaction.id),
          total_order: transaction.order,
          data_collection_order: transaction.order,
        }
      : null,
  };
  return JSON.stringify(schemas ? { schema: schemaOf(after ?? change.before ?? {}), payload } : payload);
}

/** What the event says of the old row: all of it, or of a deleted one its key, or nothing. */
function beforeOf({ table, op, before }: DbChange): DbRow | null {
  if (before === undefined) return null;
  if (table.fullImages || !table.keyed) return before;
  if (op !== 'd') return null;
  return Object.fromEntries(
    Object.keys(before).map((name) => [name, name === 'id' ? (before[name] ?? null) : null]),
  );
}

function schemaOf(row: DbRow): object {
  const fields = Object.keys(row).map((field) => ({ field, ...TYPES[field], optional: field !== 'id' }));
  const halves = ['before', 'after'].map((field) => ({ field, type: 'struct', optional: true, fields }));
  return { type: 'struct', optional: false, name: 'app.Envelope', fields: halves };
}

const TYPES: Readonly<Record<string, { readonly type: string }>> = {
  id: { type: 'int32' },
  v: { type: 'string' },
  n: { type: 'int64' },
  big: { type: 'string' },
  extra: { type: 'string' },
};
