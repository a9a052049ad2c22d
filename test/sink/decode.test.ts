import { from, lastValueFrom, map, toArray } from 'rxjs';
import { expect, test } from 'vitest';
import { debezium, decode, microBatch } from '../../src/index.js';
import { Op } from '../../src/cdc/changes.js';
import { change, raw } from './support/world.js';

test('batches become changes, and changes batches, in a pipeline of one’s own', async () => {
  const batch = (offset: number) => ({
    topic: 'o',
    partition: 0,
    base: offset,
    next: offset + 2,
    records: [change({ op: 'c', id: 1, table: 'orders', offset }), raw(offset + 1, null, 'no json')],
    bytes: 100,
    highWatermark: 4,
  });
  const ops$ = from([batch(0), batch(2)]).pipe(
    decode(debezium()),
    microBatch({
      maxMs: 10,
      maxBytes: 1 << 20,
      maxRows: 3,
      sizeOf: ({ bytes }) => bytes,
      rowsOf: ({ length }) => length,
    }),
    map((changes) => changes.flatMap(({ op }) => [...op])),
    toArray(),
  );
  expect(await lastValueFrom(ops$)).toEqual([[Op.create, Op.bad, Op.create, Op.bad]]);
});
