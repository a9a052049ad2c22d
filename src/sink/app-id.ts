import type { TopicPartition } from '../source/change-source.js';

/** What a table's `txn` names: one partition of one making of a topic on one cluster. */
export type AppId = TopicPartition & {
  /** The cluster's id; a replay's own id stands for it. */
  readonly identity: string;
  /** Counts how often the topic was made anew; 0 until something says otherwise. */
  readonly incarnation: number;
};

/**
 * The `appId` under which a table keeps the next offset of a partition:
 * `sluice:<cluster id>:<topic>@<incarnation>:<partition>`. It holds neither the connector's name nor the
 * group: whoever writes the same topic into the same table shares its progress and is fenced by it.
 */
export function formatAppId({ identity, topic, incarnation, partition }: AppId): string {
  return `sluice:${escape(identity)}:${escape(topic)}@${incarnation}:${partition}`;
}

/** Undefined for the application ids of others. */
export function parseAppId(text: string): AppId | undefined {
  const match = /^sluice:([^:@]*):([^:@]*)@(\d{1,15}):(\d{1,10})$/.exec(text);
  const [, identity, topic, incarnation, partition] = match ?? [];
  if (identity === undefined || topic === undefined) return undefined;
  return {
    identity: unescape(identity),
    topic: unescape(topic),
    incarnation: Number(incarnation),
    partition: Number(partition),
  };
}

// Only what the form itself uses is escaped, so that common names read as they are.
function escape(part: string): string {
  return part.replace(/[%:@]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

function unescape(part: string): string {
  return part.replace(/%(25|3A|40)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
