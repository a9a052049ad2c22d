import { Option, type Command } from 'commander';
import { CHANGE_TYPE, COMMIT_TIMESTAMP, COMMIT_VERSION } from '../../operations/change-types.js';
import { readChanges } from '../../operations/change-feed.js';
import { firstVersionSince } from '../../operations/commit-list.js';
import { openSnapshot } from '../../table/snapshot.js';
import { leaf, type Context } from '../context.js';
import { ExitCode } from '../exit-codes.js';
import { versionOrTime, type MomentArgument } from '../option-readers.js';
import { withFormat, writeRows, type FormatChoice } from './table-options.js';

type ChangesOptions = FormatChoice & { readonly from: MomentArgument; readonly to?: MomentArgument };

/** `sluice table changes`: the change feed between two versions or times, both inclusive. */
export function changesCommand(context: Context): Command {
  const command = leaf(context, 'changes', {
    summary: "print a table's change feed",
    examples: [
      { line: 'table changes ./lake/inventory/customers --from 3 --to 5', does: 'three versions' },
      { line: 'table changes ./lake/inventory/customers --from 2026-01-31T12:00:00Z', does: 'since then' },
    ],
  }).argument('<url>', 'the table');
  withFormat(command)
    .addOption(
      new Option(
        '--from <version|time>',
        'the first version, or the first one committed at or after this time',
      )
        .argParser(versionOrTime)
        .makeOptionMandatory(),
    )
    .addOption(
      new Option(
        '--to <version|time>',
        'the last version, or the last one committed at or before this time; default: the latest',
      ).argParser(versionOrTime),
    );
  return command.action(async (url: string, options: ChangesOptions) => {
    await changes(context, url, options);
    context.ended(ExitCode.done);
  });
}

async function changes(context: Context, url: string, { from, to, format }: ChangesOptions): Promise<void> {
  const { signal } = context.io;
  const latest = await openSnapshot(url, { signal });
  const { store } = latest;
  const first =
    from.kind === 'version' ? from.version : await firstVersionSince(latest, from.timestampMs, { signal });
  const end = to === undefined ? latest : await openSnapshot(store, { signal, ...momentOf(to) });
  const tables = readChanges(store, { from: first, to: end.version, signal });
  const fields = [...end.schema.fields, CHANGE_TYPE, COMMIT_VERSION, COMMIT_TIMESTAMP];
  await writeRows(context, format, { tables, struct: { kind: 'struct', fields } });
}

function momentOf(moment: MomentArgument): { readonly version: number } | { readonly timestampMs: number } {
  return moment.kind === 'version' ? { version: moment.version } : { timestampMs: moment.timestampMs };
}
