/** What a benchmark's stream is made of. */
export type Mix = 'insert' | 'upsert';

/** One record as it goes into a topic or a recording. */
export type BenchRecord = { readonly key: string; readonly value: string };

/**
 * Debezium's change events of one PostgreSQL table, JSON without schemas, about 500 bytes each, the same for each seed:
 * `insert` creates new rows only; `upsert` is 70 % inserts, 20 % updates and 10 % deletes of rows picked at random. A
 * delete is followed by its tombstone, as Debezium does; tombstones are not counted as events.
 */
export function* events(mix: Mix, count: number, seed = 1): Generator<BenchRecord> {
  const random = mulberry32(seed);
  const live: number[] = [];
  let nextId = 1;
  for (let i = 0; i < count; i++) {
    const draw = mix === 'insert' ? 0 : random();
    const lsn = 36_806_512 + i * 208;
    if (draw < 0.7 || live.length === 0) {
      const id = nextId++;
      if (mix === 'upsert') live.push(id);
      yield { key: `{"id":${id}}`, value: envelope(null, row(id, i, random), 'c', lsn, i) };
    } else if (draw < 0.9) {
      const id = live[Math.floor(random() * live.length)] ?? 1;
      yield { key: `{"id":${id}}`, value: envelope(null, row(id, i, random), 'u', lsn, i) };
    } else {
      const at = Math.floor(random() * live.length);
      const id = live[at] ?? 1;
      live[at] = live.at(-1) ?? 1;
      live.pop();
      yield { key: `{"id":${id}}`, value: envelope(`{"id":${id},${NULLS}}`, null, 'd', lsn, i) };
    }
  }
}

const NULLS = '"customer_id":null,"status":null,"total":null,"qty":null,"note":null,"placed_at":null';
const STATUS = ['new', 'paid', 'packed', 'shipped', 'returned'] as const;

function row(id: number, i: number, random: () => number): string {
  const total = (random() * 10_000).toFixed(2);
  const status = STATUS[i % STATUS.length] ?? 'new';
  const minute = String(i % 60).padStart(2, '0');
  return (
    `{"id":${id},"customer_id":${Math.floor(random() * 100_000)},"status":"${status}","total":"${total}",` +
    `"qty":${1 + (i % 9)},"note":"order ${id} of the day","placed_at":"2025-01-31T10:${minute}:00.000000Z"}`
  );
}

function envelope(before: string | null, after: string | null, op: string, lsn: number, i: number): string {
  const ms = 1_795_457_412_419 + i;
  return (
    `{"before":${before ?? 'null'},"after":${after ?? 'null'},"source":{"version":"3.7.0.Final","connector":"postgresql",` +
    `"name":"bench","ts_ms":${ms},"snapshot":"false","db":"shop","sequence":"[null,\\"${lsn}\\"]","ts_us":${ms}000,` +
    `"ts_ns":${ms}000000,"schema":"public","table":"orders","txId":${900 + i},"lsn":${lsn},"xmin":null},` +
    `"transaction":null,"op":"${op}","ts_ms":${ms + 300}}`
  );
}

/** A small seeded generator: the same numbers everywhere. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
