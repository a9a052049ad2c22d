import { operationOf, textMembers } from '../../protocol/commit-info.js';
import type { Winner } from '../../table/commit.js';

/** A commit that put something else in the place of all that a table held. */
export type Replacement = {
  readonly version: number;
  readonly operation: string;
  /** The version whose rows came back; undefined where there is none, or the commit does not name it. */
  readonly restoredTo: number | undefined;
};

/** The name under which changes to offsets stand in a table's history. */
export const OFFSETS_OPERATION = 'SLUICE OFFSETS';

const REPLACING: ReadonlySet<string> = new Set([
  'RESTORE',
  'CLONE',
  'REPLACE TABLE',
  'REPLACE TABLE AS SELECT',
  'CREATE OR REPLACE TABLE',
  'CREATE OR REPLACE TABLE AS SELECT',
]);

/**
 * What a commit replaced, told by its commitInfo in the words of Delta Spark and delta-rs; undefined where it replaced
 * nothing. Whoever replaces a table's rows leaves the offsets as they are, so that they speak of rows that are gone.
 * An overwrite of a part (`replaceWhere`, dynamic partitions) is no replacement, and neither is a delete, an update, a
 * merge, a truncate, an append or a compaction: those change rows, and the offsets stay true.
 */
export function replacementIn({ version, commitInfo }: Winner): Replacement | undefined {
  const operation = operationOf(commitInfo);
  if (commitInfo === undefined || operation === undefined) return undefined;
  const parameters = textMembers(commitInfo, 'operationParameters');
  const told = { version, operation, restoredTo: undefined };
  const name = operation.toUpperCase();
  if (name === 'RESTORE') return { ...told, restoredTo: wholeNumber(parameters['version']) };
  if (REPLACING.has(name)) return told;
  const all =
    (name === 'WRITE' && parameters['mode']?.toLowerCase() === 'overwrite' && !isOfPart(parameters)) ||
    (name === 'STREAMING UPDATE' && parameters['outputMode']?.toLowerCase() === 'complete');
  return all ? told : undefined;
}

/** Why a batch must be planned anew after a winner, whatever rows it touched: it speaks of the table as a whole. */
export function unsettles(winner: Winner): string | undefined {
  const replaced = replacementIn(winner);
  if (replaced !== undefined) return `it replaced the table: ${replaced.operation}`;
  return operationOf(winner.commitInfo) === OFFSETS_OPERATION ? 'it changed offsets' : undefined;
}

function isOfPart(parameters: Readonly<Record<string, string>>): boolean {
  const { predicate = '' } = parameters;
  return (predicate !== '' && predicate !== '[]') || parameters['isDynamicPartitionOverwrite'] === 'true';
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
