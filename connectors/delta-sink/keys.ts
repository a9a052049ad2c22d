import {
  boolean,
  bytes,
  formatPath,
  integer,
  list,
  nonEmpty,
  oneOf,
  oneOfAvailable,
  openStore,
  regex,
  SluiceError,
  text,
  type ConfigDef,
  type ConfigKey,
  type ConfigReader,
} from '../../src/index.js';
import { OVERRIDES } from './overrides.js';

type Rest<T> = Partial<Pick<ConfigKey<T>, 'default' | 'required' | 'importance'>>;

function key<T>(
  name: string,
  type: ConfigKey<T>['type'],
  read: ConfigReader<T>,
  documentation: string,
  rest: Rest<T> = {},
): ConfigKey<T> {
  return { name, type, read, documentation, importance: 'MEDIUM', ...rest };
}

const HIGH = { importance: 'HIGH' } as const;
const LOW = { importance: 'LOW' } as const;

const converter = oneOfAvailable(
  ['JsonConverter', 'org.apache.kafka.connect.json.JsonConverter'],
  [
    'avroconverter',
    'io.confluent.connect.avro.avroconverter',
    'io.apicurio.registry.utils.converter.avroconverter',
    'protobufconverter',
    'jsonschemaconverter',
    'stringconverter',
    'bytearrayconverter',
  ],
);

/** `earliest`, `latest`, or the moment of an ISO time in ms. */
const start: ConfigReader<'earliest' | 'latest' | { readonly atMs: number }> = (value) => {
  const word = value.trim();
  if (word === 'earliest' || word === 'latest') return { value: word };
  const atMs = /^\d{4}-\d\d-\d\d(T.*)?$/.test(word)
    ? Date.parse(/T.*(Z|[+-]\d\d:?\d\d)$/.test(word) ? word : zoned(word))
    : NaN;
  return Number.isNaN(atMs)
    ? { problem: 'must be earliest, latest or an ISO time such as 2026-01-31T00:00:00Z' }
    : { value: { atMs } };
};

/** The reader, with what `check` throws of a value as its problem. */
function checked(read: ConfigReader<string>, check: (value: string) => unknown): ConfigReader<string> {
  return (value) => {
    const found = read(value);
    if ('problem' in found) return found;
    try {
      check(found.value);
      return found;
    } catch (cause) {
      if (!(cause instanceof SluiceError)) throw cause;
      return { problem: cause.hint === undefined ? cause.message : `${cause.message} (${cause.hint})` };
    }
  };
}

/** A time without a zone is UTC. */
function zoned(word: string): string {
  return word.includes('T') ? `${word}Z` : `${word}T00:00:00Z`;
}

