import { deltaSinkConnector } from '../../connectors/delta-sink/connector.js';
import { checkConnector, type CheckedConnector } from '../config/check-connector.js';
import { readConnectorFile } from '../config/connector-file.js';
import type { Connector } from '../runtime/connector.js';
import type { CliIo } from './io.js';

/** The connectors that a file may name. */
const connectors: readonly [Connector, ...Connector[]] = [deltaSinkConnector];

/** Reads a connector's file, with settings from the command line over it, and checks it. */
export async function checkFile(
  path: string,
  { io, overrides }: { readonly io: CliIo; readonly overrides: ReadonlyMap<string, string> },
): Promise<CheckedConnector> {
  return checkConnector(await readConnectorFile(path, { environment: io.env, overrides }), connectors);
}
