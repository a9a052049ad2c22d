import { beforeAll, describe, expect, test } from 'vitest';
import { Writable } from 'node:stream';
import { never } from '../../src/base/signals.js';
import { fromIpc } from '../../src/columnar/arrow.js';
import { openParquet } from '../../src/columnar/parquet.js';
import { createTable } from '../../src/operations/create-table.js';
import { DeltaTable } from '../../src/operations/delta-table.js';
import { parseColumnsText } from '../../src/schema/type-text.js';
import { openStore } from '../../src/storage/open-store.js';
import { cli, Collector } from '../support/cli.js';

const URL = 'memory://cli-table/people';

async function makeTable(
  url: string,
  columns: string,
  batches: readonly (readonly object[])[],
): Promise<void> {
  const fields = parseColumnsText(columns).map(({ field }) => field);
  await createTable(openStore(url), {
    schema: { kind: 'struct', fields },
    properties: { 'delta.enableChangeDataFeed': 'true' },
    signal: never,
  });
  for (const rows of batches) await (await DeltaTable.open(url)).append(rows as never);
}

beforeAll(async () => {
  await makeTable(URL, 'id BIGINT NOT NULL, name STRING, owed DECIMAL(10,2), at TIMESTAMP', [
    [
      { id: 9223372036854775807n, name: 'Ada, "the first"', owed: '1.50', at: '2026-01-31T00:00:00Z' },
      { id: 2n, name: '', owed: null, at: null },
    ],
    [{ id: 3n, name: null, owed: '-0.05', at: '1969-12-31T23:59:59.999999Z' }],
  ]);
});

describe('table read', () => {
  test('prints canonical NDJSON, int64 without loss', async () => {
    const { out, code, err } = await cli(['table', 'read', URL]);
    expect(out).toBe(
      [
        '{"id":9223372036854775807,"name":"Ada, \\"the first\\"","owed":"1.50","at":"2026-01-31T00:00:00.000000Z"}',
        '{"id":2,"name":"","owed":null,"at":null}',
        '{"id":3,"name":null,"owed":"-0.05","at":"1969-12-31T23:59:59.999999Z"}',
        '',
      ].join('\n'),
    );
    expect([code, err]).toEqual([0, '']);
    expect((await cli(['table', 'read', URL, '--json'])).out).toBe(out);
  });

  test('prints CSV with a header, a null apart from an empty text', async () => {
    const { out } = await cli(['table', 'read', URL, '--format', 'csv']);
    expect(out).toBe(
      'id,name,owed,at\r\n' +
        '9223372036854775807,"Ada, ""the first""",1.50,2026-01-31T00:00:00.000000Z\r\n' +
        '2,"",,\r\n' +
        '3,,-0.05,1969-12-31T23:59:59.999999Z\r\n',
    );
  });

  test('prints a text table', async () => {
    const { out } = await cli([
      'table',
      'read',
      URL,
      '--format',
      'table',
      '--columns',
      'owed,id',
      '--limit',
      '1',
    ]);
    expect(out).toBe(
      [
        '┌──────┬─────────────────────┐',
        '│ owed │                  id │',
        '├──────┼─────────────────────┤',
        '│ 1.50 │ 9223372036854775807 │',
        '└──────┴─────────────────────┘',
        '',
      ].join('\n'),
    );
  });

  test('writes one Arrow stream over all batches', async () => {
    const { bytes } = await cli(['table', 'read', URL, '--format', 'arrow']);
    const table = fromIpc(bytes);
    expect(table.numRows).toBe(3);
    expect([...(table.getChild('id') ?? [])]).toEqual([9223372036854775807n, 2n, 3n]);
  });

  test('writes one Parquet file over all batches', async () => {
    const { bytes } = await cli(['table', 'read', URL, '--format', 'parquet', '--columns', 'name,id']);
    const reader = await openParquet({
      size: bytes.length,
      read: async (start, end) => bytes.subarray(start, end),
    });
    expect(reader.rows).toBe(3);
    expect(reader.schema.fields.map(({ name }) => name)).toEqual(['name', 'id']);
  });

  test('gives a header, a schema, a file also where there are no rows', async () => {
    const none = ['--where', 'id < 0'];
    expect((await cli(['table', 'read', URL, ...none])).out).toBe('');
    expect((await cli(['table', 'read', URL, ...none, '--format', 'csv'])).out).toBe('id,name,owed,at\r\n');
    const arrow = await cli(['table', 'read', URL, ...none, '--format', 'arrow']);
    expect(fromIpc(arrow.bytes).schema.fields.length).toBe(4);
    const { bytes } = await cli(['table', 'read', URL, ...none, '--format', 'parquet']);
    const reader = await openParquet({ size: bytes.length, read: async (a, b) => bytes.subarray(a, b) });
    expect([reader.rows, reader.schema.fields.length]).toEqual([0, 4]);
  });

  test('filters, limits over batches, and travels in time', async () => {
    expect((await cli(['table', 'read', URL, '--where', 'owed < 0', '--columns', 'id'])).out).toBe(
      '{"id":3}\n',
    );
    const both = ['--where', "id > 2 AND coalesce(name, '') <> 'x'", '--columns', 'owed,id'];
    expect((await cli(['table', 'read', URL, ...both])).out.split('\n').toSorted()).toEqual([
      '',
      '{"owed":"-0.05","id":3}',
      '{"owed":"1.50","id":9223372036854775807}',
    ]);
    const one = (await cli(['table', 'read', URL, ...both, '--limit', '1'])).out.trim().split('\n');
    expect(one.length).toBe(1);
    expect(one[0]).toMatch(/^\{"owed":.*,"id":(3|9223372036854775807)\}$/);
    expect((await cli(['table', 'read', URL, '--limit', '0'])).out).toBe('');
    expect((await cli(['table', 'read', URL, '--limit', '3'])).out.split('\n').length).toBe(4);
    expect((await cli(['table', 'read', URL, '--version', '1'])).out.split('\n').length).toBe(3);
    expect((await cli(['table', 'read', URL, '--version', '0'])).out).toBe('');
    const [latest] = (await cli(['table', 'history', URL, '--json', '--limit', '1'])).out.split('\n');
    const { timestamp } = JSON.parse(latest ?? '');
    expect((await cli(['table', 'read', URL, '--timestamp', timestamp])).out.split('\n').length).toBe(4);
    const late = await cli(['table', 'read', URL, '--timestamp', '9999-01-01']);
    expect([late.code, late.out]).toEqual([1, '']);
    expect(late.err).toMatch(/^error\[VERSION_NOT_FOUND\].*\n.*version 0 .* to version 2 /);
  });

  test('refuses binary formats on a terminal', async () => {
    const terminal = new Collector({ isTTY: true });
    const { code, err } = await cli(['table', 'read', URL, '--format', 'parquet'], { stdout: terminal });
    expect([code, terminal.bytes.length]).toEqual([2, 0]);
    expect(err).toContain('hint: send it to a file: > rows.parquet');
  });
});

