import { Option, type Command } from 'commander';
import { stringifyJson } from '../../base/json.js';
import type { DeltaTable, VerbResult, WriteConflictOptions } from '../../operations/delta-table.js';
import type { Context } from '../context.js';
import { wholeNumber } from '../option-readers.js';

/** What commands that write share. */
export type ConflictChoice = {
  readonly isolation: 'serializable' | 'write-serializable';
  readonly retries?: number;
  readonly json?: boolean;
};

/** Adds `--isolation`, `--retries` and `--json`. */
export function withConflicts(command: Command): Command {
  return command
    .addOption(
      new Option('--isolation <level>', 'what others may do at the same time')
        .choices(['serializable', 'write-serializable'])
        .default('serializable'),
    )
    .addOption(
      new Option('--retries <n>', 'how often to look again when another writer got in the way').argParser(
        wholeNumber,
      ),
    )
    .addOption(new Option('--json', 'version and metrics as one line of JSON'));
}

export function conflictChoices({ isolation, retries }: ConflictChoice): WriteConflictOptions {
  return { isolation, ...(retries === undefined ? {} : { retries }) };
}

/** Says what a verb did: its version, and the metrics that are not 0. */
export async function tellVerb(
  { out }: Context,
  json: boolean,
  { before, result }: { readonly before: DeltaTable; readonly result: VerbResult },
): Promise<void> {
  const { table, metrics } = result;
  if (json) {
    await out.write(`${stringifyJson({ version: table.version, metrics })}\n`);
    return;
  }
  const told = Object.entries(metrics).filter(([name, value]) => value !== '0' && !name.endsWith('TimeMs'));
  const version = table.version === before.version ? 'nothing to do' : `version ${table.version}`;
  await out.write(`${[version, ...told.map(([name, value]) => `${name} ${value}`)].join('  ')}\n`);
}
