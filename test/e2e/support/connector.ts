import type { ConnectorFile } from './worker.js';

/** A connector that reads topics of a broker into tables, quick to commit and to take over from one that died. */
export function kafkaConnector(
  name: string,
  bootstrap: string,
  tables: string,
  config: Readonly<Record<string, string>>,
): ConnectorFile {
  return {
    name,
    config: {
      'connector.class': 'DeltaSink',
      'bootstrap.servers': bootstrap,
      'table.url': tables,
      'flush.interval.ms': '60',
      'consumer.override.session.timeout.ms': '1500',
      'consumer.override.heartbeat.interval.ms': '300',
      'consumer.override.fetch.max.wait.ms': '100',
      ...config,
    },
  };
}
