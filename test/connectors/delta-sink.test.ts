import { describe, expect, test } from 'vitest';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deltaSinkConnector } from '../../connectors/delta-sink/connector.js';
import { connectionOf, fetchSettingsOf } from '../../connectors/delta-sink/kafka-settings.js';
import { CONNECTOR_KEYS, definition, TABLE_KEYS } from '../../connectors/delta-sink/keys.js';
import { tableSettingsOf } from '../../connectors/delta-sink/table-settings.js';
import { isSluiceError } from '../../src/base/errors.js';
import { ReadConfig, type Settings } from '../../src/runtime/config-def.js';

const settings = (values: Readonly<Record<string, string>>): Settings =>
  new Map(Object.entries(values).map(([key, value]) => [key, { value, origin: 'test' }]));

const config = (values: Readonly<Record<string, string>>) => new ReadConfig(definition, settings(values));

const KAFKA = { 'bootstrap.servers': 'a:1,b:2', topics: 'x', 'table.url': './lake' };

const problemsOf = (values: Readonly<Record<string, string>>) =>
  deltaSinkConnector.validate('test', settings(values)).map(({ key, message }) => `${key}: ${message}`);

describe('the definition', () => {
  test('every default is a value that its key takes', () => {
    for (const key of definition.keys) {
      if (key.default === undefined) continue;
      expect(key.read(key.default), key.name).toHaveProperty('value');
    }
  });

  test('no key is defined twice, and every one is documented', () => {
    const names = definition.keys.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { name, documentation } of definition.keys) expect(documentation, name).not.toBe('');
  });

  test('what holds a password is of type PASSWORD', () => {
    const secret = definition.keys.filter(({ name }) => /password|jaas|keystore\.key|certificate/.test(name));
    expect(secret.length).toBeGreaterThan(4);
    for (const { name, type } of secret) expect(type, name).toBe('PASSWORD');
  });
});

describe('what is required and what does not go together', () => {
  test.each([
    [KAFKA, []],
    [{ ...KAFKA, 'connector.class': 'io.sluice.DeltaSinkConnector', name: 'x', 'tasks.max': '4' }, []],
    [{ source: 'replay', 'replay.files': 'a', 'table.url': 'x' }, []],
    [
      {},
      [
        'table.url: is required and not set',
        'bootstrap.servers: is required for Kafka',
        'topics: exactly one of topics and topics.regex must be set',
      ],
    ],
    [{ ...KAFKA, 'topics.regex': 'x' }, ['topics: exactly one of topics and topics.regex must be set']],
    [{ ...KAFKA, topics: ' , ' }, ['topics: must name a topic']],
    [{ source: 'replay', 'table.url': 'x' }, ['replay.files: is required with source=replay']],
    [
      { ...KAFKA, 'errors.deadletterqueue.topic.name': 'dlq' },
      ['errors.deadletterqueue.topic.name: needs errors.tolerance=all'],
    ],
    [
      {
        source: 'replay',
        'replay.files': 'a',
        'table.url': 'x',
        'errors.tolerance': 'all',
        'errors.deadletterqueue.topic.name': 'dlq',
      },
      ['errors.deadletterqueue.topic.name: a replay has no topics; use errors.deadletterqueue.file'],
    ],
    [
      {
        ...KAFKA,
        'errors.tolerance': 'all',
        'errors.deadletterqueue.topic.name': 'dlq',
        'errors.deadletterqueue.file': 'f',
      },
      [
        'errors.deadletterqueue.file: is not taken beside errors.deadletterqueue.topic.name: bad records have one place',
      ],
    ],
    [
      { ...KAFKA, 'primary.key.mode': 'none', 'position.column': 'none' },
      ['position.column: none is refused for tables without a key: nothing else orders their rows'],
    ],
    [
      { ...KAFKA, 'change.data.feed.images': 'inferred', 'merge.strategy': 'copy-on-write' },
      ['change.data.feed.images: inferred needs merge.strategy=merge-on-read: copied rows are no changes'],
    ],
    [
      { ...KAFKA, 'delete.enabled': 'false' },
      ['delete.enabled: delete.enabled=false is not available in this version'],
    ],
    [
      { ...KAFKA, 'errors.log.include.messages': 'true' },
      [
        'errors.log.include.messages: errors.log.include.messages=true is not taken: the content of records is never logged',
      ],
    ],
    [{ ...KAFKA, transforms: 'a' }, ['transforms: is not available in this version']],
    [
      { ...KAFKA, 'security.protocol': 'SASL_SSL' },
      ['sasl.jaas.config: is required with security.protocol=SASL_…'],
    ],
    [
      { ...KAFKA, 'security.protocol': 'SSL', 'ssl.truststore.location': '/nowhere/ca.pem' },
      ["ssl.truststore.location: cannot be read: ENOENT: no such file or directory, open '/nowhere/ca.pem'"],
    ],
  ])('%j', (values, expected) => {
    expect(problemsOf(values)).toEqual(expected);
  });

  test('start names all that is wrong and opens nothing', () => {
    try {
      deltaSinkConnector.start({ name: 'x', settings: settings({ topics: 'a' }), untilEnd: true });
      expect.unreachable();
    } catch (cause) {
      if (!isSluiceError(cause, 'CONFIG_INVALID')) throw cause;
      expect(cause.message).toContain('2 settings are wrong');
    }
  });

  test.each([
    ['earliest', 'earliest'],
    ['latest', 'latest'],
    ['2026-01-31', { atMs: Date.UTC(2026, 0, 31) }],
    ['2026-01-31T12:00:00', { atMs: Date.UTC(2026, 0, 31, 12) }],
    ['2026-01-31T12:00:00+02:00', { atMs: Date.UTC(2026, 0, 31, 10) }],
  ])('start=%s', (text, expected) => {
    expect(CONNECTOR_KEYS.start.read(text)).toEqual({ value: expected });
  });
});

