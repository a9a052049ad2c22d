import { randomUUID } from 'node:crypto';
import { orderText } from '../../../cdc/position.js';
import type { StructType } from '../../../schema/types.js';
import type { ObjectStore } from '../../../storage/object-store.js';
import type { StateFile } from '../partition-domain.js';
import { encodeMemory } from './memory-file.js';
import { readMemoryFile, waitText, type Memory, type Waits } from './memory.js';
import type { MemoryRecord } from './records.js';

/** How long, and of how many rows, a partition's deletes, images, applied events and taken rows are remembered. */
export type MemoryPolicy = { readonly retentionMs: number; readonly maxRows: number };

export type KeepInput = {
  readonly store: ObjectStore;
  /** What rows in the files are written as. */
  readonly schema: StructType;
  /** The files that the partition's domain names. */
  readonly previous: readonly StateFile[];
  /** What the commit adds. */
  readonly records: readonly MemoryRecord[];
  /** What the version remembers that the commit is planned on. */
  readonly memory: Memory;
  readonly policy: MemoryPolicy;
  readonly nowMs: number;
  readonly signal: AbortSignal;
};

/** So many files of about one size become one. */
const MERGE_FROM = 8;
/** Files of more rows are left as they are: merging them would hold up a commit. */
const MERGED_ROWS_MAX = 200_000;

/**
 * Writes what a commit adds to a partition's memory; gives the files that its domain names from then on. Small files
 * are merged, and records are let go when they are old, too many, or when what they say is known elsewhere. What waits is
 * kept until it waits no more. Files are durable on return and never changed.
 */
export async function keepMemory(input: KeepInput): Promise<readonly StateFile[]> {
  const files = [...(await pruned(input))];
  if (input.records.length > 0) files.push(await write(input, input.records, false));
  return files;
}

/** The files without those that are past their time, and with those of one size made one. */
async function pruned(input: KeepInput): Promise<readonly StateFile[]> {
  const kept = withinCount(input.previous, input.policy.maxRows).filter(
    (file) => !isOld(file, input) || file.waits > 0,
  );
  const group = fullGroup(kept, input);
  if (group === undefined) return kept;
  const records = await liveRecords(input, group);
  const rest = kept.filter((file) => !group.includes(file));
  return records.length === 0 ? rest : [...rest, await write(input, records, true)];
}

function isOld({ writtenAtMs }: StateFile, { nowMs, policy }: KeepInput): boolean {
  return nowMs - writtenAtMs >= policy.retentionMs;
}

/** The newest files up to the number of rows, and those in which something waits. */
function withinCount(files: readonly StateFile[], maxRows: number): readonly StateFile[] {
  if (files.reduce((sum, { rows }) => sum + rows, 0) <= maxRows) return files;
  let left = maxRows;
  return files
    .toSorted((a, b) => b.writtenAtMs - a.writtenAtMs)
    .filter((file) => {
      left -= file.rows;
      return left >= 0 || file.waits > 0;
    });
}

/** Enough files of about one size to make one of; files of which only what waits is left count as one size. */
function fullGroup(files: readonly StateFile[], input: KeepInput): readonly StateFile[] | undefined {
  const groups = new Map<number, StateFile[]>();
  for (const file of files) {
    if (file.rows > MERGED_ROWS_MAX) continue;
    const size = isOld(file, input) ? -1 : Math.floor(Math.log2(file.rows + 1) / Math.log2(MERGE_FROM));
    const group = groups.get(size);
    if (group === undefined) groups.set(size, [file]);
    else group.push(file);
  }
  return [...groups.values()].find((group) => group.length >= MERGE_FROM);
}

async function liveRecords(input: KeepInput, files: readonly StateFile[]): Promise<readonly MemoryRecord[]> {
  const { store, schema, signal, memory } = input;
  const waits = await memory.waits();
  const live: MemoryRecord[] = [];
  for (const { path } of files) {
    for (const record of await readMemoryFile(store, path, schema, signal)) {
      const kept = keptOf(record, waits, input);
      if (kept !== undefined) live.push(kept);
    }
  }
  return live;
}

/**
 * What is kept of a record: of a wait the columns that still wait, of its end those that somebody still has waiting.
 * Whoever holds the wait lets it go first, and then whoever holds its end.
 */
function keptOf(record: MemoryRecord, waits: Waits, { nowMs, policy }: KeepInput): MemoryRecord | undefined {
  switch (record.kind) {
    case 'pending':
    case 'settled': {
      const isPending = record.kind === 'pending';
      const columns = record.columns.filter((column) => {
        const text = waitText(record, column);
        return isPending ? !waits.settled.has(text) : waits.pending.has(text);
      });
      return columns.length === 0 ? undefined : { ...record, columns };
    }
    case 'delete':
    case 'image':
    case 'applied':
    case 'taken':
      return nowMs - record.atMs < policy.retentionMs ? record : undefined;
  }
}

async function write(
  { store, schema, signal }: KeepInput,
  records: readonly MemoryRecord[],
  merged: boolean,
): Promise<StateFile> {
  const path = `_sluice/memory/${randomUUID()}.parquet`;
  await store.put(path, encodeMemory(records, schema), { signal });
  let writtenAtMs = 0;
  let reach = '';
  let images = 0;
  let waits = 0;
  let taken = 0;
  for (const record of records) {
    if (record.atMs > writtenAtMs) writtenAtMs = record.atMs;
    if (record.kind === 'image') images++;
    else if (record.kind === 'taken') taken++;
    else if (record.kind === 'pending' || record.kind === 'settled') waits++;
    const order = reachOf(record);
    if (order > reach) reach = order;
  }
  return { path, kind: 'memory', writtenAtMs, rows: records.length, reach, images, waits, taken, merged };
}

/** The latest place of which the record says something. */
function reachOf(record: MemoryRecord): string {
  switch (record.kind) {
    case 'delete':
      return orderText(record.position);
    case 'applied':
      return record.order;
    case 'taken':
      return orderText(record.by.position);
    case 'image':
    case 'pending':
    case 'settled':
      return '';
  }
}
