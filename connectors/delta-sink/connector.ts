import {
  configError,
  debezium,
  deltaSink,
  fileDeadLetters,
  kafka,
  kafkaProducer,
  openStore,
  ReadConfig,
  replay,
  topicDeadLetters,
  type ChangeSource,
  type Connector,
  type DeadLetters,
  type DeltaSinkOptions,
  type Origin,
  type RunningConnector,
  type Settings,
  type StartOptions,
} from '../../src/index.js';
import { connectionOf, fetchSettingsOf } from './kafka-settings.js';
import { CONNECTOR_KEYS as K, definition } from './keys.js';
import { tableSettingsOf, type TableSettings } from './table-settings.js';

/** Kafka topics (or recordings of them) with change events in, Delta tables out. */
export const deltaSinkConnector: Connector = {
  classNames: ['DeltaSink', 'io.sluice.DeltaSinkConnector'],
  definition,
  validate: (name, settings) => read(name, settings).config.problems,
  start: (options) => start(options),
};

/** A configuration, read once: what it says, and what is wrong with it. */
type Plan = {
  readonly config: ReadConfig;
  readonly tables: TableSettings;
  readonly source: () => ChangeSource;
  readonly deadLetters: () => DeadLetters | undefined;
};

function read(name: string, settings: Settings): Plan {
  const config = new ReadConfig(definition, settings);
  const tables = tableSettingsOf(config);
  const source = config.get(K.source) === 'replay' ? replaySource(config) : kafkaSource(name, config);
  return { config, tables, source, deadLetters: deadLettersOf(name, config) };
}

function start({ name, settings, untilEnd }: StartOptions): RunningConnector {
  const plan = read(name, settings);
  const { config, tables } = plan;
  if (config.problems.length > 0) {
    const secrets = new Set(definition.keys.filter(({ type }) => type === 'PASSWORD').map((key) => key.name));
    throw configError(`connector ${name}`, config.problems, secrets);
  }
  return deltaSink(plan.source(), { ...sinkOptions(config, tables), ...deadLetterOptions(plan), untilEnd });
}

function sinkOptions(config: ReadConfig, tables: TableSettings): DeltaSinkOptions {
  const format = config.get(K.nameFormat);
  return {
    base: openStore(config.get(K.tableUrl) ?? ''),
    ...(format === undefined ? {} : { format }),
    decoder: debezium({ schema: (origin) => configuredColumns(tables, origin) }),
    batch: {
      maxMs: config.get(K.flushIntervalMs) ?? 10_000,
      maxBytes: config.get(K.flushMaxBytes) ?? 64 << 20,
      maxRows: config.get(K.flushMaxRows) ?? 500_000,
    },
    memory: { maxBytes: config.get(K.memoryMaxBytes) ?? 256 << 20 },
    start: config.get(K.start) ?? 'earliest',
    onOffsetGap: config.get(K.onOffsetGap) ?? 'fail',
    tableDefaults: tables.defaults,
    tables: tables.tables,
  };
}

function configuredColumns({ tables }: TableSettings, { schema, table }: Origin): TableColumns {
  const names = schema === '' ? [table] : [`${schema}/${table}`, `${schema}.${table}`, table];
  const name = names.find((candidate) => Object.hasOwn(tables, candidate));
  return name === undefined ? undefined : tables[name]?.columns;
}

type TableColumns = TableSettings['defaults']['columns'];

function replaySource(config: ReadConfig): () => ChangeSource {
  const files = config.get(K.replayFiles) ?? [];
  if (files.length === 0) config.refuse(K.replayFiles.name, 'is required with source=replay');
  const id = config.get(K.replayId);
  return () => replay({ files, ...(id === undefined ? {} : { id }) });
}

function kafkaSource(name: string, config: ReadConfig): () => ChangeSource {
  const connection = connectionOf(config);
  if (connection.brokers.length === 0) config.refuse(K.bootstrapServers.name, 'is required for Kafka');
  const topics = config.get(K.topics) ?? [];
  const pattern = config.get(K.topicsRegex);
  if (topics.length > 0 === (pattern !== undefined)) {
    config.refuse(K.topics.name, 'exactly one of topics and topics.regex must be set');
  }
  const options = {
    ...connection,
    ...fetchSettingsOf(config),
    topics: pattern === undefined ? topics : [pattern],
    groupId: config.get(K.groupId) ?? `connect-${name}`,
  };
  return () => kafka(options);
}

/** Bad records need a place of their own before anything may be told to go on without them. */
function deadLettersOf(name: string, config: ReadConfig): () => DeadLetters | undefined {
  const topic = config.get(K.dlqTopic) ?? '';
  const file = config.get(K.dlqFile);
  if ((topic !== '' || file !== undefined) && config.get(K.tolerance) === 'none') {
    config.refuse(topic === '' ? K.dlqFile.name : K.dlqTopic.name, 'needs errors.tolerance=all');
  }
  if (topic !== '' && config.get(K.source) === 'replay') {
    config.refuse(K.dlqTopic.name, 'a replay has no topics; use errors.deadletterqueue.file');
  }
  if (topic !== '') {
    return () => topicDeadLetters(kafkaProducer(connectionOf(config)), { topic, connector: name });
  }
  return () => (file === undefined ? undefined : fileDeadLetters(file, { connector: name }));
}

function deadLetterOptions({ config, deadLetters }: Plan): Pick<DeltaSinkOptions, 'errors'> {
  const letters = deadLetters();
  return {
    errors: {
      tolerance: config.get(K.tolerance) ?? 'none',
      ...(letters === undefined ? {} : { deadLetters: letters }),
    },
  };
}