describe('the rest of table', () => {
  test('changes gives both ends of the range, by version and by time', async () => {
    const both = await cli(['table', 'changes', URL, '--from', '1', '--to', '2', '--format', 'csv']);
    expect(both.out.split('\r\n')[0]).toBe('id,name,owed,at,_change_type,_commit_version,_commit_timestamp');
    expect(both.out.split('\r\n').length).toBe(5);
    const last = await cli(['table', 'changes', URL, '--from', '2']);
    expect(last.out).toMatch(/^{"id":3,.*"_change_type":"insert","_commit_version":2,"_commit_timestamp":"2/);
    const since = await cli([
      'table',
      'changes',
      URL,
      '--from',
      '2001-01-01',
      '--to',
      '9999-01-01T00:00:00Z',
    ]);
    expect(since.out.split('\n').length).toBe(4);
  });

  test('history is latest first, and with --json in the shape of DESCRIBE HISTORY', async () => {
    const { out } = await cli(['table', 'history', URL]);
    expect(out.split('\n').map((line) => line.trim().split(/\s+/)[0])).toEqual([
      'version',
      '2',
      '1',
      '0',
      '',
    ]);
    expect(out).toMatch(/WRITE +\+1 /);
    const json = await cli(['table', 'history', URL, '--json', '--limit', '1']);
    expect(JSON.parse(json.out)).toMatchObject({
      version: 2,
      operation: 'WRITE',
      operationMetrics: { numOutputRows: '1' },
      userMetadata: null,
    });
  });

  test('detail, schema and files tell what they say, for people and for machines', async () => {
    const detail = await cli(['table', 'detail', URL]);
    expect(detail.out).toMatch(/^location +memory:\/\/cli-table\/people$/m);
    expect(JSON.parse((await cli(['table', 'detail', URL, '--json'])).out)).toMatchObject({
      format: 'delta',
      numFiles: 2,
    });
    const schema = await cli(['table', 'schema', URL]);
    expect(schema.out).toMatch(/^id +bigint +not null$/m);
    expect(schema.out).toMatch(/^owed +decimal\(10,2\)$/m);
    expect(JSON.parse((await cli(['table', 'schema', URL, '--json'])).out)).toMatchObject({ type: 'struct' });
    const files = (await cli(['table', 'files', URL, '--json'])).out.trim().split('\n');
    expect(
      files.map((line) => (JSON.parse(line) as { rows: number }).rows).toSorted((a, b) => a - b),
    ).toEqual([1, 2]);
    expect((await cli(['table', 'files', URL, '--version', '1'])).out.trim().split('\n').length).toBe(2);
  });

  test('files with a condition are those that a read of its rows opens', async () => {
    const rowsOf = async (where: string): Promise<readonly number[]> => {
      const { out, code } = await cli(['table', 'files', URL, '--json', '--where', where]);
      expect(code).toBe(0);
      return out.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line).rows]));
    };
    expect(await rowsOf('owed < 0')).toEqual([1]);
    expect(await rowsOf("at >= '2026-01-31' AND owed > 0")).toEqual([2]);
    expect((await rowsOf('id >= 2')).toSorted()).toEqual([1, 2]);
    expect(await rowsOf('id = 1')).toEqual([]);
    expect(await rowsOf('at > now() + INTERVAL 100 YEARS')).toEqual([]);
    const unknown = await cli(['table', 'files', URL, '--where', 'idd = 3']);
    expect([unknown.code, unknown.out]).toEqual([2, '']);
    expect(unknown.err).toMatch(/^error\[[A-Z_]+\]: .*idd/);
  });
});

