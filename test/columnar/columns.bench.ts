/**
 * What a row costs on its way through the columns: `npx vitest bench --run test/columnar`. 100,000 rows of eight mixed
 * columns; rows/s is a run's hz times that.
 */
import { bench, describe } from 'vitest';
import { rowSelector, takeRows } from '../../src/columnar/arrow.js';
import { computeStats } from '../../src/columnar/file-stats.js';
import { keyReader } from '../../src/columnar/key-columns.js';
import { ndjson } from '../../src/columnar/ndjson.js';
import { openParquet, writeParquet } from '../../src/columnar/parquet.js';
import {
  BooleanBuilder,
  DecimalBuilder,
  DoubleBuilder,
  IntBuilder,
  LongBuilder,
  TableBuilder,
  TimestampBuilder,
  Utf8Builder,
} from '../../src/columnar/table-builder.js';
import { parseExpression } from '../../src/expr/parse.js';
import {
  BOOLEAN,
  decimal,
  DOUBLE,
  field,
  INTEGER,
  LONG,
  STRING,
  struct,
  TIMESTAMP,
} from '../../src/schema/build.js';

const ROWS = 100_000;
const NAME = Buffer.from('customer-name-');
const SCHEMA = struct([
  field('id', LONG, false),
  field('n', INTEGER),
  field('name', STRING),
  field('city', STRING),
  field('x', DOUBLE),
  field('ok', BOOLEAN),
  field('at', TIMESTAMP),
  field('amount', decimal(12, 2)),
]);

function build() {
  const builder = new TableBuilder(SCHEMA);
  const [id, n, name, city, x, ok, at, amount] = SCHEMA.fields.map((_, index) => builder.column(index));
  if (!(id instanceof LongBuilder) || !(n instanceof IntBuilder) || !(name instanceof Utf8Builder))
    throw new Error('class');
  if (!(city instanceof Utf8Builder) || !(x instanceof DoubleBuilder) || !(ok instanceof BooleanBuilder))
    throw new Error('class');
  if (!(at instanceof TimestampBuilder) || !(amount instanceof DecimalBuilder)) throw new Error('class');
  for (let row = 0; row < ROWS; row++) {
    id.appendNumber(row * 7919);
    n.appendNumber(row & 65_535);
    name.appendUtf8(NAME, 0, NAME.length);
    city.appendString('Bonn am Rhein');
    x.appendNumber(row / 3);
    if (row % 10 === 0) ok.appendNull();
    else ok.appendBoolean(true);
    at.appendMicros(1_700_000_000_000_000 + row);
    amount.appendUnscaledNumber(row);
  }
  return builder.finish();
}

const table = build();
const bytes = writeParquet(table);
const file = await openParquet({
  size: bytes.length,
  read: async (start, end) => bytes.subarray(start, end),
});
const scattered = Uint32Array.from({ length: ROWS }, (_, row) => (row * 7919) % ROWS);
const condition = parseExpression("n > 100 and city = 'Bonn am Rhein' and amount < 500");
const selector = rowSelector(condition, SCHEMA);

describe('100,000 rows of eight columns', () => {
  bench('built', () => {
    build();
  });
  bench('written as Parquet', () => {
    writeParquet(table);
  });
  bench('read from Parquet', async () => {
    await file.read();
  });
  bench('measured for stats', () => {
    computeStats(table, SCHEMA, { columns: 32 });
  });
  bench('asked for their keys', () => {
    const key = keyReader(table, SCHEMA.fields.slice(0, 1));
    for (let row = 0; row < ROWS; row++) key(row);
  });
  bench('taken in another order', () => {
    takeRows(table, scattered);
  });
  bench('filtered', () => {
    selector(table);
  });
  bench('written as NDJSON', () => {
    for (const piece of ndjson(table, SCHEMA)) piece.at(0);
  });
});
