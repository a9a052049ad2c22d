import { afterAll, describe, expect, test } from 'vitest';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { Interruption } from '../../src/cli/interruption.js';
import { DeltaTable } from '../../src/operations/delta-table.js';
import { cli } from '../support/cli.js';

const folder = mkdtempSync(join(tmpdir(), 'sluice-run-test-'));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Settings = Readonly<Record<string, string>>;

let files = 0;

/** A connector's file over the demo's recording, with these settings. */
function connector(name: string, settings: Settings): string {
  const path = join(folder, `${name}-${files++}.json`);
  const config = { source: 'replay', 'replay.files': 'demo/data/full', 'replay.id': name, ...settings };
  writeFileSync(path, JSON.stringify({ name, config }));
  return path;
}

/** A recording of one topic whose third record is no JSON. */
function brokenRecording(): string {
  const lines = gunzipSync(readFileSync('demo/data/full/full.inventory.phase_markers.ndjson.gz'))
    .toString('utf8')
    .split('\n');
  const third = JSON.parse(lines[2] ?? '') as { value: string };
  lines[2] = JSON.stringify({ ...third, value: '{"payload": secret-in-a-row' });
  const path = join(folder, 'broken.ndjson');
  writeFileSync(path, lines.join('\n'));
  return path;
}

describe('run', () => {
  test('drains a recording, tells each state change once, and sums up', async () => {
    const lake = join(folder, 'lake');
    const { code, err, out } = await cli([
      'run',
      connector('inventory', { 'table.url': lake }),
      '--until-end',
    ]);
    expect([code, out]).toEqual([0, '']);
    expect(err.match(/inventory\/customers: created at version 0/g)?.length).toBe(1);
    expect(err).toMatch(/inventory: drained: 580 records in [\d.]+ s, \d+ commits\n/);
    expect(err).toMatch(/inventory\/customers +\d+ +\d+ +25 /);
    const again = await cli(['run', connector('inventory', { 'table.url': lake }), '--until-end']);
    expect(again.code).toBe(0);
    expect(again.err).toContain(', 0 commits');
  });

  test('with --json puts events on standard output, the summary last', async () => {
    const path = connector('machine', { 'table.url': join(folder, 'machine') });
    const { code, out, err } = await cli(['run', path, '--until-end', '--json']);
    expect([code, err]).toEqual([0, '']);
    const events = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { kind: string; connector: string });
    expect(new Set(events.map((event) => event.connector))).toEqual(new Set(['machine']));
    expect(events.at(-1)).toMatchObject({ kind: 'summary', ended: 'drained', failed: [] });
    expect(events.some(({ kind }) => kind === 'committed')).toBe(true);
  });

  test('runs several connectors side by side', async () => {
    const one = connector('one', { 'table.url': join(folder, 'one') });
    const two = connector('two', { 'table.url': join(folder, 'two') });
    const { code, err } = await cli(['run', one, two, '--until-end']);
    expect(code).toBe(0);
    expect(err).toContain('one: drained');
    expect(err).toContain('two: drained');
  });

  test('exits with 1 and names topic, partition, offset and reason when a table failed; the others go on', async () => {
    const path = connector('bad', {
      'table.url': join(folder, 'bad'),
      'replay.files': `${brokenRecording()},demo/data/full/full.inventory.orders.ndjson.gz`,
    });
    const { code, err } = await cli(['run', path, '--until-end']);
    expect(code).toBe(1);
    expect(err).toMatch(
      /bad: error\[RECORD_INVALID\]: .*failed at topic full\.inventory\.phase_markers, partition 0, offset 2: /,
    );
    expect(err).not.toContain('secret-in-a-row');
    expect(err).toContain('1 table failed');
    expect((await DeltaTable.open(join(folder, 'bad/inventory/orders'))).version).toBeGreaterThanOrEqual(0);
  });

  test('puts bad records aside where it is told to', async () => {
    const letters = join(folder, 'letters', 'dead.ndjson');
    const path = connector('tolerant', {
      'table.url': join(folder, 'tolerant'),
      'replay.files': brokenRecording(),
      'errors.tolerance': 'all',
      'errors.deadletterqueue.file': letters,
    });
    const { code, err } = await cli(['run', path, '--until-end']);
    expect(code).toBe(0);
    expect(err).toContain('1 bad record put aside');
    expect(JSON.parse(readFileSync(letters, 'utf8'))).toMatchObject({ offset: '2', partition: 0 });
  });

  test.each([
    ['SIGTERM', 0],
    ['SIGINT', 130],
  ] as const)(
    'stops cleanly on %s with exit code %i, what was read being committed',
    async (by, expected) => {
      const interrupting = new AbortController();
      const lake = join(folder, `stopped-${by}`);
      const path = connector(`stopped-${by}`, { 'table.url': lake, 'flush.max.rows': '5' });
      const { code, err } = await cli(['run', path], {
        signal: interrupting.signal,
        heard: (text) => {
          if (text.includes('inventory/customers: created')) interrupting.abort(new Interruption(by));
        },
      });
      expect(code).toBe(expected);
      expect(err).toContain(': stopped: ');
      expect((await DeltaTable.open(join(lake, 'inventory/customers'))).version).toBeGreaterThanOrEqual(0);
      // And a later run finishes what is left.
      const { code: later } = await cli(['run', path, '--until-end']);
      expect(later).toBe(0);
      const rows = await (await DeltaTable.open(join(lake, 'inventory/customers'))).toRows();
      expect(rows.length).toBe(25);
    },
  );

  test('starts nothing while anything is wrong in any file', async () => {
    const good = connector('good', { 'table.url': join(folder, 'never') });
    const wrong = connector('wrong', { 'table.url': join(folder, 'never'), 'flush.max.rows': 'many' });
    const { code, err } = await cli(['run', good, wrong, '--until-end']);
    expect(code).toBe(1);
    expect(err).toContain('error[CONFIG_INVALID]: nothing was started');
    expect(err).toContain('flush.max.rows=many');
    expect(existsSync(join(folder, 'never'))).toBe(false);
    expect((await cli(['run', good, good])).err).toContain('two of the connectors are named good');
  });

  test('shows no value that came from outside', async () => {
    const hidden = join(folder, 'hidden-place');
    const path = connector('secretive', { 'table.url': '${env:LAKE}' });
    for (const flags of [[], ['--json']]) {
      const { code, err, out } = await cli(['run', path, '--until-end', ...flags], { env: { LAKE: hidden } });
      expect(code).toBe(0);
      expect(err + out).toContain('[secret]');
      expect(err + out).not.toContain('hidden-place');
    }
  });

  test('a recording that is not there ends the connector', async () => {
    const path = connector('lost', { 'table.url': join(folder, 'lost'), 'replay.files': 'nowhere/at/all' });
    const { code, err } = await cli(['run', path, '--until-end']);
    expect(code).toBe(1);
    expect(err).toContain('lost: error[FILE_NOT_FOUND]');
  });
});
