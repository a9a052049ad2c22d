/**
 * How fast are the rows of a table read? All columns, two of them, and a filter that rules out 99 % of the rows, beside
 * delta-rs on the same files; each in a process of its own, warm, the median of five. Prints a table and writes
 * bench/results/read.json. The table is kept for later runs if `--keep FOLDER` says where.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { oraclePython } from '../test/support/oracle/oracle.js';
import type { ReadJob, ReadMeasured } from './read-worker.js';

const { values: flags } = parseArgs({
  options: {
    rows: { type: 'string', default: '10000000' },
    files: { type: 'string', default: '20' },
    repeat: { type: 'string', default: '5' },
    only: { type: 'string' },
    keep: { type: 'string' },
  },
});
const ROWS = Number(flags.rows);
const python = oraclePython();
if (python === undefined) throw new Error('delta-rs is not there: `npm run prepare:oracle` installs it');
const folder = flags.keep ?? mkdtempSync(join(tmpdir(), 'sluice-bench-'));
const path = join(folder, 'orders');

type Read = Omit<ReadJob, 'path' | 'repeat'>;
const READS: Readonly<Record<string, Read>> = {
  'all columns': { columns: null, low: null, high: null },
  'two columns': { columns: ['id', 'amount'], low: null, high: null },
  'one row of a hundred': { columns: null, low: ROWS * 0.5, high: ROWS * 0.51 },
};
const TARGETS: Readonly<Record<string, number>> = {
  'all columns': 0.5,
  'two columns': 0.5,
  'one row of a hundred': 1,
};

async function ask(program: string, script: string, job: object): Promise<string> {
  const { stdout } = await promisify(execFile)(program, [script, JSON.stringify(job)], {
    maxBuffer: 1 << 26,
  });
  return stdout.trim().split('\n').at(-1) ?? '';
}

async function main(peer: string): Promise<void> {
  const worker = new URL('./read-worker.js', import.meta.url).pathname;
  if (!existsSync(path))
    await ask(peer, 'bench/peers/read.py', { what: 'make', path, rows: ROWS, files: Number(flags.files) });
  const results: Record<string, { sluice: ReadMeasured; deltars: ReadMeasured; share: number }> = {};
  const lines: string[] = [];
  for (const [name, read] of Object.entries(READS)) {
    if (flags.only !== undefined && flags.only !== name) continue;
    const job = { what: 'read', path, repeat: Number(flags.repeat), ...read };
    const deltars = JSON.parse(await ask(peer, 'bench/peers/read.py', job)) as ReadMeasured;
    const sluice = JSON.parse(await ask(process.execPath, worker, job)) as ReadMeasured;
    if (sluice.rows !== deltars.rows)
      throw new Error(`${name}: ${sluice.rows} rows, delta-rs ${deltars.rows}`);
    const share = deltars.seconds / sluice.seconds;
    results[name] = { sluice, deltars, share };
    const side = ({ seconds, rows, peakRssMiB }: ReadMeasured): string =>
      `${seconds.toFixed(3)} | ${Math.round(rows / seconds).toLocaleString('en')} | ${peakRssMiB}`;
    lines.push(`| ${name} | ${side(sluice)} | ${side(deltars)} | ${share.toFixed(2)} | ${TARGETS[name]} |`);
    process.stderr.write(`${lines.at(-1)}\n`);
  }
  const machine = `${cpus().length} cores, ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
  process.stdout.write(
    `${[
      `${ROWS} rows in ${flags.files} files; ${machine}`,
      '',
      '| read | Sluice s | rows/s | peak RSS MiB | delta-rs s | rows/s | peak RSS MiB | share of its speed | target |',
      '|---|---|---|---|---|---|---|---|---|',
      ...lines,
    ].join('\n')}\n`,
  );
  mkdirSync('bench/results', { recursive: true });
  writeFileSync(
    'bench/results/read.json',
    `${JSON.stringify({ rows: ROWS, machine, results }, undefined, 2)}\n`,
  );
}

try {
  await main(python);
} finally {
  if (flags.keep === undefined) rmSync(folder, { recursive: true, force: true });
}
