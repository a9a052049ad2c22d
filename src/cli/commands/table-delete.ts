import { Option, type Command } from 'commander';
import { DeltaTable } from '../../operations/delta-table.js';
import { leaf, type Context } from '../context.js';
import { ExitCode } from '../exit-codes.js';
import { conflictChoices, tellVerb, withConflicts, type ConflictChoice } from './table-verbs.js';

type DeleteOptions = ConflictChoice & { readonly where?: string };

/** `sluice table delete`: rows that go. */
export function deleteCommand(context: Context): Command {
  const command = leaf(context, 'delete', {
    summary: 'delete rows of a table',
    examples: [
      { line: `table delete ./lake/inventory/orders --where "region = 'EU'"`, does: 'rows of one region' },
    ],
  }).argument('<url>', 'the table');
  withConflicts(
    command.addOption(
      new Option('--where <expr>', 'rows for which this Spark SQL expression is true (default: all)'),
    ),
  );
  return command.action(async (url: string, options: DeleteOptions) => {
    const { signal } = context.io;
    const table = await DeltaTable.open(url, { signal });
    const { where } = options;
    const result = await table.delete({
      signal,
      ...conflictChoices(options),
      ...(where === undefined ? {} : { where }),
    });
    await tellVerb(context, options.json === true, { before: table, result });
    context.ended(ExitCode.done);
  });
}
