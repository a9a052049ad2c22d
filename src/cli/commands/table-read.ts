import { Option, type Command } from 'commander';
import { conditionNow } from '../../operations/condition.js';
import { SluiceError } from '../../base/errors.js';
import { nearest } from '../../base/names.js';
import type { StructType } from '../../schema/types.js';
import { scan } from '../../table/scan.js';
import type { Snapshot } from '../../table/snapshot.js';
import { leaf, type Context } from '../context.js';
import { ExitCode } from '../exit-codes.js';
import { names, wholeNumber } from '../option-readers.js';
import { openAsOf, withAsOf, withFormat, writeRows, type AsOf, type FormatChoice } from './table-options.js';

type ReadOptions = AsOf &
  FormatChoice & { readonly columns?: readonly string[]; readonly where?: string; readonly limit?: number };

/** `sluice table read`: rows of a table on standard output, streamed. */
export function readCommand(context: Context): Command {
  const command = leaf(context, 'read', {
    summary: 'print rows of a table',
    examples: [
      {
        line: 'table read ./lake/inventory/customers --limit 10 --format table',
        does: 'ten rows to look at',
      },
      {
        line: `table read ./lake/inventory/orders --where "region = 'EU'" --columns order_no`,
        does: 'one column of some rows, as NDJSON',
      },
      {
        line: 'table read ./lake/inventory/orders --version 3 --format parquet > orders.parquet',
        does: 'an earlier version, as a Parquet file',
      },
    ],
  }).argument('<url>', 'the table');
  withFormat(withAsOf(command))
    .addOption(new Option('--columns <a,b>', 'only these columns, in this order').argParser(names))
    .addOption(new Option('--where <expr>', 'only rows for which this Spark SQL expression is true'))
    .addOption(
      new Option('--limit <n>', 'at most so many rows, which ones is not said').argParser(wholeNumber),
    );
  return command.action(async (url: string, options: ReadOptions) => {
    await read(context, url, options);
    context.ended(ExitCode.done);
  });
}

async function read(context: Context, url: string, options: ReadOptions): Promise<void> {
  const { signal } = context.io;
  const where = options.where === undefined ? undefined : conditionNow(options.where);
  const snapshot = await openAsOf(url, options, signal);
  const struct = columnsOf(snapshot, options.columns);
  const columns = struct.fields.map(({ name }) => name);
  const tables = scan(snapshot, {
    signal,
    columns,
    ...(where === undefined ? {} : { where }),
    ...(options.limit === undefined ? {} : { limit: options.limit }),
  });
  await writeRows(context, options.format, { tables, struct });
}

function columnsOf({ schema, store }: Snapshot, wanted: readonly string[] | undefined): StructType {
  if (wanted === undefined) return schema;
  const known = schema.fields.map(({ name }) => name);
  const fields = wanted.map((name) => {
    const found = schema.fields.find((field) => field.name === name);
    if (found !== undefined) return found;
    const close = nearest(name, known);
    throw new SluiceError('SCHEMA_MISMATCH', `${store.url} has no column ${name}`, {
      context: { table: store.url, column: name },
      hint: close === undefined ? `it has ${known.join(', ')}` : `did you mean ${close}?`,
    });
  });
  return { kind: 'struct', fields };
}
