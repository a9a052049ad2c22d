import type { Changes } from './changes.js';
import type { RawRecord } from './record.js';

/** Makes sense of the records of a topic. One decoder serves any number of topics and remembers their schemas. */
export interface RecordDecoder {
  /**
   * Looks at a run of records of one partition, in offset order. Never throws for what records hold: a
   * record that cannot be read is `Op.bad`.
   */
  peek(topic: string, partition: number, records: readonly RawRecord[]): Changes;

  /** Whether the topic's name alone says that it holds no row changes (transaction and heartbeat topics). */
  isForeignTopic(topic: string): boolean;
}
