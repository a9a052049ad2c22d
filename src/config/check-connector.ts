import { compareUtf8 } from '../base/utf8-order.js';
import { ownSecrets, type ConfigProblem } from '../runtime/config-def.js';
import type { Connector } from '../runtime/connector.js';
import type { ConnectorFile } from './connector-file.js';

/** A connector's file held against the connector that it names. */
export type CheckedConnector = {
  readonly file: ConnectorFile;
  readonly connector: Connector;
  /** Everything that is wrong; empty if it can be started. */
  readonly problems: readonly ConfigProblem[];
  /** Keys whose values are never shown. */
  readonly secrets: ReadonlySet<string>;
};

/**
 * Checks a connector's file against the definition of the connector in its `connector.class`, or of the first one where
 * it names none or an unknown one: its other settings are checked all the same.
 */
export function checkConnector(
  file: ConnectorFile,
  connectors: readonly [Connector, ...Connector[]],
): CheckedConnector {
  const name = file.settings.get('connector.class')?.value;
  const connector =
    connectors.find(({ classNames }) => classNames.some((one) => one === name)) ?? connectors[0];
  const found = connector.validate(file.name, file.settings);
  return {
    file,
    connector,
    problems: sorted([...file.problems, ...found.filter(({ key }) => !file.unresolved.has(key))]),
    secrets: new Set([...file.secrets, ...ownSecrets(connector.definition)]),
  };
}

/** By key, as people look for them; several of one key as they were found. */
function sorted(problems: readonly ConfigProblem[]): readonly ConfigProblem[] {
  return [...problems].sort((a, b) => compareUtf8(a.key, b.key));
}
