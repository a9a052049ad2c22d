import { Option, type Command } from 'commander';
import { SluiceError } from '../../base/errors.js';
import { DeltaTable } from '../../operations/delta-table.js';
import { leaf, type Context } from '../context.js';
import { ExitCode } from '../exit-codes.js';
import { withAsOf, type AsOf } from './table-options.js';
import { tellVerb } from './table-verbs.js';

/** `sluice table restore`: a table as it was. */
export function restoreCommand(context: Context): Command {
  const command = leaf(context, 'restore', {
    summary: 'make a table what it was at a version or time',
    examples: [{ line: 'table restore ./lake/inventory/orders --version 3', does: 'the state of version 3' }],
  }).argument('<url>', 'the table');
  withAsOf(command).addOption(new Option('--json', 'version and metrics as one line of JSON'));
  return command.action(
    async (url: string, { version, timestamp, json }: AsOf & { readonly json?: boolean }) => {
      const { signal } = context.io;
      const before = await DeltaTable.open(url, { signal });
      const result = await before.restore({ ...momentOf(version, timestamp), signal });
      await tellVerb(context, json === true, { before, result });
      context.ended(ExitCode.done);
    },
  );
}

function momentOf(version: number | undefined, timestamp: number | undefined) {
  if (version !== undefined) return { version };
  if (timestamp !== undefined) return { timestamp: new Date(timestamp) };
  throw new SluiceError('USAGE', 'what to go back to is not said', {
    hint: 'give --version N or --timestamp T',
  });
}
