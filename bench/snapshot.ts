/**
 * How long does it take to open a table with many files, or with a long log? A checkpoint of 300,000 files and a log of
 * 10,000 commits, both made by our own writer; Sluice and, where the oracle is prepared, delta-rs on the same files, each
 * in a process of its own, warm: one run for nothing, then the median of five. Prints a table and writes
 * bench/results/snapshot.json.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { DeltaTable } from '../src/delta.js';
import { formatActions } from '../src/protocol/action-json.js';
import type { Action, AddFile } from '../src/protocol/actions.js';
import { commitInfo } from '../src/protocol/commit-info.js';
import { commitKey } from '../src/protocol/log-files.js';
import { foldActions } from '../src/protocol/replay.js';
import { LONG, STRING, TIMESTAMP, field, struct } from '../src/schema/build.js';
import { localStore } from '../src/storage/local.js';
import type { ObjectStore } from '../src/storage/object-store.js';
import { createTable } from '../src/operations/create-table.js';
import { writeCheckpoint } from '../src/table/checkpoint.js';
import { openSnapshot, Snapshot } from '../src/table/snapshot.js';
import { oraclePython } from '../test/support/oracle/oracle.js';

const { values: flags } = parseArgs({
  options: {
    files: { type: 'string', default: '300000' },
    commits: { type: 'string', default: '10000' },
    repeat: { type: 'string', default: '5' },
    /** Set for the process that measures Sluice. */
    measure: { type: 'string' },
    what: { type: 'string', default: 'open' },
  },
});
const FILES = Number(flags.files);
const COMMITS = Number(flags.commits);
const signal = new AbortController().signal;
const SCHEMA = struct([field('id', LONG), field('name', STRING), field('at', TIMESTAMP), field('n', LONG)]);

type Measured = { readonly ms: number; readonly peakRssMiB: number; readonly files: number };

/** What is asked of an engine: to open the table, to name every file, to rule files out by their stats. */
const QUESTIONS = ['open', 'list', 'skip'] as const;

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-snapshot-'));
  try {
    await checkpointed(localStore(join(folder, 'checkpoint')));
    await committed(localStore(join(folder, 'commits')));
    const results: Record<string, Measured> = {};
    for (const table of ['checkpoint', 'commits'] as const) {
      for (const what of QUESTIONS) {
        if (table === 'commits' && what === 'skip') continue;
        results[`${table}, ${what}, Sluice`] = await measureApart(join(folder, table), what);
        const other = what === 'skip' ? undefined : await measureDeltaRs(join(folder, table), what);
        if (other !== undefined) results[`${table}, ${what}, delta-rs`] = other;
      }
    }
    report(results);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A checkpoint of many files with stats of four columns, and one commit after it. */
async function checkpointed(store: ObjectStore): Promise<void> {
  const base = await createTable(store, {
    schema: SCHEMA,
    properties: { 'delta.enableChangeDataFeed': 'false' },
    signal,
  });
  const adds = Array.from({ length: FILES }, (_, n): Action => ({ kind: 'add', add: fileOf(n) }));
  const state = foldActions(base.state, adds, 1);
  await writeCheckpoint(new Snapshot(store, 1, state, Date.now()), { signal, nowMs: Date.now() });
  await put(store, 2, [{ kind: 'add', add: fileOf(FILES) }]);
}

/** A log without a checkpoint: each commit adds two files and removes an older one. */
async function committed(store: ObjectStore): Promise<void> {
  await createTable(store, { schema: SCHEMA, properties: { 'delta.enableChangeDataFeed': 'false' }, signal });
  for (let version = 1; version <= COMMITS; version++) {
    const old = fileOf(version - 1);
    await put(store, version, [
      { kind: 'add', add: fileOf(version * 2) },
      { kind: 'add', add: fileOf(version * 2 + 1) },
      {
        kind: 'remove',
        remove: { path: old.path, dataChange: true, deletionTimestamp: Date.now(), size: old.size },
      },
    ]);
  }
}

async function put(store: ObjectStore, version: number, actions: readonly Action[]): Promise<void> {
  const info = commitInfo({
    operation: { operation: 'WRITE', operationParameters: { mode: 'Append' } },
    timestamp: Date.now(),
    readVersion: version - 1,
    isBlindAppend: true,
    txnId: `00000000-0000-4000-8000-${String(version).padStart(12, '0')}`,
  });
  const text = formatActions([{ kind: 'commitInfo', commitInfo: info }, ...actions]);
  await store.put(commitKey(version), new TextEncoder().encode(text), { signal });
}

function fileOf(n: number): AddFile {
  // Names as random as UUIDs are, and the same in every run.
  const hex = (Math.imul(n + 1, 0x9e3779b1) >>> 0).toString(16).padStart(8, '0');
  const uuid = `${hex}-${hex.slice(0, 4)}-4${hex.slice(1, 4)}-8${hex.slice(2, 5)}-${hex}${hex.slice(4)}`;
  const at = new Date(1_700_000_000_000 + n * 1000).toISOString();
  const stats = {
    numRecords: 1000 + (n % 977),
    minValues: { id: n * 1000, name: `name ${n}`, at, n: n % 7 },
    maxValues: { id: n * 1000 + 999, name: `name ${n}~`, at, n: n % 7 },
    nullCount: { id: 0, name: n % 3, at: 0, n: 0 },
    tightBounds: true,
  };
  return {
    path: `part-${String(n % 1000).padStart(5, '0')}-${uuid}.c000.zstd.parquet`,
    partitionValues: new Map(),
    size: 100_000 + n,
    modificationTime: 1_700_000_000_000 + n,
    dataChange: true,
    stats: JSON.stringify(stats),
  };
}

async function measureApart(url: string, what: string): Promise<Measured> {
  const self = new URL(import.meta.url).pathname;
  const args = [self, '--measure', url, '--what', what, '--repeat', flags.repeat];
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 1 << 26 });
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}') as Measured;
}

