import { afterAll, expect, test } from 'vitest';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Interruption } from '../../../src/cli/interruption.js';
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
