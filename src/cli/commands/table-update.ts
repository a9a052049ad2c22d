import { Option, type Command } from 'commander';
import { DeltaTable } from '../../operations/delta-table.js';
import { leaf, type Context } from '../context.js';
import { ExitCode } from '../exit-codes.js';
import { setting } from '../option-readers.js';
import { conflictChoices, tellVerb, withConflicts, type ConflictChoice } from './table-verbs.js';

type UpdateOptions = ConflictChoice & {
  readonly set: ReadonlyMap<string, string>;
  readonly where?: string;
};

/** `sluice table update`: rows that change. */
export function updateCommand(context: Context): Command {
  const command = leaf(context, 'update', {
    summary: 'change columns of rows of a table',
    examples: [
      {
        line: `table update ./lake/inventory/orders --set "region='EU'" --set 'total=total * 1.1' --where 'order_no = 7'`,
        does: 'two columns of one row',
      },
    ],
  }).argument('<url>', 'the table');
  withConflicts(
    command
      .addOption(
        new Option('--set <c=expr>', 'a column and its new value in Spark SQL; may be given again')
          .argParser(setting)
          .default(new Map(), 'none')
          .makeOptionMandatory(),
      )
      .addOption(
        new Option('--where <expr>', 'rows for which this Spark SQL expression is true (default: all)'),
      ),
  );
  return command.action(async (url: string, options: UpdateOptions) => {
    const { signal } = context.io;
    const { where, set } = options;
    const table = await DeltaTable.open(url, { signal });
    const result = await table.update({
      signal,
      set: Object.fromEntries(set),
      ...conflictChoices(options),
      ...(where === undefined ? {} : { where }),
    });
    await tellVerb(context, options.json === true, { before: table, result });
    context.ended(ExitCode.done);
  });
}
