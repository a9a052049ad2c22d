/**
 * How fast do change events become a Delta table? Replay and real Kafka, inserts only and 70/20/10 upserts, the change
 * feed on; beside them, over the same topic, a bare kafkajs consumer that does nothing: the ceiling. Each run is a
 * process of its own, one after another. Prints a table and writes bench/results/ingest.json.
 */
import { execFile } from 'node:child_process';
import { createWriteStream, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { createGzip } from 'node:zlib';
import { once } from 'node:events';
import { Kafka, logLevel, Partitioners, type Message } from 'kafkajs';
import { startJvmKafka } from '../test/support/kafka-jvm.js';
import type { Measured } from './ingest-worker.js';
import { events, type Mix } from './support/workload.js';

const { values: flags } = parseArgs({
  options: {
    events: { type: 'string', default: '1000000' },
    partitions: { type: 'string', default: '4' },
    only: { type: 'string' },
    repeat: { type: 'string', default: '1' },
  },
});
const COUNT = Number(flags.events);
const PARTITIONS = Number(flags.partitions);
const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
const results: Record<string, Measured> = {};

async function main(): Promise<void> {
  const broker = await startJvmKafka({ version: '4.3.1', throughput: true, properties: {} });
  try {
    for (const mix of ['insert', 'upsert'] as const) {
      if (flags.only !== undefined && flags.only !== mix) continue;
      const topic = `bench.public.${mix}`;
      const end = await produce(broker.bootstrap, topic, mix);
      for (let turn = 0; turn < Number(flags.repeat); turn++) {
        await measure(`ceiling ${mix}`, { what: 'ceiling', brokers: broker.bootstrap, topic, end });
        await measure(`kafka ${mix}`, {
          what: 'kafka',
          brokers: broker.bootstrap,
          topic,
          url: join(folder, `kafka-${mix}-${turn}`),
        });
      }
    }
  } finally {
    await broker.stop();
  }
  for (const mix of ['insert', 'upsert'] as const) {
    if (flags.only !== undefined && flags.only !== mix) continue;
    const recording = join(folder, `recording-${mix}`);
    await record(recording, mix);
    await measure(`replay ${mix}`, { what: 'replay', folder: recording, url: join(folder, `replay-${mix}`) });
  }
  report();
}

/** Runs a job in a process of its own; of repeated runs the fastest counts, for both sides alike. */
async function measure(name: string, job: Readonly<Record<string, unknown>>): Promise<void> {
  const worker = new URL('./ingest-worker.js', import.meta.url).pathname;
  const { stdout } = await promisify(execFile)(process.execPath, [worker, JSON.stringify(job)], {
    maxBuffer: 1 << 26,
  });
  const measured = JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}') as Measured;
  const known = results[name];
  if (known === undefined || measured.eventsPerSecond > known.eventsPerSecond) results[name] = measured;
  process.stderr.write(`${name}: ${measured.eventsPerSecond} events/s, ${measured.peakRssMiB} MiB\n`);
}

async function produce(brokers: string, topic: string, mix: Mix): Promise<number> {
  const client = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING });
  const admin = client.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: PARTITIONS, replicationFactor: 1 }] });
  await admin.disconnect();
  const producer = client.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  let records = 0;
  let waiting: Message[] = [];
  const send = async (): Promise<void> => {
    await producer.send({ topic, messages: waiting, acks: 1 });
    records += waiting.length;
    waiting = [];
  };
  for (const { key, value } of events(mix, COUNT)) {
    waiting.push({ key, value });
    if (waiting.length === 5000) await send();
  }
  if (waiting.length > 0) await send();
  await producer.disconnect();
  return records;
}

async function record(into: string, mix: Mix): Promise<void> {
  mkdirSync(into, { recursive: true });
  const gzip = createGzip({ level: 1 });
  const file = createWriteStream(join(into, `bench.public.${mix}.ndjson.gz`));
  gzip.pipe(file);
  let offset = 0;
  for (const { key, value } of events(mix, COUNT)) {
    const line = {
      topic: `bench.public.${mix}`,
      partition: 0,
      offset: String(offset++),
      timestamp: '1795457412967',
      headers: [],
      key,
      value,
    };
    if (!gzip.write(`${JSON.stringify(line)}\n`)) await once(gzip, 'drain');
  }
  gzip.end();
  await once(file, 'finish');
}

function report(): void {
  const machine = `${cpus().length} cores, ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
  const share = (mix: Mix): string => {
    const ceiling = results[`ceiling ${mix}`]?.eventsPerSecond ?? 0;
    const sink = results[`kafka ${mix}`]?.eventsPerSecond ?? 0;
    return ceiling === 0 ? '-' : (sink / ceiling).toFixed(3);
  };
  const lines = Object.entries(results).map(
    ([name, m]) =>
      `| ${name} | ${m.eventsPerSecond} | ${m.seconds.toFixed(1)} | ${m.cpuSeconds.toFixed(1)} | ${m.commits} | ${m.commitMsP50} / ${m.commitMsP95} | ${m.peakRssMiB} | ${m.bytesPerEvent} |`,
  );
  process.stdout.write(
    `${[
      `${COUNT} events a run, ${PARTITIONS} partitions; ${machine}`,
      '',
      '| run | events/s | s | CPU s | commits | commit ms p50 / p95 | peak RSS MiB | bytes written (ceiling: read) per event |',
      '|---|---|---|---|---|---|---|---|',
      ...lines,
      '',
      `share of the ceiling: insert ${share('insert')}, upsert ${share('upsert')}`,
    ].join('\n')}\n`,
  );
  mkdirSync('bench/results', { recursive: true });
  writeFileSync(
    'bench/results/ingest.json',
    `${JSON.stringify({ events: COUNT, partitions: PARTITIONS, machine, shares: { insert: share('insert'), upsert: share('upsert') }, results }, undefined, 2)}\n`,
  );
}

try {
  await main();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
