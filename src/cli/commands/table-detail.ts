import { Option, type Command } from 'commander';
import { tableDetail, type TableDetail } from '../../operations/detail.js';
import { leaf, type Context } from '../context.js';
import { ExitCode } from '../exit-codes.js';
import { plainTable } from '../formats/plain-table.js';
import { openAsOf, withAsOf, type AsOf } from './table-options.js';

/** `sluice table detail`: what a table is. */
export function detailCommand(context: Context): Command {
  const command = leaf(context, 'detail', {
    summary: 'show what a table is: size, partitions, properties, protocol',
    examples: [{ line: 'table detail ./lake/inventory/customers --json', does: 'for machines' }],
  })
    .argument('<url>', 'the table')
    .addOption(new Option('--json', "one JSON object, in the shape of Spark's DESCRIBE DETAIL"));
  return withAsOf(command).action(async (url: string, options: AsOf & { readonly json?: boolean }) => {
    const detail = tableDetail(await openAsOf(url, options, context.io.signal));
    await context.out.line(options.json === true ? JSON.stringify(detail) : detailText(detail));
    context.ended(ExitCode.done);
  });
}

function detailText(detail: TableDetail): string {
  const rows = Object.entries(detail).map(([name, value]): readonly [string, string] => [
    name,
    valueText(value),
  ]);
  return plainTable([{ title: 'name' }, { title: 'value' }], rows);
}

function valueText(value: TableDetail[keyof TableDetail]): string {
  if (value === null) return '';
  if (typeof value !== 'object') return String(value);
  const parts = Array.isArray(value)
    ? value.map(String)
    : Object.entries(value).map(([name, text]) => `${name}=${text}`);
  return parts.join('\n');
}
