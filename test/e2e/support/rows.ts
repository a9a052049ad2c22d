import type { Message } from 'kafkajs';

export type RowEvent = {
  readonly table: string;
  readonly schema?: string;
  readonly op?: 'c' | 'u' | 'd' | 'r';
  readonly id: number;
  /** The other columns. */
  readonly row?: Readonly<Record<string, unknown>>;
  /** Place in the source's log; the id if not given, for streams that only insert. */
  readonly lsn?: number;
};

/** A change of a row as Debezium's PostgreSQL connector writes it, without the schema half, as a message to produce. */
export function rowEvent(event: RowEvent): Message {
  const { table, schema = 'shop', op = 'c', id, row = {}, lsn = id } = event;
  const source = { connector: 'postgresql', name: 'db', db: 'db', schema, table, lsn, ts_ms: 0 };
  const image = { id, ...row };
  const halves = op === 'd' ? { before: image, after: null } : { before: null, after: image };
  return {
    key: JSON.stringify({ id }),
    value: JSON.stringify({ ...halves, source: { ...source, snapshot: 'false' }, op, ts_ms: 0 }),
  };
}

/** Inserts of rows with these ids. */
export function inserts(table: string, ids: Iterable<number>): Message[] {
  return Array.from(ids, (id) => rowEvent({ table, id, row: { qty: id * 10 } }));
}

export function idsFrom(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, at) => first + at);
}
