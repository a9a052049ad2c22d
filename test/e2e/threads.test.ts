import { beforeAll, expect, test } from 'vitest';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { buildPackage } from './support/package.js';

beforeAll(async () => {
  await buildPackage();
});

/** Only the built package has a script that a thread can run. */
const TABLE = `
  import { TableBuilder } from './dist/src/columnar/table-builder.js';
  import { openParquet, writeParquet, writeParquetAside } from './dist/src/columnar/parquet.js';
  const field = (name, type) => ({ name, type: { kind: 'primitive', name: type }, nullable: true, metadata: {} });
  const builder = new TableBuilder({ kind: 'struct', fields: [field('id', 'long'), field('text', 'string')] });
  for (let i = 0; i < 200_000; i++) {
    builder.column(0).append(BigInt(i));
    builder.column(1).append('row ' + i);
  }
  const table = builder.finish();
  const source = (body) => ({ size: body.byteLength, name: 'big', read: async (from, to) => body.subarray(from, to) });
`;

async function run(script: string): Promise<string> {
  const args = ['--input-type=module', '-e', `${TABLE}${script}`];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 60_000 });
  return stdout.trim();
}

test('a large table is encoded on another thread into the same bytes, and the process ends by itself', async () => {
  const script = `
    const [one, two] = await Promise.all([writeParquetAside(table), writeParquetAside(table)]);
    const here = Buffer.from(writeParquet(table));
    console.log(here.equals(one), here.equals(two), one.byteLength > 100_000);
  `;
  expect(await run(script)).toBe('true true true');
});

test('row groups are decoded on other threads, each into its own rows, and bad bytes fail alone', async () => {
  const script = `
    const body = writeParquet(table, { rowsPerGroup: 50_000, compression: 'uncompressed' });
    const file = await openParquet(source(body));
    const read = (from, group) => from.read({ groups: [group] });
    const broken = body.slice();
    broken.fill(0xff, 4, 60);
    const bad = read(await openParquet(source(broken)), 0).catch((error) => error.code);
    const tables = await Promise.all([3, 0, 1, 2].map((group) => read(file, group)));
    const edges = tables.map((rows) => [rows.numRows, rows.get(0).id, rows.get(49_999).text].join());
    console.log(await bad, edges.join(' '));
  `;
  expect(await run(script)).toBe(
    'CORRUPT_FILE 50000,150000,row 199999 50000,0,row 49999 50000,50000,row 99999 50000,100000,row 149999',
  );
});
