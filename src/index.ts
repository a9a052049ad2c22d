/**
 * The public face of `sluice`: change streams in, Delta tables out. Tables themselves are in `sluice/delta`, Debezium's
 * records in `sluice/cdc`, what implementers of ports need in `sluice/testing`.
 */
export { SluiceError, isSluiceError, type ErrorCode, type ErrorContext, type Retry } from './base/errors.js';

export { debezium, type DebeziumOptions } from './cdc/debezium.js';
export type { Origin } from './cdc/changes.js';
export type { Change } from './cdc/object-changes.js';

export { deltaSink, type DeltaSinkRun } from './sink/delta-sink.js';
export { decode } from './sink/decode.js';
export type { DeltaSinkOptions, Pipe } from './sink/sink-options.js';
export type { FailedTable, RunSummary, SinkEvent, TableSummary } from './sink/sink-events.js';
export type { ConfiguredColumn, TableNote, TableOptions } from './sink/settler.js';
export { formatPath, type ChangeOrigin, type TableChoice } from './sink/table-path.js';
export type { DeadLetter, DeadLetters } from './sink/dead-letters.js';
export { fileDeadLetters } from './sink/dead-letter-file.js';
export { topicDeadLetters } from './sink/dead-letter-topic.js';

// RxJS operators, for pipelines of one's own.
export { Credit } from './pipeline/credit.js';
export { fromPull, type FromPullOptions } from './pipeline/from-pull.js';
export { lanes, type LanesOptions } from './pipeline/lanes.js';
export { microBatch, type MicroBatchOptions } from './pipeline/micro-batch.js';
export { isRetryable, retryWithBackoff, type RetryOptions } from './pipeline/retry.js';

export { kafka, type KafkaSourceOptions } from './source/kafka/kafka.js';
export { replay, type ReplayOptions } from './source/replay/replay.js';
export { changeFeed, type ChangeFeed, type ChangeFeedOptions } from './source/feed/change-feed.js';
export type { ChangeBatch } from './source/feed/change-batch.js';
export type { Moment } from './operations/moment.js';
export type { ChangeSource, SourceEvent, StartPolicy, TopicPartition } from './source/change-source.js';
export { kafkaProducer, type OutgoingRecord, type RecordProducer } from './kafka/producer.js';

export { KafkaAdmin } from './kafka/admin.js';

export { openStore } from './storage/open-store.js';
export type { ObjectStore } from './storage/object-store.js';
export { parseColumnsText } from './schema/type-text.js';

// What connector plug-ins are made of.
export { nearest } from './base/names.js';
export {
  ReadConfig,
  configError,
  describeProblem,
  ownSecrets,
  type ConfigDef,
  type ConfigKey,
  type ConfigPattern,
  type ConfigProblem,
  type Reader as ConfigReader,
  type Setting,
  type Settings,
} from './runtime/config-def.js';
export {
  boolean,
  bytes,
  integer,
  list,
  nonEmpty,
  oneOf,
  oneOfAvailable,
  regex,
  text,
} from './runtime/config-readers.js';
export type { Connector, RunningConnector, StartOptions } from './runtime/connector.js';