/** Keys of the connector as a whole. */
export const CONNECTOR_KEYS = {
  name: key('name', 'STRING', nonEmpty, 'Name of the connector.', HIGH),
  connectorClass: key(
    'connector.class',
    'STRING',
    oneOf('DeltaSink', 'io.sluice.DeltaSinkConnector'),
    'Which connector this is.',
    { ...HIGH, default: 'DeltaSink' },
  ),
  tasksMax: key('tasks.max', 'INT', integer(1), 'How many tasks there may be at most.', {
    ...HIGH,
    default: '1',
  }),
  source: key('source', 'STRING', oneOf('kafka', 'replay'), 'Where changes come from.', {
    ...HIGH,
    default: 'kafka',
  }),
  replayFiles: key('replay.files', 'LIST', list, 'Recordings to replay: files, folders or patterns.', HIGH),
  replayId: key(
    'replay.id',
    'STRING',
    nonEmpty,
    "Stands where a cluster's id would; default: told from the files' names.",
  ),
  topics: key('topics', 'LIST', list, 'Topics to read. Exactly one of topics and topics.regex.', HIGH),
  topicsRegex: key(
    'topics.regex',
    'STRING',
    regex,
    'Pattern of topics to read; new ones are taken in.',
    HIGH,
  ),
  bootstrapServers: key(
    'bootstrap.servers',
    'LIST',
    list,
    'host:port of some brokers. Required for Kafka.',
    HIGH,
  ),
  groupId: key('group.id', 'STRING', nonEmpty, "For the broker's bookkeeping only; default connect-<name>."),
  clientId: key('client.id', 'STRING', nonEmpty, "Shows in the broker's logs and quotas.", {
    ...LOW,
    default: 'sluice',
  }),
  securityProtocol: key(
    'security.protocol',
    'STRING',
    oneOf('PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'),
    'How brokers are spoken to.',
    { default: 'PLAINTEXT' },
  ),
  saslMechanism: key(
    'sasl.mechanism',
    'STRING',
    oneOfAvailable(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'], ['oauthbearer', 'gssapi']),
    'How the client proves who it is.',
    { default: 'PLAIN' },
  ),
  saslJaas: key('sasl.jaas.config', 'PASSWORD', nonEmpty, 'Login module with username="…" password="…".'),
  truststoreType: key(
    'ssl.truststore.type',
    'STRING',
    oneOfAvailable(['PEM'], ['jks', 'pkcs12']),
    'Kind of the authorities file.',
    { ...LOW, default: 'PEM' },
  ),
  truststoreLocation: key(
    'ssl.truststore.location',
    'STRING',
    nonEmpty,
    'File with the authorities, PEM.',
    LOW,
  ),
  truststoreCertificates: key(
    'ssl.truststore.certificates',
    'PASSWORD',
    nonEmpty,
    'The authorities as PEM text.',
    LOW,
  ),
  keystoreType: key(
    'ssl.keystore.type',
    'STRING',
    oneOfAvailable(['PEM', 'PKCS12'], ['jks']),
    'Kind of the client certificate file.',
    { ...LOW, default: 'PEM' },
  ),
  keystoreLocation: key(
    'ssl.keystore.location',
    'STRING',
    nonEmpty,
    "File with the client's certificate and key.",
    LOW,
  ),
  keystoreChain: key(
    'ssl.keystore.certificate.chain',
    'PASSWORD',
    nonEmpty,
    "The client's certificates as PEM text.",
    LOW,
  ),
  keystoreKey: key('ssl.keystore.key', 'PASSWORD', nonEmpty, "The client's private key as PEM text.", LOW),
  keystorePassword: key('ssl.keystore.password', 'PASSWORD', nonEmpty, 'Opens a PKCS12 file.', LOW),
  keyPassword: key('ssl.key.password', 'PASSWORD', nonEmpty, 'Opens an encrypted key.', LOW),
  endpointIdentification: key(
    'ssl.endpoint.identification.algorithm',
    'STRING',
    oneOf('https', ''),
    "Empty: the broker's name is not checked against its certificate.",
    { ...LOW, default: 'https' },
  ),
  keyConverter: key('key.converter', 'STRING', converter, 'How record keys are written.', {
    default: 'JsonConverter',
  }),
  valueConverter: key('value.converter', 'STRING', converter, 'How record values are written.', {
    default: 'JsonConverter',
  }),
  keySchemas: key(
    'key.converter.schemas.enable',
    'BOOLEAN',
    boolean,
    'Told from each record; kept for habit.',
    LOW,
  ),
  valueSchemas: key(
    'value.converter.schemas.enable',
    'BOOLEAN',
    boolean,
    'Told from each record; kept for habit.',
    LOW,
  ),
  tolerance: key('errors.tolerance', 'STRING', oneOf('none', 'all'), 'What a bad record does to its table.', {
    default: 'none',
  }),
  dlqTopic: key('errors.deadletterqueue.topic.name', 'STRING', text, 'Topic for bad records.', {
    default: '',
  }),
  dlqReplication: key(
    'errors.deadletterqueue.topic.replication.factor',
    'INT',
    integer(-1),
    'Replicas of that topic if it is made.',
    { ...LOW, default: '3' },
  ),
  dlqHeaders: key(
    'errors.deadletterqueue.context.headers.enable',
    'BOOLEAN',
    boolean,
    'Dead letters always carry their reason in headers; false is accepted and changes nothing.',
    { ...LOW, default: 'true' },
  ),
  dlqFile: key(
    'errors.deadletterqueue.file',
    'STRING',
    nonEmpty,
    'File for bad records, where a replay puts them.',
  ),
  retryTimeout: key(
    'errors.retry.timeout',
    'LONG',
    integer(-1),
    'Accepted; a broker or a store that may come back is waited for without end.',
    LOW,
  ),
  retryDelay: key(
    'errors.retry.delay.max.ms',
    'LONG',
    integer(1),
    'Accepted; pauses between attempts grow to a few seconds.',
    LOW,
  ),
  errorsLogMessages: key(
    'errors.log.include.messages',
    'BOOLEAN',
    onlyFalse('errors.log.include.messages', 'the content of records is never logged'),
    'Only false: the content of records is never logged.',
    LOW,
  ),
  configReload: key(
    'config.action.reload',
    'STRING',
    oneOf('none', 'restart'),
    'Accepted; a value that changes outside is read at the next start.',
    LOW,
  ),
  errorsLog: key(
    'errors.log.enable',
    'BOOLEAN',
    boolean,
    'Bad records are always told in the log, without their content.',
    LOW,
  ),
  tableUrl: key(
    'table.url',
    'STRING',
    checked(nonEmpty, openStore),
    'Base URL of the tables: a path or a file:// URL.',
    { ...HIGH, required: true },
  ),
  nameFormat: key(
    'collection.name.format',
    'STRING',
    checked(nonEmpty, formatPath),
    'Path of a table below table.url; default ${source.schema}/${source.table}, or ${topic} where the source names none.',
    HIGH,
  ),
  flushIntervalMs: key('flush.interval.ms', 'LONG', integer(1), 'A batch is committed after this time,', {
    ...HIGH,
    default: '10000',
  }),
  flushMaxBytes: key('flush.max.bytes', 'LONG', bytes(1024), '… or when it holds this many bytes,', {
    default: '64MiB',
  }),
  flushMaxRows: key('flush.max.rows', 'LONG', integer(1), '… or this many records, whichever comes first.', {
    default: '500000',
  }),
  offsetFlushIntervalMs: key(
    'offset.flush.interval.ms',
    'LONG',
    integer(1),
    'How often offsets that moved without changing a row are committed.',
    { default: '60000' },
  ),
  memoryMaxBytes: key('memory.max.bytes', 'LONG', bytes(1024 * 1024), 'Byte credit of the whole process.', {
    ...HIGH,
    default: '256MiB',
  }),
  start: key('start', 'STRING', start, 'Where a table begins that holds no offset of a topic.', {
    default: 'earliest',
  }),
  onOffsetGap: key(
    'on.offset.gap',
    'STRING',
    oneOf('fail', 'continue'),
    'What to do when offsets are gone.',
    {
      default: 'fail',
    },
  ),
  decimalOverflow: key(
    'decimal.overflow',
    'STRING',
    oneOfAvailable(['string'], ['double', 'dlq']),
    'Type of decimals beyond 38 digits.',
    { default: 'string' },
  ),
  timestampKind: key(
    'timestamp.kind',
    'STRING',
    oneOfAvailable(['ntz'], ['utc']),
    'Type of timestamps without a zone.',
    {
      default: 'ntz',
    },
  ),
  timeAs: key('time.as', 'STRING', oneOfAvailable(['string'], ['micros']), 'Type of times of day.', {
    default: 'string',
  }),
  jsonAs: key('json.as', 'STRING', oneOfAvailable(['string'], ['variant']), 'Type of JSON columns.', {
    default: 'string',
  }),
  commitBoundaries: key(
    'commit.boundaries',
    'STRING',
    oneOfAvailable(['batch'], ['transaction']),
    'What a commit is aligned with.',
    { default: 'batch' },
  ),
} as const;

/** Keys that also stand as `table.<name>.<key>`, for one table. */
export const TABLE_KEYS = {
  mergeStrategy: key(
    'merge.strategy',
    'STRING',
    oneOf('merge-on-read', 'copy-on-write'),
    'How rows are replaced.',
    {
      default: 'merge-on-read',
    },
  ),
  insertMode: key(
    'insert.mode',
    'STRING',
    oneOfAvailable(['upsert'], ['append', 'history', 'insert', 'update']),
    'What a change becomes.',
    {
      default: 'upsert',
    },
  ),
  deleteEnabled: key('delete.enabled', 'BOOLEAN', onlyTrue('delete.enabled'), 'Deletes take rows out.', {
    default: 'true',
  }),
  deleteMode: key(
    'delete.mode',
    'STRING',
    oneOfAvailable(['hard'], ['soft', 'ignore']),
    'What a delete does.',
    {
      default: 'hard',
    },
  ),
  truncateEnabled: key('truncate.enabled', 'BOOLEAN', boolean, 'A truncate empties the table.', {
    default: 'true',
  }),
  memoryRetentionMs: key(
    'table.memory.retention.ms',
    'LONG',
    integer(1),
    'How long a table remembers deletes, and applied changes where it has no key, to tell late and repeated changes.',
    { default: '86400000' },
  ),
  memoryMaxRows: key(
    'table.memory.max.rows',
    'LONG',
    integer(1),
    '… and how many of them for each partition; the oldest are forgotten first.',
    { default: '10000000' },
  ),
  primaryKeyMode: key(
    'primary.key.mode',
    'STRING',
    oneOfAvailable(['record_key', 'none'], ['kafka', 'record_value', 'record_header']),
    'Where the key of a row comes from.',
    { default: 'record_key' },
  ),
  primaryKeyFields: key(
    'primary.key.fields',
    'LIST',
    list,
    'Fields of the record key that make the key; default all.',
    {
      default: '',
    },
  ),
  schemaEvolution: key(
    'schema.evolution',
    'STRING',
    oneOf('none', 'validate', 'evolve', 'lenient'),
    'What happens when the source has other columns than the table.',
    { default: 'evolve' },
  ),
  changeDataFeed: key('change.data.feed', 'BOOLEAN', boolean, 'The table keeps a change feed.', {
    default: 'true',
  }),
  images: key(
    'change.data.feed.images',
    'STRING',
    oneOf('written', 'inferred'),
    'inferred: no change files.',
    {
      default: 'written',
    },
  ),
  positionColumn: key(
    'position.column',
    'STRING',
    nonEmpty,
    'Column of the position; none: no guard against late events.',
    {
      default: '__position',
    },
  ),
  partitionBy: key('partition.by', 'LIST', list, 'Columns that a new table is partitioned by.', {
    default: '',
  }),
} as const;

function onlyFalse(name: string, why: string): ConfigReader<boolean> {
  return (value) => {
    const read = boolean(value);
    return 'value' in read && read.value ? { problem: `${name}=true is not taken: ${why}` } : read;
  };
}

function onlyTrue(name: string): ConfigReader<boolean> {
  return (value) => {
    const read = boolean(value);
    if ('problem' in read || read.value) return read;
    return { problem: `${name}=false is not available in this version` };
  };
}

/** Keys of Kafka Connect and the Debezium JDBC sink that this version has no answer to: refused by name, never passed over. */
const UNAVAILABLE = [
  'transforms',
  'predicates',
  'header.converter',
  'metadata.columns',
  'field.include.list',
  'field.exclude.list',
  'value.converter.schema.registry.url',
  'key.converter.schema.registry.url',
] as const;

const NOT_AVAILABLE = 'is not available in this version';

const unavailable: ConfigReader<string> = () => ({ problem: NOT_AVAILABLE });

/** The whole configuration of the Delta sink. */
export const definition: ConfigDef = {
  keys: [
    ...Object.values(CONNECTOR_KEYS),
    ...Object.values(TABLE_KEYS),
    ...UNAVAILABLE.map((name) => key(name, 'STRING', unavailable, 'Not available in this version.', LOW)),
  ],
  patterns: [
    { prefix: 'transforms.', documentation: 'Not available in this version.', refused: NOT_AVAILABLE },
    { prefix: 'predicates.', documentation: 'Not available in this version.', refused: NOT_AVAILABLE },
    { prefix: 'table.properties.', documentation: 'Delta table properties at creation.' },
    {
      prefix: 'table.',
      documentation: 'table.<name>.<key>: a key for one table; table.<name>.schema: its columns.',
    },
    {
      prefix: 'consumer.override.',
      documentation: `Settings of the Kafka consumer, by Kafka's names: ${OVERRIDES.join(', ')}.`,
    },
  ],
};
