import { SluiceError } from '../base/errors.js';
import { canRead, canWrite } from '../protocol/features.js';
import type { TableState } from '../protocol/replay.js';

type Gated = Pick<TableState, 'version' | 'protocol'>;

/** Refuses a table that needs a feature or version which this reader does not know, naming each. */
export function assertReadable(table: string, state: Gated): void {
  refuse(table, state, 'read', canRead(state.protocol));
}

/** Refuses a table that a writer must know more of than this one does, naming each feature. */
export function assertWritable(table: string, state: TableState): void {
  refuse(table, state, 'write', canWrite(state.protocol, state.metadata, state.schema));
}

function refuse(table: string, state: Gated, verb: 'read' | 'write', unsupported: readonly string[]): void {
  if (unsupported.length === 0) return;
  const { minReaderVersion, minWriterVersion } = state.protocol;
  throw new SluiceError(
    'PROTOCOL_UNSUPPORTED',
    `table ${table} at version ${state.version} needs what Sluice cannot ${verb}: ${unsupported.join(', ')}`,
    {
      context: { table, version: state.version, minReaderVersion, minWriterVersion },
      hint: `${verb} the table with an engine that knows these features, or drop them from the table`,
    },
  );
}