describe('the output', () => {
  const WIDE = 'memory://cli-table/wide';

  beforeAll(async () => {
    const rows = Array.from({ length: 5_000 }, (_, id) => ({ id, text: 'x'.repeat(200) }));
    await makeTable(WIDE, 'id INT, text STRING', [rows]);
  });

  test('is written no faster than the reader takes it', async () => {
    let bytes = 0;
    let mostHeld = 0;
    const slow = new Writable({
      highWaterMark: 1,
      write: (piece: Buffer, _encoding, done) => {
        bytes += piece.length;
        setImmediate(() => {
          mostHeld = Math.max(mostHeld, slow.writableLength);
          done();
        });
      },
    });
    const { code } = await cli(['table', 'read', WIDE], { stdout: slow });
    expect(code).toBe(0);
    expect(bytes).toBeGreaterThan(1_000_000);
    // One piece at a time.
    expect(mostHeld).toBeLessThan(100_000);
  });

  test('ends in silence when its reader goes away', async () => {
    let pieces = 0;
    const gone = new Writable({
      highWaterMark: 1,
      write: (_piece, _encoding, done) => {
        pieces += 1;
        done(pieces < 3 ? null : Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
      },
    });
    const { code, err } = await cli(['table', 'read', WIDE], { stdout: gone });
    expect([code, err]).toEqual([0, '']);
    expect(pieces).toBe(3);
  });

  test('that breaks for another reason is an error', async () => {
    const full = new Writable({
      highWaterMark: 1,
      write: (_piece, _encoding, done) => {
        done(Object.assign(new Error('write ENOSPC'), { code: 'ENOSPC' }));
      },
    });
    const { code, err } = await cli(['table', 'read', WIDE], { stdout: full });
    expect(code).toBe(1);
    expect(err).toContain('ENOSPC');
  });

  test('stops when the call is interrupted', async () => {
    const interrupting = new AbortController();
    const { Interruption } = await import('../../src/cli/interruption.js');
    const stdout = new Collector({ heard: () => interrupting.abort(new Interruption('SIGINT')) });
    const { code, err } = await cli(['table', 'read', WIDE], { stdout, signal: interrupting.signal });
    expect([code, err]).toEqual([130, 'interrupted\n']);
  });
});

describe('table update and delete', () => {
  test('say the version and what became of the rows', async () => {
    const url = 'memory://cli-table/changed';
    await makeTable(url, 'id BIGINT, name STRING', [[1n, 2n, 3n].map((id) => ({ id, name: `n${id}` }))]);
    const updated = await cli(['table', 'update', url, '--set', "name='= ' || name", '--where', 'id > 1']);
    expect([updated.code, updated.out]).toEqual([0, expect.stringMatching(/^version 2 .*numUpdatedRows 2/)]);
    const deleted = await cli(['table', 'delete', url, '--where', 'id = 2', '--json']);
    expect(JSON.parse(deleted.out)).toMatchObject({ version: 3, metrics: { numDeletedRows: '1' } });
    expect((await cli(['table', 'delete', url, '--where', 'id = 2'])).out).toBe('nothing to do\n');
    expect((await cli(['table', 'read', url])).out).toBe('{"id":1,"name":"n1"}\n{"id":3,"name":"= n3"}\n');
  });

  test('refuse what they cannot do, and name it', async () => {
    const url = 'memory://cli-table/refused';
    await makeTable(url, 'id BIGINT', [[{ id: 1n }]]);
    expect((await cli(['table', 'update', url])).code).toBe(2);
    const unknown = await cli(['table', 'update', url, '--set', 'nope=1']);
    expect([unknown.code, unknown.err]).toEqual([2, expect.stringContaining('EXPRESSION_INVALID')]);
  });
});

describe('table restore', () => {
  test('brings a version back, and asks which', async () => {
    const url = 'memory://cli-table/restored';
    await makeTable(url, 'id BIGINT', [[{ id: 1n }], [{ id: 2n }]]);
    expect((await cli(['table', 'restore', url])).code).toBe(2);
    const { out, code } = await cli(['table', 'restore', url, '--version', '1']);
    expect([code, out]).toEqual([0, expect.stringMatching(/^version 3 .*numRemovedFiles 1/)]);
    expect((await cli(['table', 'read', url])).out).toBe('{"id":1}\n');
  });
});
