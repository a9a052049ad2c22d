import { Option, type Command } from 'commander';
import { join, relative } from 'node:path';
import { SluiceError } from '../../base/errors.js';
import { leaf, type Context } from '../context.js';
import { checkTables, type Check } from '../demo/check.js';
import { produceRecording } from '../demo/demo-topics.js';
import { fillTables, recordedSource, topicSource } from '../demo/fill.js';
import { prepareOutFolder } from '../demo/out-folder.js';
import { loadDemoRecording, type DemoRecording } from '../demo/recording.js';
import { checkLines, feedText, figuresText, rowsAt, tablesText, versionWithUpdate } from '../demo/show.js';
import { ExitCode } from '../exit-codes.js';
import { names } from '../option-readers.js';
import type { RunSummary } from '../../sink/sink-events.js';

type DemoOptions = { readonly out: string; readonly brokers?: readonly string[]; readonly json?: boolean };

/** `sluice demo`: a recorded PostgreSQL stream becomes Delta tables, which are proven equal to PostgreSQL's. */
export function demoCommand(context: Context): Command {
  return leaf(context, 'demo', {
    summary: 'replay a recorded PostgreSQL stream into Delta tables and prove them equal to PostgreSQL',
    examples: [
      { line: 'demo', does: 'from files; nothing else is needed' },
      { line: 'demo --brokers localhost:9092', does: 'the same through real topics' },
    ],
  })
    .addOption(
      new Option('--out <dir>', 'where the tables go; a second run starts clean').default('sluice-demo'),
    )
    .addOption(
      new Option('--brokers <host:port>', 'write the stream to new topics there, and read it back').argParser(
        names,
      ),
    )
    .addOption(new Option('--json', 'one JSON object with the figures and the check'))
    .action(async (options: DemoOptions) => {
      context.ended(await demo(context, options));
    });
}

async function demo(context: Context, options: DemoOptions): Promise<ExitCode> {
  const { signal } = context.io;
  const recording = await loadDemoRecording();
  await prepareOutFolder(options.out);
  const summary = await fill(context, recording, options);
  const folder = join(options.out, 'inventory');
  const check = await checkTables(recording, (table) => join(folder, table), signal);
  const equal = check.tables.filter(({ wrong }) => wrong.length === 0).length;
  const proven = equal === check.tables.length && summary.failed.length === 0;
  if (options.json === true) await context.out.line(JSON.stringify(figures(summary, check, proven)));
  else await tell(context, { summary, check, folder });
  if (proven) {
    if (options.json !== true) {
      await context.out.line(`✓ ${equal} tables equal PostgreSQL, row by row\n`);
      await context.out.line(
        nextText(context.io.program, folder, await versionWithUpdate(join(folder, 'customers'), signal)),
      );
    }
    return ExitCode.done;
  }
  throw new SluiceError('CHECK_FAILED', `${equal} of ${check.tables.length} tables equal PostgreSQL`, {
    context: { equal, tables: check.tables.length },
    hint: 'the lines above say where they differ; this is a fault of sluice',
  });
}

async function fill(
  context: Context,
  recording: DemoRecording,
  { brokers, out }: DemoOptions,
): Promise<RunSummary> {
  const total = Object.values(recording.ends)
    .flatMap((partitions) => Object.values(partitions))
    .reduce((sum, end) => sum + end, 0);
  if (brokers === undefined) return fillTables(context, recordedSource(recording), { folder: out, total });
  const topics = await produceRecording(brokers, recording, context.io.signal);
  context.tell(
    `wrote ${total} records to ${topics.names.length} topics ${topics.prefix}.*; they stay on the broker`,
  );
  return fillTables(context, topicSource(brokers, topics), { folder: out, total });
}

type Told = { readonly summary: RunSummary; readonly check: Check; readonly folder: string };

async function tell({ io, out }: Context, { summary, check, folder }: Told): Promise<void> {
  const { signal } = io;
  const customers = join(folder, 'customers');
  await out.line(`\n${figuresText(summary)}\n\n${await tablesText(summary, signal)}\n`);
  if (summary.failed.length === 0) {
    const version = await versionWithUpdate(customers, signal);
    const feed = await feedText(
      customers,
      { version, key: 'id', columns: ['name', 'full_name', 'balance', 'score'] },
      signal,
    );
    await out.line(`From the change feed of customers, version ${version}:\n${feed}\n`);
    const then = await rowsAt(customers, 1, signal);
    const now = await rowsAt(customers, undefined, signal);
    await out.line(`Time travel: customers had ${then} rows at version 1 and has ${now} now.\n`);
  }
  await out.line('Every table against PostgreSQL’s own rows:');
  for (const line of checkLines(check)) await out.line(line);
}

function figures(summary: RunSummary, check: Check, proven: boolean): unknown {
  const { records, elapsedMs, tables, failed } = summary;
  return {
    proven,
    records,
    elapsedMs,
    commits: tables.reduce((sum, table) => sum + table.commits, 0),
    tables: check.tables.map(({ table, rows, allowed, wrong }) => ({
      table,
      rows,
      equal: wrong.length === 0,
      notInStream: Object.fromEntries(allowed),
    })),
    failed: failed.map(({ table, code, reason }) => ({ table: table ?? null, code, reason })),
  };
}

function nextText(program: string, folder: string, version: number): string {
  const table = (name: string) => {
    const path = join(folder, name);
    return /^[\w./\\-]+$/.test(path) ? path : `'${relative('', path)}'`;
  };
  return [
    'Try next:',
    `  ${program} table history ${table('customers')}`,
    `  ${program} table read ${table('orders')} --where "qty > 1" --limit 5 --format table`,
    `  ${program} table changes ${table('customers')} --from ${version}`,
  ].join('\n');
}
