import { beforeEach, describe, expect, test } from 'vitest';
import { never } from '../../src/base/signals.js';
import { Interruption } from '../../src/cli/interruption.js';
import { alterTableActions } from '../../src/operations/alter.js';
import { append } from '../../src/operations/append.js';
import { LONG, field, struct } from '../../src/schema/build.js';
import { memoryStore } from '../../src/storage/memory.js';
import type { Snapshot } from '../../src/table/snapshot.js';
import { appended } from '../operations/merging.js';
import { commitActions, idV, newTable, rowsTable } from '../operations/tables.js';
import { cli, Collector } from '../support/cli.js';

let name = 0;
let URL = '';
let snapshot: Snapshot;

beforeEach(async () => {
  URL = `memory://cli-changes-${++name}`;
  snapshot = await appended(await newTable(memoryStore(`cli-changes-${name}`)), idV([1, 'a']), idV([2, 'b']));
});

async function addColumn(): Promise<void> {
  const schema = struct([...snapshot.schema.fields, field('extra', LONG)]);
  snapshot = await commitActions(
    snapshot,
    'ADD COLUMNS',
    () => alterTableActions(snapshot, { schema }).actions,
  );
  ({ snapshot } = await append(snapshot, [rowsTable(schema, [[3n, 'c', 7n]])], { signal: never }));
}

const ids = (out: string) => [...out.matchAll(/"id":(\d+)/g)].map(([, id]) => Number(id));

describe('table changes', () => {
  test('with a cursor gives each version once, and needs --from only the first time', async () => {
    const changes = ['table', 'changes', URL, '--cursor', 'nightly'];
    const without = await cli(changes);
    expect([without.code, without.out]).toEqual([2, '']);
    expect(without.err).toMatch(/^error\[USAGE\].*\n.*no cursor nightly yet/);
    expect(ids((await cli([...changes, '--from', '1'])).out)).toEqual([1, 2]);
    expect((await cli(changes)).out).toBe('');
    snapshot = await appended(snapshot, idV([3, 'c']));
    expect(ids((await cli([...changes, '--from', '0'])).out)).toEqual([3]);
    expect(ids((await cli(['table', 'changes', URL, '--from', '1'])).out)).toEqual([1, 2, 3]);
  });

  test('under a cursor ndjson goes on when columns are added, and other formats begin anew there', async () => {
    await addColumn();
    const { out } = await cli(['table', 'changes', URL, '--from', '0', '--cursor', 'json']);
    expect(ids(out)).toEqual([1, 2, 3]);
    expect(out.split('\n')[1]).not.toContain('extra');
    expect(out.split('\n')[2]).toContain('"extra":7');
    const csv = ['table', 'changes', URL, '--from', '0', '--cursor', 'csv', '--format', 'csv'];
    const first = await cli(csv);
    expect(first.code).toBe(1);
    expect(first.err).toMatch(/^error\[SCHEMA_CHANGED\]: the columns change at version 4/);
    expect(first.out).toMatch(/^id,v,_change_type,.*\r\n1,a,insert.*\r\n2,b,insert[^\n]*\r\n$/);
    const second = await cli(csv);
    expect(second.code).toBe(0);
    expect(second.out).toMatch(/^id,v,extra,_change_type,.*\r\n3,c,7,insert[^\n]*\r\n$/);
    // A range comes under its last schema.
    const range = await cli(['table', 'changes', URL, '--from', '0', '--format', 'csv']);
    expect(range.out).toMatch(/^id,v,extra,.*\r\n1,a,,insert/);
    expect((await cli(csv)).out).toMatch(/^id,v,extra,_change_type,_commit_version,_commit_timestamp\r\n$/);
  });

  test('--follow prints what is committed later, until it is interrupted', async () => {
    const aborter = new AbortController();
    const seen: number[] = [];
    let grown: Promise<unknown> | undefined;
    const stdout = new Collector({
      heard: (text) => {
        seen.push(...ids(text));
        if (seen.length === 2) grown ??= appended(snapshot, idV([3, 'c']));
        if (seen.includes(3)) aborter.abort(new Interruption('SIGINT'));
      },
    });
    const argv = ['table', 'changes', URL, '--from', '0', '--follow'];
    const { code } = await cli(argv, { stdout, signal: aborter.signal });
    await grown;
    expect(seen).toEqual([1, 2, 3]);
    expect(code).toBe(130);
  });

  test('what cannot be is said: no begin, an end that is followed, a Parquet file without end', async () => {
    expect((await cli(['table', 'changes', URL])).err).toMatch(/^error\[USAGE\].*\n.*--from/);
    const both = await cli(['table', 'changes', URL, '--from', '0', '--to', '1', '--follow']);
    expect([both.code, both.out]).toEqual([2, '']);
    const parquet = await cli(['table', 'changes', URL, '--from', '0', '--follow', '--format', 'parquet']);
    expect(parquet.err).toMatch(/^error\[USAGE\].*Parquet/);
    const late = await cli(['table', 'changes', URL, '--from', '7']);
    expect(late.err).toMatch(/^error\[VERSION_NOT_FOUND\].*from version 0 to 2/);
  });
});
