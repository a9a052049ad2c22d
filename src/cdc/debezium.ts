import type { ColumnText } from '../schema/type-text.js';
import type { Changes, Origin } from './changes.js';
import { BatchChanges } from './debezium/batch-changes.js';
import type { Settings } from './debezium/batch.js';
import { TopicMemory } from './debezium/topic-memory.js';
import type { RecordDecoder } from './decoder.js';
import { DEFAULT_TYPES, type TypeOptions } from './delta-type.js';
import type { RawRecord } from './record.js';
import { isForeignTopic } from './topics.js';
import { UNAVAILABLE_VALUE, UnavailableValue } from './unavailable.js';

export type DebeziumOptions = Partial<TypeOptions> & {
  /** The connector's `unavailable.value.placeholder`. */
  readonly unavailableValue?: string;
  /** Columns configured for a table (`table.<name>.schema`): what `parseColumnsText` gives. */
  readonly schema?: (origin: Origin) => readonly ColumnText[] | undefined;
};

/**
 * Decodes change events of any Debezium connector from JSON, with and without the schema half. Every type of
 * Kafka Connect's and Debezium's own has its Delta type; int64 and decimals are exact. What has
 * no schema half takes its types from the table, from `schema`, or from the values (`TypeGuess`).
 */
export function debezium(options: DebeziumOptions = {}): RecordDecoder {
  return new DebeziumDecoder(options);
}

class DebeziumDecoder implements RecordDecoder {
  readonly #settings: Settings;
  readonly #topics = new Map<string, TopicMemory>();
  readonly #origins = new Map<string, Origin>();

  constructor(options: DebeziumOptions) {
    const configured = new Map<Origin, ReadonlyMap<string, ColumnText>>();
    this.#settings = {
      unavailable: new UnavailableValue(options.unavailableValue ?? UNAVAILABLE_VALUE),
      types: {
        decimalOverflow: options.decimalOverflow ?? DEFAULT_TYPES.decimalOverflow,
        timestampKind: options.timestampKind ?? DEFAULT_TYPES.timestampKind,
        timeAs: options.timeAs ?? DEFAULT_TYPES.timeAs,
      },
      configured(origin) {
        let columns = configured.get(origin);
        if (columns === undefined) {
          columns = new Map((options.schema?.(origin) ?? []).map((column) => [column.field.name, column]));
          configured.set(origin, columns);
        }
        return columns;
      },
    };
  }

  peek(topic: string, partition: number, records: readonly RawRecord[]): Changes {
    let memory = this.#topics.get(topic);
    // Batches read before keep the memory that they were read with.
    if (memory === undefined || memory.isFull) {
      memory = new TopicMemory(this.#settings.unavailable, this.#origins);
      this.#topics.set(topic, memory);
    }
    return new BatchChanges(topic, partition, records, memory, this.#settings);
  }

  isForeignTopic(topic: string): boolean {
    return isForeignTopic(topic);
  }
}
