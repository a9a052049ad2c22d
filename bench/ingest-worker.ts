/**
 * One measured run in a process of its own, so that its memory is its own: reads a topic or a recording to its end and
 * prints what it cost as one line of JSON. `ceiling` only reads.
 */
import { Kafka, logLevel } from 'kafkajs';
import { deltaSink, kafka, replay, type RunSummary, type SinkEvent } from '../src/index.js';

type Job = {
  readonly what: 'ceiling' | 'kafka' | 'replay';
  readonly brokers: string;
  readonly topic: string;
  readonly end: number;
  readonly folder: string;
  readonly url: string;
};

export type Measured = {
  readonly events: number;
  readonly seconds: number;
  readonly eventsPerSecond: number;
  readonly cpuSeconds: number;
  readonly peakRssMiB: number;
  readonly commits: number;
  readonly commitMsP50: number;
  readonly commitMsP95: number;
  readonly bytesPerEvent: number;
};

async function main(job: Job): Promise<void> {
  const measured = job.what === 'ceiling' ? await readOnly(job) : await ingest(job);
  process.stdout.write(`${JSON.stringify(measured)}\n`);
  // A client may keep the process for a while; nothing is left to do.
  process.exit(0);
}

async function readOnly({ brokers, topic, end }: Job): Promise<Measured> {
  const client = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING });
  const consumer = client.consumer({
    groupId: `ceiling-${process.pid}`,
    maxBytesPerPartition: 1 << 20,
    maxBytes: 8 << 20,
    maxWaitTimeInMs: 100,
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  let bytes = 0;
  let records = 0;
  let startedMs = 0;
  const done = new Promise<void>((resolve) => {
    void consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch }) => {
        if (startedMs === 0) startedMs = performance.now();
        for (const { value } of batch.messages) bytes += value?.byteLength ?? 0;
        records += batch.messages.length;
        if (records >= end) resolve();
        return Promise.resolve();
      },
    });
  });
  await done;
  return measure(records, startedMs, [], 0, bytes);
}

async function ingest({ what, brokers, topic, folder, url }: Job): Promise<Measured> {
  const source =
    what === 'kafka'
      ? kafka({
          brokers: [brokers],
          topics: [topic],
          groupId: `bench-${process.pid}`,
          fetch: { maxWaitMs: 100 },
        })
      : replay({ files: [folder], id: 'bench' });
  let startedMs = 0;
  const commits: number[] = [];
  let written = 0;
  const run = deltaSink(source, { base: url, untilEnd: true });
  run.events$.subscribe((event: SinkEvent) => {
    if (event.kind === 'read' && startedMs === 0) startedMs = performance.now();
    if (event.kind === 'committed') {
      commits.push(event.elapsedMs);
      written += event.metrics.bytesWritten;
    }
  });
  const summary: RunSummary = await run.done;
  if (summary.failed.length > 0) throw new Error(`the run failed: ${JSON.stringify(summary.failed)}`);
  const measured = measure(summary.records, startedMs, commits, written, 0);
  await source[Symbol.asyncDispose]();
  return measured;
}

function measure(
  events: number,
  startedMs: number,
  commits: readonly number[],
  written: number,
  read: number,
): Measured {
  const seconds = (performance.now() - startedMs) / 1000;
  const usage = process.resourceUsage();
  const sorted = commits.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  return {
    events,
    seconds,
    eventsPerSecond: Math.round(events / seconds),
    cpuSeconds: (usage.userCPUTime + usage.systemCPUTime) / 1e6,
    peakRssMiB: Math.round(usage.maxRSS / 1024),
    commits: commits.length,
    commitMsP50: Math.round(at(0.5)),
    commitMsP95: Math.round(at(0.95)),
    bytesPerEvent: Math.round((written + read) / Math.max(events, 1)),
  };
}

await main(JSON.parse(process.argv[2] ?? '{}') as Job);
