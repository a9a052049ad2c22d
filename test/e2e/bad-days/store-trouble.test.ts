import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { localStore } from '../../../src/storage/local.js';
import { openSnapshot } from '../../../src/table/snapshot.js';
import { describeWithKafka, sharedKafka } from '../../support/kafka-broker.js';
import { TestTopics } from '../../support/kafka-topics.js';
import { never, tableRows } from '../../support/postgres-replay.js';
import { eventually } from '../../support/source-events.js';
import { feedErrors, heldOffsets, tilingErrors } from '../../support/table-laws.js';
import { kafkaConnector } from '../support/connector.js';
import { buildPackage } from '../support/package.js';
import { idsFrom, inserts } from '../support/rows.js';
import { Worker } from '../support/worker.js';

const run = promisify(execFile);

/** Root is let into any folder; without these two capabilities it is asked for permission like anybody else. */
const ASKED_FOR_PERMISSION =
  process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-dac_override,-dac_read_search'] : [];

type Trouble = {
  readonly code: string;
  readonly begin: (worker: Worker, table: string) => Promise<void>;
  readonly end: (worker: Worker, table: string) => Promise<void>;
  /** The file that the error names. */
  readonly file: RegExp;
};

const TROUBLES: Readonly<Record<string, Trouble>> = {
  'a disk that is full': {
    code: 'STORE_FULL',
    // No file may grow beyond a few bytes: the system's answer is that of a quota that is used up.
    begin: async ({ pid }) => void (await run('prlimit', ['--pid', String(pid), '--fsize=16:'])),
    end: async ({ pid }) => void (await run('prlimit', ['--pid', String(pid), '--fsize=unlimited:'])),
    file: /shop\/orders\/.*\.parquet|part-.*\.parquet/,
  },
  'a log that may not be written any more': {
    code: 'STORE_DENIED',
    begin: async (_, table) => chmod(join(table, '_delta_log'), 0o555),
    end: async (_, table) => chmod(join(table, '_delta_log'), 0o755),
    file: /_delta_log\/\d{20}\.json/,
  },
};

describeWithKafka(
  'trouble where the tables are',
  () => {
    let folder: string;
    let broker: Awaited<ReturnType<typeof sharedKafka>>;
    let topics: TestTopics;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'sluice-trouble-'));
      await buildPackage();
      broker = await sharedKafka();
      topics = await TestTopics.connect(broker.bootstrap);
    });
    afterAll(async () => {
      await topics?.[Symbol.asyncDispose]();
      await broker?.[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    });

    test.each(Object.entries(TROUBLES))(
      '%s: the table stays readable at its last version, the error names the file, and it goes on after the repair',
      async (_, { code, begin, end, file }) => {
        const tables = join(folder, code);
        const table = join(tables, 'shop', 'orders');
        const store = localStore(table);
        const topic = await topics.make(`trouble.${code}`);
        const send = (first: number) =>
          topics.producer.send({ topic, messages: inserts('orders', idsFrom(first, 10)) });
        const held = async () => heldOffsets(await openSnapshot(store, { signal: never })).get(`${topic}:0`);
        await send(1);
        const connector = kafkaConnector(code, broker.bootstrap, tables, { topics: topic });
        await using worker = await Worker.run(folder, connector, { under: ASKED_FOR_PERMISSION });
        await eventually(
          async () => worker.events.some(({ kind }) => kind === 'committed'),
          (once) => once,
        );

        await begin(worker, table);
        await send(11);
        const waiting = await eventually(
          async () => worker.events.find((event) => event.kind === 'waiting'),
          (event) => event !== undefined,
        );
        expect(waiting).toMatchObject({ table: 'shop/orders', failure: { code } });
        expect(waiting?.kind === 'waiting' ? waiting.why : '').toMatch(file);
        expect(await tableRows(store)).toHaveLength(10);
        expect(await held()).toBe(10);

        await end(worker, table);
        await eventually(held, (offset) => offset === 20);
        const told = worker.events.map(({ kind }) => kind);
        expect(told.filter((kind) => kind === 'waiting' || kind === 'resumed')).toEqual([
          'waiting',
          'resumed',
        ]);
        expect(await worker.stop()).toMatchObject({ code: 0, signal: null });
        const ids = (await tableRows(store)).map((row) => Number(row['id']));
        expect(ids.toSorted((a, b) => a - b)).toEqual(idsFrom(1, 20));
        expect(await tilingErrors(store)).toEqual([]);
        expect(await feedErrors(store)).toEqual([]);
      },
    );
  },
  { shared: true },
);
