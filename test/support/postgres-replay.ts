import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { debezium } from '../../src/cdc/debezium.js';
import { compareWithTruth, parseTruth, type Recording } from '../../src/cli/demo/truth.js';
import { rowsOf } from '../../src/columnar/cells.js';
import { formatDate, formatDecimal, formatTimestampMicros } from '../../src/schema/text-values.js';
import type { DataType, Value } from '../../src/schema/types.js';
import { formatAppId } from '../../src/sink/app-id.js';
import { createTableSettler } from '../../src/sink/settle/table-settler.js';
import type { Settled, TableNote, TableOptions, TableSettler } from '../../src/sink/settler.js';
import { tableDefaults } from '../../src/sink/sink-options.js';
import type { ObjectStore } from '../../src/storage/object-store.js';
import { scan } from '../../src/table/scan.js';
import { loadSnapshot } from '../../src/table/snapshot.js';
import type { Phase, Recorded } from './recordings.js';
import { RECORDINGS } from './recordings.js';

export const never = new AbortController().signal;

/** A settler over a store, as the sink makes one, with what it told. */
export function settlerOf(
  store: ObjectStore,
  options: Partial<TableOptions> = {},
  identity = 'test',
): { readonly settler: TableSettler; readonly notes: TableNote[] } {
  const notes: TableNote[] = [];
  const settler = createTableSettler({
    url: store.url,
    store,
    name: 'table',
    appId: (partition) => formatAppId({ identity, incarnation: 0, ...partition }),
    options: { ...tableDefaults, ...options },
    now: Date.now,
    random: Math.random,
    tell: (note) => notes.push(note),
  });
  return { settler, notes };
}

/**
 * Brings a topic's records up to a phase into a table, in batches of at most `batchRows`, from where the table stands.
 * Every outcome but a commit or nothing is a failure.
 */
export async function settleUpTo(
  settler: TableSettler,
  records: readonly Recorded[],
  ends: Readonly<Record<string, number>>,
  batchRows: number,
  decoder = debezium(),
): Promise<readonly Settled[]> {
  const outcomes: Settled[] = [];
  const partitions = [...new Set(records.map(({ partition }) => partition))];
  const held = await settler.recover(
    partitions.map((partition) => ({ topic: records[0]?.topic ?? '', partition })),
    never,
  );
  for (const partition of partitions) {
    const end = ends[String(partition)] ?? 0;
    const own = records.filter((one) => one.partition === partition);
    const topic = own[0]?.topic ?? '';
    let base = held.get(`${topic}:${partition}`) ?? 0;
    for (let from = base; from < end; from += batchRows) {
      const upTo = Math.min(from + batchRows, end);
      const part = own.filter(({ record }) => Number(record.offset) >= base && Number(record.offset) < upTo);
      const changes = decoder.peek(
        topic,
        partition,
        part.map(({ record }) => record),
      );
      const rows = Uint32Array.from({ length: part.length }, (_, at) => at);
      const outcome = await settler.settle([{ topic, partition, base, next: upTo, changes, rows }], never);
      outcomes.push(outcome);
      if (outcome.kind === 'committed') base = upTo;
      else if (outcome.kind !== 'nothing') throw new Error(`not settled: ${JSON.stringify(outcome)}`);
    }
  }
  return outcomes;
}

/** All rows of a table, by column name, texts where a value has one form for people (`DeltaTable.toRows`). */
export async function tableRows(store: ObjectStore): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const snapshot = await loadSnapshot(store, { signal: never });
  if (snapshot === undefined) return [];
  const out: Record<string, unknown>[] = [];
  for await (const batch of scan(snapshot, { signal: never })) {
    for (const values of rowsOf(batch, snapshot.schema)) {
      out.push(
        Object.fromEntries(
          snapshot.schema.fields.map(({ name, type }, at) => [name, shown(type, values[at] ?? null)]),
        ),
      );
    }
  }
  return out;
}

/** What differs between a table and PostgreSQL's own rows at the end of a phase; empty if nothing does. */
export async function differencesAt(
  recording: Recording,
  phase: Phase,
  table: string,
  store: ObjectStore,
): Promise<readonly string[]> {
  const truth = parseTruth(readFileSync(join(RECORDINGS, 'postgres/truth', `${phase.phase}.json.gz`)));
  const expected = truth.tables[table];
  if (expected === undefined) return [];
  return compareWithTruth(recording, table, expected, await tableRows(store)).wrong;
}

function shown(type: DataType, value: Value): unknown {
  if (value === null) return null;
  if (type.kind === 'decimal' && typeof value === 'bigint') return formatDecimal(value, type.scale);
  if (type.kind !== 'primitive') return value;
  if (type.name === 'date' && typeof value === 'number') return formatDate(value);
  if (type.name === 'timestamp' && typeof value === 'bigint') return formatTimestampMicros(value, true);
  if (type.name === 'timestamp_ntz' && typeof value === 'bigint') return formatTimestampMicros(value, false);
  return value;
}
