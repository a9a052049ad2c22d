import type { RawRecord } from '../../src/cdc/record.js';
import { debezium } from '../../src/cdc/debezium.js';
import type { RecordDecoder } from '../../src/cdc/decoder.js';
import type { Slice } from '../../src/sink/settler.js';

/** A change event of Debezium's, without schema, as a test writes it down. */
export type EventText = {
  readonly op: 'r' | 'c' | 'u' | 'd' | 't';
  readonly key?: Readonly<Record<string, unknown>> | null;
  readonly before?: Readonly<Record<string, unknown>> | null;
  readonly after?: Readonly<Record<string, unknown>> | null;
  readonly lsn?: number;
  /** `source.ts_ms`; 1 if not given. */
  readonly sourceMs?: number;
  /** The time of the Kafka record, ms since 1970. */
  readonly recordMs?: number;
  /** `transaction.total_order`. */
  readonly totalOrder?: number;
  /** Default `postgresql`. */
  readonly connector?: string;
  readonly oldKey?: Readonly<Record<string, unknown>>;
  readonly newKey?: Readonly<Record<string, unknown>>;
  /** Connect types of the row's fields, if the event carries its schema. */
  readonly types?: Readonly<Record<string, 'int32' | 'int64' | 'string'>>;
};

/** Debezium's placeholder for an unchanged TOAST value. */
export const UNAVAILABLE = '__debezium_unavailable_value';

/** The record of an event at an offset. A `raw` text stands as it is: it may be no event at all. */
export function recordOf(
  offset: number,
  event: EventText | { readonly raw: string; readonly key?: unknown },
): RawRecord {
  const recordMs = 'recordMs' in event ? event.recordMs : undefined;
  const at = { offset: String(offset), timestamp: String(recordMs ?? 1795457412967) };
  if ('raw' in event) return { ...at, key: bytesOf(event.key), value: Buffer.from(event.raw) };
  const {
    op,
    key = null,
    before = null,
    after = null,
    lsn = 1000 + offset,
    connector = 'postgresql',
  } = event;
  const source = {
    connector,
    name: 'test',
    ts_ms: event.sourceMs ?? 1,
    snapshot: event.op === 'r' ? 'true' : 'false',
    db: 'shop',
    schema: 'public',
    table: 'items',
    ...(connector === 'mysql' ? { file: 'binlog.000001', pos: lsn, row: 0 } : { lsn }),
  };
  const headers = {
    ...(event.oldKey === undefined ? {} : { '__debezium.oldkey': Buffer.from(JSON.stringify(event.oldKey)) }),
    ...(event.newKey === undefined ? {} : { '__debezium.newkey': Buffer.from(JSON.stringify(event.newKey)) }),
  };
  const transaction =
    event.totalOrder === undefined ? null : { id: `7:${lsn}`, total_order: event.totalOrder };
  const payload = { before, after, source, transaction, op, ts_ms: 1 };
  if (event.types === undefined) return { ...at, key: bytesOf(key), value: bytesOf(payload), headers };
  const fields = Object.entries(event.types).map(([name, type]) => ({ field: name, type, optional: true }));
  const halves = ['before', 'after'].map((half) => ({ field: half, type: 'struct', optional: true, fields }));
  const envelope = { type: 'struct', optional: false, name: 'test.public.items.Envelope', fields: halves };
  const own = { type: 'struct', optional: false, fields: fields.filter(({ field }) => field in (key ?? {})) };
  return {
    ...at,
    key: bytesOf({ schema: own, payload: key }),
    value: bytesOf({ schema: envelope, payload }),
    headers,
  };
}

/** Records of one partition as a table's slice, from `base` on, one offset each. */
export function sliceOf(
  base: number,
  events: readonly Parameters<typeof recordOf>[1][],
  options: { readonly partition?: number; readonly decoder?: RecordDecoder } = {},
): Slice {
  const { partition = 0, decoder = debezium() } = options;
  const records = events.map((event, at) => recordOf(base + at, event));
  const changes = decoder.peek('test.public.items', partition, records);
  const rows = Uint32Array.from({ length: records.length }, (_, at) => at);
  return { topic: 'test.public.items', partition, base, next: base + records.length, changes, rows };
}

function bytesOf(key: unknown): Buffer | null {
  return key === null || key === undefined ? null : Buffer.from(JSON.stringify(key));
}
