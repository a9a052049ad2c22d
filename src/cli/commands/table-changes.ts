import { Option, type Command } from 'commander';
import { SluiceError } from '../../base/errors.js';
import type { ArrowTable } from '../../columnar/arrow.js';
import { CHANGE_TYPE, COMMIT_TIMESTAMP, COMMIT_VERSION } from '../../operations/change-types.js';
import { readChanges } from '../../operations/change-feed.js';
import { firstVersionSince, lastVersionUntil } from '../../operations/commit-list.js';
import type { Moment } from '../../operations/moment.js';
import { sameType } from '../../schema/equal.js';
import type { StructType } from '../../schema/types.js';
import type { ChangeBatch } from '../../source/feed/change-batch.js';
import { changeFeed } from '../../source/feed/change-feed.js';
import { openSnapshot, type Snapshot } from '../../table/snapshot.js';
import { leaf, type Context } from '../context.js';
import { visible } from '../visible.js';
import { ExitCode } from '../exit-codes.js';
import type { Output } from '../io.js';
import { versionOrTime, type MomentArgument } from '../option-readers.js';
import { withFormat, writeRows, type FormatChoice } from './table-options.js';

type ChangesOptions = FormatChoice & {
  readonly from?: MomentArgument;
  readonly to?: MomentArgument;
  readonly follow?: boolean;
  readonly cursor?: string;
};

const FOLLOWING = `
Without --follow and --cursor all rows come under the table's columns at the last version. With one of them each version's
rows come under its own columns; ndjson goes on when columns are added, other formats end there (SCHEMA_CHANGED).

A cursor is kept in _sluice/cursors/ of the table. It moves on when a version's rows are written out: after a crash the
version that was under way comes again. Ctrl-C ends --follow with exit code 130.`;

/** `sluice table changes`: the change feed between two versions or times, both inclusive, or followed without end. */
export function changesCommand(context: Context): Command {
  const command = leaf(context, 'changes', {
    summary: "print a table's change feed",
    examples: [
      { line: 'table changes ./lake/inventory/customers --from 3 --to 5', does: 'three versions' },
      { line: 'table changes ./lake/inventory/customers --from 2026-01-31T12:00:00Z', does: 'since then' },
      { line: 'table changes ./lake/inventory/customers --from 0 --follow', does: 'and what is yet to come' },
      {
        line: 'table changes ./lake/inventory/customers --from 0 --cursor nightly',
        does: 'all the first time, and from then on what is new',
      },
    ],
  }).argument('<url>', 'the table');
  withFormat(command)
    .addOption(
      new Option(
        '--from <version|time>',
        'the first version, or the first one committed at or after this time; needed unless the cursor is there',
      ).argParser(versionOrTime),
    )
    .addOption(
      new Option(
        '--to <version|time>',
        'the last version, or the last one committed at or before this time; default: the latest',
      )
        .argParser(versionOrTime)
        .conflicts('follow'),
    )
    .addOption(new Option('--follow', 'wait for new versions until interrupted'))
    .addOption(new Option('--cursor <name>', 'go on where this cursor stands, and move it'))
    .addHelpText('after', FOLLOWING);
  return command.action(async (url: string, options: ChangesOptions) => {
    if (options.follow === true || options.cursor !== undefined) await subscribe(context, url, options);
    else await range(context, url, options);
    context.ended(ExitCode.done);
  });
}

async function range(context: Context, url: string, { from, to, format }: ChangesOptions): Promise<void> {
  const { signal } = context.io;
  if (from === undefined) {
    throw new SluiceError('USAGE', 'it is not said where the changes begin', {
      hint: 'give --from, a version or a time',
    });
  }
  const latest = await openSnapshot(url, { signal });
  const { store } = latest;
  const first =
    from.kind === 'version' ? from.version : await firstVersionSince(latest, from.timestampMs, { signal });
  const version = to === undefined ? latest.version : await lastOf(latest, to, signal);
  const end = version === latest.version ? latest : await openSnapshot(store, { signal, version });
  const tables = readChanges(store, { from: first, to: end.version, signal });
  await writeRows(context, format, { tables, struct: feedColumns(end) });
}

function lastOf(latest: Snapshot, moment: MomentArgument, signal: AbortSignal): Promise<number> {
  if (moment.kind === 'version') return Promise.resolve(moment.version);
  return lastVersionUntil(latest, moment.timestampMs, { signal });
}

async function subscribe(context: Context, url: string, options: ChangesOptions): Promise<void> {
  const { signal } = context.io;
  const { from, to, follow = false, cursor, format } = options;
  if (format === 'parquet') {
    throw new SluiceError('USAGE', 'a Parquet file is whole only at its end', {
      hint: 'choose another format, or a range of versions',
    });
  }
  const feed = changeFeed(url, {
    signal,
    follow,
    onRetry: (cause) =>
      context.tell(visible(`waiting for the store: ${cause instanceof Error ? cause.message : ''}`)),
    ...(from === undefined ? {} : { from: momentOf(from) }),
    ...(to === undefined ? {} : { to: momentOf(to) }),
    ...(cursor === undefined ? {} : { cursor }),
  });
  const batches = feed[Symbol.asyncIterator]();
  try {
    let batch = await nextOf(batches);
    if (batch === undefined) {
      // Formats with a header have one also where there are no rows.
      await writeRows(context, format, {
        tables: none(),
        struct: feedColumns(await openSnapshot(url, { signal })),
      });
    }
    while (batch !== undefined) {
      const { schema, version } = batch;
      const run = new Run(batch, batches, context.out);
      await writeRows(context, format, { tables: run.tables(), struct: schema });
      batch = run.next;
      if (batch === undefined || format === 'ndjson') continue;
      throw new SluiceError(
        'SCHEMA_CHANGED',
        `the columns change at version ${batch.version}, and ${format} cannot change columns midway`,
        {
          context: { table: url, version: batch.version, after: version },
          hint: `call it again with --from ${batch.version} (a cursor stands there), or choose ndjson`,
        },
      );
    }
  } finally {
    await batches.return();
  }
}

type Batches = AsyncGenerator<ChangeBatch, void, undefined>;

/** Batches in a row under one schema. Each is acknowledged once what came of it is written. */
class Run {
  /** The batch behind the run; undefined where the feed ends with it. */
  next: ChangeBatch | undefined;
  readonly #schema: StructType;
  readonly #batches: Batches;
  readonly #out: Output;

  constructor(first: ChangeBatch, batches: Batches, out: Output) {
    this.next = first;
    this.#schema = first.schema;
    this.#batches = batches;
    this.#out = out;
  }

  async *tables(): AsyncGenerator<ArrowTable, void, undefined> {
    while (this.next !== undefined && sameType(this.next.schema, this.#schema)) {
      const batch = this.next;
      yield batch.rows;
      await this.#out.flush();
      // Fails if the reader has gone: what it did not take is not acknowledged.
      await this.#out.write('');
      await batch.ack();
      this.next = await nextOf(this.#batches);
    }
  }
}

async function nextOf(batches: Batches): Promise<ChangeBatch | undefined> {
  const { value, done } = await batches.next();
  return done === true ? undefined : value;
}

async function* none(): AsyncGenerator<ArrowTable, void, undefined> {}

function momentOf(moment: MomentArgument): Moment {
  return moment.kind === 'version'
    ? { version: moment.version }
    : { timestamp: new Date(moment.timestampMs) };
}

function feedColumns({ schema }: Snapshot): StructType {
  return { kind: 'struct', fields: [...schema.fields, CHANGE_TYPE, COMMIT_VERSION, COMMIT_TIMESTAMP] };
}
