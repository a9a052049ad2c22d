const HEARTBEAT = '__debezium-heartbeat.';

/**
 * Whether a topic's name alone says that it holds no row changes: Debezium's heartbeats. Transaction and schema-change
 * topics are named `<prefix>.transaction` and `<prefix>`, and so may a table's topic be: their records are
 * recognised by what is in them.
 */
export function isForeignTopic(topic: string): boolean {
  return topic.startsWith(HEARTBEAT) || topic === HEARTBEAT.slice(0, -1);
}