/** Runs in the process of its own. */
async function measure(url: string, what: string): Promise<void> {
  const times: number[] = [];
  let files = 0;
  for (let turn = 0; turn <= Number(flags.repeat); turn++) {
    const startedMs = performance.now();
    files = await ask(url, what);
    if (turn > 0) times.push(performance.now() - startedMs);
  }
  const peakRssMiB = Math.round(process.resourceUsage().maxRSS / 1024);
  process.stdout.write(`${JSON.stringify({ ms: median(times), peakRssMiB, files } satisfies Measured)}\n`);
}

async function ask(url: string, what: string): Promise<number> {
  if (what === 'skip') {
    const table = await DeltaTable.open(url);
    return table.files({
      where: `id >= ${Math.floor(FILES / 2) * 1000} AND id < ${(Math.floor(FILES / 2) + 3) * 1000}`,
    }).length;
  }
  const snapshot = await openSnapshot(localStore(url), { signal });
  if (what === 'open') return snapshot.files.size;
  let count = 0;
  const paths: string[] = [];
  for (const { path } of snapshot.files) paths[count++] = path;
  return paths.length;
}

/** delta-rs through its Python package: `file_uris` names every file. */
const DELTA_RS = `
import json, resource, sys, time
from deltalake import DeltaTable
url, what, repeat = sys.argv[1], sys.argv[2], int(sys.argv[3])
times = []
for turn in range(repeat + 1):
    started = time.perf_counter()
    table = DeltaTable(url)
    files = len(table.file_uris()) if what == 'list' else -1
    if turn > 0:
        times.append((time.perf_counter() - started) * 1000)
times.sort()
print(json.dumps({'ms': times[len(times) // 2], 'peakRssMiB': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, 'files': files}))
`;

async function measureDeltaRs(url: string, what: string): Promise<Measured | undefined> {
  const python = oraclePython();
  if (python === undefined) return undefined;
  const { stdout } = await promisify(execFile)(python, ['-c', DELTA_RS, url, what, flags.repeat]);
  return JSON.parse(stdout.trim()) as Measured;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}

function report(results: Readonly<Record<string, Measured>>): void {
  const machine = `${cpus().length} cores, ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
  const lines = Object.entries(results).map(
    ([name, { ms, peakRssMiB, files }]) =>
      `| ${name} | ${ms.toFixed(0)} | ${peakRssMiB} | ${files < 0 ? '' : files} |`,
  );
  process.stdout.write(
    `${[`${FILES} files, ${COMMITS} commits; ${machine}`, '', '| run | ms | peak RSS MiB | files |', '|---|---|---|---|', ...lines].join('\n')}\n`,
  );
  mkdirSync('bench/results', { recursive: true });
  writeFileSync(
    'bench/results/snapshot.json',
    `${JSON.stringify({ files: FILES, commits: COMMITS, machine, results }, undefined, 2)}\n`,
  );
}

if (flags.measure === undefined) await main();
else await measure(flags.measure, flags.what);
