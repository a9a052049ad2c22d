import { beforeAll, describe, expect, test } from 'vitest';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { cli, type CliCall } from '../support/cli.js';

const folder = mkdtempSync(join(tmpdir(), 'sluice-demo-test-'));
const out = join(folder, 'demo');

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('demo', () => {
  let first: CliCall;

  beforeAll(async () => {
    first = await cli(['demo', '--out', out]);
  });

  test('ends with every table equal to PostgreSQL, and counts the cells that the stream does not carry', () => {
    expect([first.code, first.err]).toEqual([0, '']);
    expect(first.out).toContain('✓ 7 tables equal PostgreSQL, row by row');
    expect(first.out).toMatch(/397 events in [\d.]+ s \(\d+\/s\), \d+ commits in 8 tables/);
    expect(first.out).toContain('✓ customers      25 rows, 41 cells not in the stream:');
    expect(first.out).toContain('3 × numeric NaN or infinity under decimal.handling.mode=precise');
    expect(first.out).toContain('- late_table     not checked');
    expect(first.out).toContain('update_preimage');
    expect(first.out).toMatch(/Time travel: customers had \d+ rows at version 1 and has 25 now/);
  });

  test('ends with three commands that work as printed', async () => {
    const commands = first.out.split('Try next:\n')[1]?.trim().split('\n') ?? [];
    expect(commands.length).toBe(3);
    for (const command of commands) {
      const words = [...command.trim().matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
        (word) => word[1] ?? word[2] ?? word[3] ?? '',
      );
      expect(words[0]).toBe('sluice');
      const { code, out: rows, err } = await cli(words.slice(1));
      expect([code, err]).toEqual([0, '']);
      expect(rows.split('\n').length).toBeGreaterThan(3);
    }
  });

  test('starts clean a second time and leaves what is not its own', async () => {
    writeFileSync(join(out, 'notes.txt'), 'mine');
    const before = readdirSync(join(out, 'inventory', 'customers', '_delta_log')).length;
    const { code, out: text } = await cli(['demo', '--out', out, '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(text)).toMatchObject({ proven: true, records: 397, failed: [] });
    expect(readdirSync(join(out, 'inventory', 'customers', '_delta_log')).length).toBeLessThan(before * 2);
    expect(readFileSync(join(out, 'notes.txt'), 'utf8')).toBe('mine');
  });

  test('touches no folder that it did not make', async () => {
    const foreign = join(folder, 'foreign');
    mkdirSync(join(foreign, 'inventory'), { recursive: true });
    writeFileSync(join(foreign, 'inventory', 'precious.txt'), 'mine');
    const { code, err } = await cli(['demo', '--out', foreign]);
    expect(code).toBe(2);
    expect(err).toContain('was not made by a demo');
    expect(existsSync(join(foreign, 'inventory', 'precious.txt'))).toBe(true);
  });

  test('its recording is the one that the tests replay', () => {
    const digest = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');
    const fixtures = 'test/fixtures/debezium/postgres';
    for (const file of readdirSync('demo/data/full')) {
      expect(digest(join('demo/data/full', file)), file).toBe(digest(join(fixtures, 'full', file)));
    }
    for (const file of ['phases.json', 'truth/7-numeric-infinity.json.gz']) {
      expect(digest(join('demo/data', file)), file).toBe(digest(join(fixtures, file)));
    }
  });
});
