import { afterAll, expect, test } from 'vitest';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { never } from '../../../src/base/signals.js';
import { Interruption } from '../../../src/cli/interruption.js';
import { KafkaAdmin } from '../../../src/kafka/admin.js';
import { kafkaProducer } from '../../../src/kafka/producer.js';
import { cli } from '../../support/cli.js';
import { describeWithKafka, sharedKafka } from '../../support/kafka-broker.js';

const folder = mkdtempSync(join(tmpdir(), 'sluice-cli-kafka-'));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describeWithKafka('the command line with a real broker', () => {
  test('the demo through topics ends as the demo through files does', async () => {
    await using kafka = await sharedKafka();
    const { code, out, err } = await cli([
      'demo',
      '--brokers',
      kafka.bootstrap,
      '--out',
      join(folder, 'demo'),
    ]);
    expect(err).toMatch(
      /^wrote 397 records to 9 topics sluice-demo-[0-9a-f]{8}\.\*; they stay on the broker\n/,
    );
    expect(code).toBe(0);
    expect(out).toContain('397 events in');
    expect(out).toContain('✓ 7 tables equal PostgreSQL, row by row');
  });

  test('the dead letter topic is made with the first dead letter', async () => {
    await using kafka = await sharedKafka();
    const brokers = [kafka.bootstrap];
    const name = `sluice-cli-${randomBytes(4).toString('hex')}`;
    await using admin = new KafkaAdmin({ brokers });
    await admin.ensureTopic(`${name}.bad`, { partitions: 1, replicationFactor: 1 }, never);
    await using producer = kafkaProducer({ brokers });
    await producer.send(`${name}.bad`, [{ key: null, value: Buffer.from('no JSON') }], never);

    const config = {
      'bootstrap.servers': kafka.bootstrap,
      topics: `${name}.bad`,
      'table.url': join(folder, 'bad'),
      'errors.tolerance': 'all',
      'errors.deadletterqueue.topic.name': `${name}.dead`,
      'errors.deadletterqueue.topic.replication.factor': '1',
    };
    const path = join(folder, 'bad.json');
    writeFileSync(path, JSON.stringify({ name, config }));
    expect(await admin.topics(never)).not.toContain(`${name}.dead`);
    const { code, err } = await cli(['run', path, '--until-end']);
    expect([code, err]).toEqual([0, expect.stringContaining('1 bad record put aside')]);
    expect((await admin.watermarks(`${name}.dead`, never)).get(0)).toEqual({ low: 0, high: 1 });
  });
});

test('without a broker run waits, says so once, and stops cleanly when it is told to', async () => {
  // A port that was free a moment ago: nobody listens there.
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  server.close();
  await once(server, 'close');

  const interrupting = new AbortController();
  const started = performance.now();
  const { code, err } = await cli(
    [
      'run',
      'connectors/delta-sink/examples/kafka.json',
      ...['--set', `bootstrap.servers=127.0.0.1:${port}`],
      ...['--set', `table.url=${join(folder, 'waiting')}`],
    ],
    {
      signal: interrupting.signal,
      heard: (text) => {
        if (text.includes('waiting: ')) interrupting.abort(new Interruption('SIGTERM'));
      },
    },
  );
  expect(code).toBe(0);
  expect(err.match(/waiting: /g)?.length).toBe(1);
  expect(err).toContain('stopped: 0 records');
  expect(performance.now() - started).toBeLessThan(20_000);
});