describe('the connection', () => {
  test.each([
    [
      'PLAIN',
      'plain',
      'org.apache.kafka.common.security.plain.PlainLoginModule required username="a" password="b c";',
    ],
    ['SCRAM-SHA-256', 'scram-sha-256', 'ScramLoginModule required\n  username=a\n  password="b c" ;'],
    ['SCRAM-SHA-512', 'scram-sha-512', 'x required password="b c" username = "a";'],
  ])('%s reads the JAAS login', (mechanism, expected, jaas) => {
    const read = config({
      ...KAFKA,
      'security.protocol': 'SASL_PLAINTEXT',
      'sasl.mechanism': mechanism,
      'sasl.jaas.config': jaas,
    });
    expect(connectionOf(read)).toEqual({
      brokers: ['a:1', 'b:2'],
      clientId: 'sluice',
      sasl: { mechanism: expected, username: 'a', password: 'b c' },
    });
  });

  test('quotes inside a password are taken as they were meant', () => {
    const jaas = 'x required username="a" password="say \\"hi\\" \\\\";';
    const read = config({ ...KAFKA, 'security.protocol': 'SASL_SSL', 'sasl.jaas.config': jaas });
    expect(connectionOf(read).sasl).toMatchObject({ password: 'say "hi" \\' });
  });

  test('TLS takes PEM files, PEM text and PKCS12', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-tls-test-'));
    try {
      const path = join(folder, 'file');
      writeFileSync(path, 'bytes');
      const own = { ...KAFKA, 'security.protocol': 'SSL' };
      const tls = (values: Readonly<Record<string, string>>) =>
        connectionOf(config({ ...own, ...values })).ssl;
      expect(tls({})).toEqual({});
      expect(tls({ 'ssl.truststore.location': path })).toEqual({ ca: Buffer.from('bytes') });
      expect(tls({ 'ssl.truststore.certificates': 'PEM' })).toEqual({ ca: 'PEM' });
      expect(
        tls({ 'ssl.keystore.type': 'PKCS12', 'ssl.keystore.location': path, 'ssl.keystore.password': 'p' }),
      ).toEqual({ pfx: Buffer.from('bytes'), passphrase: 'p' });
      expect(tls({ 'ssl.keystore.certificate.chain': 'C', 'ssl.keystore.key': 'K' })).toEqual({
        cert: 'C',
        key: 'K',
      });
      expect(tls({ 'ssl.endpoint.identification.algorithm': '' })).toHaveProperty('checkServerIdentity');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test('consumer overrides go by Kafka’s names', () => {
    const read = config({
      ...KAFKA,
      'consumer.override.max.partition.fetch.bytes': '1000',
      'consumer.override.session.timeout.ms': '6000',
      'consumer.override.client.rack': 'eu-1',
    });
    expect(fetchSettingsOf(read)).toEqual({
      fetch: { maxBytesPerPartition: 1000 },
      sessionTimeoutMs: 6000,
      rackId: 'eu-1',
    });
    expect(read.problems).toEqual([]);
  });
});

describe('settings of tables', () => {
  test('those without a name hold for all, those with one for that table', () => {
    const read = config({
      ...KAFKA,
      'merge.strategy': 'copy-on-write',
      'partition.by': 'region, day',
      'position.column': 'none',
      'table.properties.logRetentionDuration': 'interval 7 days',
      'table.properties.custom.owner': 'ada',
      'table.inventory.orders.merge.strategy': 'merge-on-read',
      'table.inventory.orders.schema': 'id BIGINT NOT NULL, at TIMESTAMP_NTZ MILLIS',
      'table.inventory.orders.properties.appendOnly': 'true',
    });
    const { defaults, tables } = tableSettingsOf(read);
    expect(read.problems).toEqual([]);
    expect(defaults).toMatchObject({
      mergeStrategy: 'copy-on-write',
      partitionBy: ['region', 'day'],
      positionColumn: undefined,
      tableProperties: { 'delta.logRetentionDuration': 'interval 7 days', 'custom.owner': 'ada' },
    });
    expect(Object.keys(tables)).toEqual(['inventory.orders']);
    expect(tables['inventory.orders']).toMatchObject({
      mergeStrategy: 'merge-on-read',
      tableProperties: { 'delta.appendOnly': 'true' },
    });
    expect(tables['inventory.orders']?.columns?.map(({ field, unit }) => [field.name, unit])).toEqual([
      ['id', undefined],
      ['at', 'MILLIS'],
    ]);
  });

  test('every table key is taken for one table too', () => {
    for (const { name } of Object.values(TABLE_KEYS)) {
      const read = config({ ...KAFKA, [`table.a.b.${name}`]: '?' });
      const { tables } = tableSettingsOf(read);
      expect(Object.keys(tables), name).toEqual(['a.b']);
    }
  });

  test.each([
    ['table.orders', 'it takes table.<name>.<key>'],
    ['table.ulr', 'did you mean table.url?'],
    ['table.orders.shema', 'did you mean schema?'],
    ['table.a.orders.merge.stratgy', 'did you mean merge.strategy?'],
  ])('%s names no setting', (name, message) => {
    expect(problemsOf({ ...KAFKA, [name]: 'x' }).join('\n')).toContain(message);
  });
});
