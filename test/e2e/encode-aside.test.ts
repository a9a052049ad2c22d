import { beforeAll, expect, test } from 'vitest';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { buildPackage } from './support/package.js';

beforeAll(async () => {
  await buildPackage();
});

/** Only the built package has a script that a thread can run. */
test('a large table is encoded on another thread into the same bytes, and the process ends by itself', async () => {
  const script = `
    import { TableBuilder } from './dist/src/columnar/table-builder.js';
    import { writeParquet, writeParquetAside } from './dist/src/columnar/parquet.js';
    const field = (name, type) => ({ name, type: { kind: 'primitive', name: type }, nullable: true, metadata: {} });
    const builder = new TableBuilder({ kind: 'struct', fields: [field('id', 'long'), field('text', 'string')] });
    for (let i = 0; i < 200_000; i++) {
      builder.column(0).append(BigInt(i));
      builder.column(1).append('row ' + i);
    }
    const table = builder.finish();
    const [one, two] = await Promise.all([writeParquetAside(table), writeParquetAside(table)]);
    const here = Buffer.from(writeParquet(table));
    console.log(here.equals(one), here.equals(two), one.byteLength > 100_000);
  `;
  const args = ['--input-type=module', '-e', script];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 60_000 });
  expect(stdout.trim()).toBe('true true true');
});
