import { afterAll, describe, expect, test } from 'vitest';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cli } from '../support/cli.js';

const folder = mkdtempSync(join(tmpdir(), 'sluice-validate-test-'));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const MANY_WRONG = `{
  "name": "many",
  "config": {
    "connector.class": "DeltaSnk",
    "topcs": "a",
    "flush.max.rows": 0,
    "flush.max.bytes": "12 apples",
    "flush.interval.ms": [1],
    "insert.mode": "append",
    "table.ulr": "x",
    "table.orders.insrt.mode": "x",
    "table.orders.schema": "a BIGNT",
    "table.orders.merge.strategy": "fast",
    "transforms.unwrap.type": "x",
    "consumer.override.group.id": "x",
    "security.protocol": "SASL_SSL",
    "sasl.jaas.config": "Login required token=\\"hunter2-hunter2\\";",
    "ssl.truststore.type": "JKS",
    "ssl.keystore.password": "\${env:NOPE}",
    "collection.name.format": "\${nope}",
    "start": "\${env:LATER}",
    "table.url": "s3://bucket/x",
    "errors.deadletterqueue.topic.name": "dlq",
    "flush.max.rows": 7
  }
}
`;

/** Key, place and what stands in its message, in the order of the keys. */
const EXPECTED = [
  ['collection.name.format=${nope}', 'many.json:20', 'knows no ${nope}'],
  ['connector.class=DeltaSnk', 'many.json:4', 'must be DeltaSink'],
  ['consumer.override.group.id=x', 'many.json:15', 'session.timeout.ms'],
  ['errors.deadletterqueue.topic.name=dlq', 'many.json:23', 'needs errors.tolerance=all'],
  ['flush.interval.ms', 'many.json:8', 'must be text, a number, true or false'],
  ['flush.max.bytes=12 apples', 'many.json:7', 'such as 67108864 or 64MiB'],
  ['flush.max.rows=7', 'many.json:24', 'is set before, at many.json:6'],
  ['flush.max.rows=0', 'many.json:6', 'whole number of at least 1'],
  ['insert.mode=append', 'many.json:9', 'it takes upsert'],
  ['sasl.jaas.config=[secret]', 'many.json:17', 'username='],
  ['ssl.keystore.password=[secret]', 'many.json:19', 'NOPE is not set'],
  ['ssl.truststore.type=JKS', 'many.json:18', 'it takes PEM'],
  ['start=[secret]', 'many.json:21', 'must be earliest, latest or an ISO time'],
  ['table.orders.insrt.mode=x', 'many.json:11', 'did you mean insert.mode?'],
  ['table.orders.merge.strategy=fast', 'many.json:13', 'must be merge-on-read or copy-on-write'],
  ['table.orders.schema=a BIGNT', 'many.json:12', 'BIGNT'],
  ['table.ulr=x', 'many.json:10', 'did you mean table.url?'],
  ['table.url=s3://bucket/x', 'many.json:22', 's3'],
  ['topcs=a', 'many.json:5', 'did you mean topics?'],
  ['transforms.unwrap.type=x', 'many.json:14', 'is not available in this version'],
] as const;

const ENV = { LATER: 'a-hidden-value' };

describe('validate', () => {
  test('lists every error at once with key, value, origin and what is allowed', async () => {
    const path = file('many.json', MANY_WRONG);
    const { code, err, out } = await cli(['validate', path], { env: ENV });
    expect([code, out]).toEqual([1, '']);
    for (const [key, origin, message] of EXPECTED) {
      const line = err.split('\n').find((one) => one.startsWith(`  ${key} (${origin}): `));
      expect(line, key).toBeDefined();
      expect(line).toContain(message);
    }
    expect(err).toContain('  bootstrap.servers: is required for Kafka');
    expect(err).toContain('  topics: exactly one of topics and topics.regex must be set');
    expect(err).toMatch(/^error\[CONFIG_INVALID\]: .*many\.json: 22 settings are wrong\n/);
    expect(err).not.toContain('a-hidden-value');
    expect(err).not.toContain('hunter2');
  });

  test('says the same as JSON', async () => {
    const path = file('many.json', MANY_WRONG);
    const { code, out, err } = await cli(['validate', path, '--json'], { env: ENV });
    expect([code, err]).toEqual([1, '']);
    const report = JSON.parse(out) as { valid: boolean; problems: { key: string; value: string | null }[] };
    expect(report.valid).toBe(false);
    expect(report.problems.length).toBe(22);
    expect(report.problems.find(({ key }) => key === 'start')?.value).toBe('[secret]');
    expect(out).not.toMatch(/a-hidden-value|hunter2/);
  });

  test.each([
    ['connectors/delta-sink/examples/kafka.json', {}],
    ['connectors/delta-sink/examples/replay.json', {}],
    ['connectors/delta-sink/examples/secured.properties', { KAFKA_USER: 'a', KAFKA_PASSWORD: 'b' }],
  ])('%s is valid', async (path, env) => {
    const { code, err, out } = await cli(['validate', path], { env });
    expect([code, err]).toEqual([0, '']);
    expect(out).toContain('is a valid DeltaSink');
  });

  test('a setting from the command line wins and is named as its origin', async () => {
    const path = 'connectors/delta-sink/examples/kafka.json';
    const { code, err } = await cli(['validate', path, '--set', 'flush.interval.ms=soon', '--set', 'a.b=c']);
    expect(code).toBe(1);
    expect(err).toContain('  flush.interval.ms=soon (command line): must be a whole number');
    expect(err).toContain('  a.b=c (command line): is no key of this connector');
  });

  test.each([
    ['gone.json', undefined, 'gone.json cannot be read (ENOENT)'],
    [
      'broken.json',
      '{"name": "x", "config": {"password": "hunter2" "a": 1}}',
      'no JSON at line 1, column 48',
    ],
    ['broken.yaml', 'config: {password: hunter2', 'cannot be read as a connector'],
    ['list.json', '[1]', 'it holds no object'],
    ['scalar.json', '{"config": 3}', 'its config is no object'],
    ['connector.txt', 'a=b', 'is no connector file by its name'],
  ])('%s is told as no connector, and nothing of it is shown', async (name, text, message) => {
    const path = text === undefined ? join(folder, name) : file(name, text);
    const { code, err } = await cli(['validate', path]);
    expect(code).toBe(1);
    expect(err).toContain(message);
    expect(err).not.toContain('hunter2');
  });
});
