import { Option, type Command } from 'commander';
import { openSnapshot, type Snapshot } from '../../table/snapshot.js';
import { SluiceError } from '../../base/errors.js';
import type { ArrowTable } from '../../columnar/arrow.js';
import type { StructType } from '../../schema/types.js';
import type { Context } from '../context.js';
import { formatRows, isBinary, ROW_FORMATS, type RowFormat } from '../formats/row-format.js';
import { time, wholeNumber } from '../option-readers.js';

/** Which state of a table is asked for; its latest if neither is given. */
export type AsOf = { readonly version?: number; readonly timestamp?: number };

/** Adds `--version` and `--timestamp`. */
export function withAsOf(command: Command): Command {
  return command
    .addOption(
      new Option('--version <n>', 'this version of the table').argParser(wholeNumber).conflicts('timestamp'),
    )
    .addOption(
      new Option('--timestamp <time>', 'the table as of this time; without a zone it is UTC').argParser(time),
    );
}

/** Opens the table in the state asked for. */
export function openAsOf(url: string, { version, timestamp }: AsOf, signal: AbortSignal): Promise<Snapshot> {
  return openSnapshot(url, {
    signal,
    ...(version === undefined ? {} : { version }),
    ...(timestamp === undefined ? {} : { timestampMs: timestamp }),
  });
}

/** The choice of format of a command that gives rows. */
export type FormatChoice = { readonly format: RowFormat; readonly json?: boolean };

/** Adds `--format`, and `--json` as another word for `--format ndjson`. */
export function withFormat(command: Command): Command {
  return command
    .addOption(new Option('--format <format>', 'how rows are written').choices(ROW_FORMATS).default('ndjson'))
    .addOption(new Option('--json', 'the same as --format ndjson').implies({ format: 'ndjson' }));
}

/** Writes rows to the output, as fast as it takes them. */
export async function writeRows(
  { io, out }: Context,
  format: RowFormat,
  { tables, struct }: { readonly tables: AsyncIterable<ArrowTable>; readonly struct: StructType },
): Promise<void> {
  if (isBinary(format) && io.stdout.isTTY === true) {
    throw new SluiceError('USAGE', `${format} is no text for a terminal`, {
      hint: `send it to a file: > rows.${format}`,
    });
  }
  for await (const piece of formatRows(format, tables, struct)) {
    io.signal.throwIfAborted();
    await out.write(piece);
  }
}
