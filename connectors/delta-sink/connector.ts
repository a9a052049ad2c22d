import {
  configError,
  debezium,
  deltaSink,
  kafka,
  openStore,
  ownSecrets,
  ReadConfig,
  replay,
  type ChangeSource,
  type Connector,
  type DeadLetters,
  type DeltaSinkOptions,
  type Origin,
  type RunningConnector,
  type Settings,
  type StartOptions,
} from '../../src/index.js';
import { deadLettersOf } from './dead-letter-settings.js';
import { connectionOf, fetchSettingsOf } from './kafka-settings.js';
import { CONNECTOR_KEYS as K, definition } from './keys.js';
import { tableSettingsOf, type TableSettings } from './table-settings.js';

/** Kafka topics (or recordings of them) with change events in, Delta tables out. */
export const deltaSinkConnector: Connector = {
  classNames: ['DeltaSink', 'io.sluice.DeltaSinkConnector'],
  definition,
  validate: (name, settings) => read(name, settings).config.problems,
  start,
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
  const { config, tables, ...open } = read(name, settings);
  if (config.problems.length > 0) {
    throw configError(`connector ${name}`, config.problems, ownSecrets(definition));
  }
  const source = open.source();
  const deadLetters = open.deadLetters();
  const errors = {
    tolerance: config.get(K.tolerance) ?? 'none',
    ...(deadLetters === undefined ? {} : { deadLetters }),
  };
  const run = deltaSink(source, { ...sinkOptions(config, tables), errors, untilEnd });
  const close = async (): Promise<void> => {
    await source[Symbol.asyncDispose]();
    await deadLetters?.[Symbol.asyncDispose]();
  };
  const done = closing(run.done, close);
  // Whoever only stops the connector need not look at `done`.
  done.catch(() => undefined);
  return {
    done,
    events$: run.events$,
    stop: async () => {
      await run.stop();
      await done.catch(() => undefined); // The owner of `done` hears of it.
    },
  };
}

/** What the run came to, once all that it used is closed too. */
async function closing<T>(done: Promise<T>, close: () => Promise<void>): Promise<T> {
  try {
    return await done;
  } finally {
    await close();
  }
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
    saveMs: config.get(K.offsetFlushIntervalMs) ?? 60_000,
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

/** Longer, and nobody is told that no broker answers; the sink goes on asking either way. */
const PATIENCE_MS = 5_000;

function kafkaSource(name: string, config: ReadConfig): () => ChangeSource {
  const connection = connectionOf(config);
  if (connection.brokers.length === 0) config.refuse(K.bootstrapServers.name, 'is required for Kafka');
  const topics = config.get(K.topics) ?? [];
  const pattern = config.get(K.topicsRegex);
  const wanted = [config.has(K.topics.name), config.has(K.topicsRegex.name)];
  if (wanted[0] === wanted[1]) {
    config.refuse(K.topics.name, 'exactly one of topics and topics.regex must be set');
  } else if (wanted[0] === true && topics.length === 0) {
    config.refuse(K.topics.name, 'must name a topic');
  }
  const options = {
    ...connection,
    ...fetchSettingsOf(config),
    topics: pattern === undefined ? topics : [pattern],
    groupId: config.get(K.groupId) ?? `connect-${name}`,
    patienceMs: PATIENCE_MS,
  };
  return () => kafka(options);
}
