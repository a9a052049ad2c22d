import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWithKafka, sharedKafka } from '../../support/kafka-broker.js';
import { TestTopics } from '../../support/kafka-topics.js';
import { localStore } from '../../../src/storage/local.js';
import { tableRows } from '../../support/postgres-replay.js';
import { kafkaConnector } from '../support/connector.js';
import { buildPackage } from '../support/package.js';
import { rowEvent } from '../support/rows.js';
import { Worker } from '../support/worker.js';

/** Schema and table as the source calls them, and the folder that they come to; undefined: refused. */
const NAMES: readonly (readonly [schema: string, table: string, folder: string | undefined])[] = [
  ['shop', 'plain', 'shop/plain'],
  ['shop', 'a/b', 'shop/a%2Fb'],
  ['shop', '../../escape', 'shop/%2E.%2F..%2Fescape'],
  ['shop', '/etc/passwd', 'shop/%2Fetc%2Fpasswd'],
  ['shop', 'a%2Fb', 'shop/a%252Fb'],
  ['shop', 'Größe 🙂', 'shop/Gr%C3%B6%C3%9Fe%20%F0%9F%99%82'],
  ['shop', 'v1.2', 'shop/v1.2'],
  ['shop', '..', undefined],
  ['..', 'up', undefined],
  ['shop', '.', undefined],
  ['shop', '_delta_log', undefined],
  // The same folder as shop/plain on a file system that ignores case.
  ['shop', 'Plain', undefined],
];

describeWithKafka(
  'names that a folder cannot have as they are',
  () => {
    let folder: string;
    let broker: Awaited<ReturnType<typeof sharedKafka>>;
    let topics: TestTopics;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'sluice-names-'));
      await buildPackage();
      broker = await sharedKafka();
      topics = await TestTopics.connect(broker.bootstrap);
    });
    afterAll(async () => {
      await topics?.[Symbol.asyncDispose]();
      await broker?.[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    });

    test('are encoded or refused by name; nothing is written outside table.url, and the others go on', async () => {
      const used: string[] = [];
      for (const [at, [schema, table]] of NAMES.entries()) {
        const topic = await topics.make(`names.${at}`);
        used.push(topic);
        await topics.producer.send({ topic, messages: [rowEvent({ schema, table, id: at + 1 })] });
      }
      const tables = join(folder, 'deep', 'down', 'tables');
      const connector = kafkaConnector('names', broker.bootstrap, tables, { topics: used.join(',') });
      await using worker = await Worker.run(folder, connector, { untilEnd: true });
      expect(await worker.ended(), worker.said).toEqual({ code: 1, signal: null });

      const plainFirst = (await readdir(join(tables, 'shop'))).includes('plain');
      for (const [at, [schema, table, path]] of NAMES.entries()) {
        // Either of the two that differ by case only may come first.
        if (table.toLowerCase() === 'plain') continue;
        if (path === undefined) continue;
        const rows = await tableRows(localStore(join(tables, path)));
        expect(
          rows.map((row) => Number(row['id'])),
          `${schema} ${table}`,
        ).toEqual([at + 1]);
      }
      const either = await tableRows(localStore(join(tables, 'shop', plainFirst ? 'plain' : 'Plain')));
      expect(either).toHaveLength(1);

      const failed = worker.events.flatMap((event) => (event.kind === 'failed' ? [event.failure] : []));
      expect(failed.map(({ code }) => code)).toEqual(
        NAMES.filter(([, , path]) => path === undefined).map(() => 'CONFIG_INVALID'),
      );
      const refusedTopics = new Set(failed.map(({ topic }) => topic));
      for (const [at, [, table, path]] of NAMES.entries()) {
        if (path === undefined && table !== 'Plain') expect(refusedTopics).toContain(used[at]);
      }
      // Nothing but the way to the tables, the tables, and the connector's own file.
      expect((await readdir(folder)).toSorted()).toEqual(['deep', 'names.json']);
      expect(await readdir(join(folder, 'deep'))).toEqual(['down']);
      expect(await readdir(join(folder, 'deep', 'down'))).toEqual(['tables']);
      const expected = NAMES.flatMap(([, table, path]) =>
        path === undefined || table.toLowerCase() === 'plain' ? [] : [path.split('/')[1]],
      );
      expect((await readdir(join(tables, 'shop'))).toSorted()).toEqual(
        [...expected, plainFirst ? 'plain' : 'Plain'].toSorted(),
      );
    });
  },
  { shared: true },
);
