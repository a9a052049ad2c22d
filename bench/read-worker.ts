/** Sluice's side of `npm run bench -- read`, in a process of its own; prints what it measured as one line of JSON. */
import { DeltaTable } from '../src/delta.js';

export type ReadJob = {
  readonly path: string;
  readonly columns: readonly string[] | null;
  readonly low: number | null;
  readonly high: number | null;
  readonly repeat: number;
};

export type ReadMeasured = {
  readonly rows: number;
  /** The median. */
  readonly seconds: number;
  readonly peakRssMiB: number;
};

async function read({ path, columns, low, high }: ReadJob): Promise<number> {
  const table = await DeltaTable.open(path);
  const options = {
    ...(columns === null ? {} : { columns }),
    ...(low === null ? {} : { where: `id >= ${low} AND id < ${high ?? 0}` }),
  };
  let rows = 0;
  for await (const batch of table.scan(options)) rows += batch.numRows;
  return rows;
}

const job = JSON.parse(process.argv[2] ?? '{}') as ReadJob;
await read(job);
const times: number[] = [];
let rows = 0;
for (let turn = 0; turn < job.repeat; turn++) {
  const startedMs = performance.now();
  rows = await read(job);
  times.push((performance.now() - startedMs) / 1000);
}
const measured: ReadMeasured = {
  rows,
  seconds: times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0,
  peakRssMiB: Math.round(process.resourceUsage().maxRSS / 1024),
};
process.stdout.write(`${JSON.stringify(measured)}\n`);
