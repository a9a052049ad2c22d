import { Option, type Command } from 'commander';
import { formatSchemaString } from '../../schema/schema-string.js';
import { formatType } from '../../schema/type-text.js';
import type { Snapshot } from '../../table/snapshot.js';
import { leaf, type Context } from '../context.js';
import { ExitCode } from '../exit-codes.js';
import { plainTable } from '../formats/plain-table.js';
import { openAsOf, withAsOf, type AsOf } from './table-options.js';

/** `sluice table schema`: the columns of a table. */
export function schemaCommand(context: Context): Command {
  const command = leaf(context, 'schema', {
    summary: 'list the columns of a table',
    examples: [{ line: 'table schema ./lake/inventory/customers', does: 'names and types' }],
  })
    .argument('<url>', 'the table')
    .addOption(new Option('--json', "the schema as it stands in the table's log"));
  return withAsOf(command).action(async (url: string, options: AsOf & { readonly json?: boolean }) => {
    const snapshot = await openAsOf(url, options, context.io.signal);
    await context.out.line(
      options.json === true ? formatSchemaString(snapshot.schema) : schemaText(snapshot),
    );
    context.ended(ExitCode.done);
  });
}

function schemaText({ schema, partitionColumns }: Snapshot): string {
  return plainTable(
    [{ title: 'column' }, { title: 'type' }, { title: '' }],
    schema.fields.map(({ name, type, nullable }) => [
      name,
      formatType(type),
      [nullable ? '' : 'not null', partitionColumns.includes(name) ? 'partition' : '']
        .filter((word) => word !== '')
        .join(', '),
    ]),
  );
}
