import { expect, test } from 'vitest';
import { changeOffsets } from '../../../src/sink/offsets/change-offsets.js';
import type { Slice } from '../../../src/sink/settler.js';
import { memoryStore } from '../../../src/storage/memory.js';
import { sliceOf } from '../../support/change-events.js';
import { never, settlerOf, tableRows } from '../../support/postgres-replay.js';

const P0 = { topic: 'test.public.items', partition: 0 };

/** One row an offset, of the first making of the topic or the second. */
const rows = (from: number, upTo: number, making: 1 | 2): Slice =>
  sliceOf(
    from,
    Array.from({ length: upTo - from }, (_, at) => {
      const id = 100 * making + from + at;
      return { op: 'c', key: { id }, after: { id }, lsn: 1000 * making + from + at } as const;
    }),
  );

test.each([
  ['lies behind what the newer holds', 2, 3],
  ['reaches beyond what the newer holds', 2, 8],
  ['goes on where the newer stands', 4, 6],
])(
  'R6: what a worker read of a topic before an operator accepted a newer one is refused, if it %s',
  async (_, from, upTo) => {
    const store = memoryStore();
    const { settler: first } = settlerOf(store);
    await first.settle([rows(0, 2, 1)], never);
    await first.recover([P0], never);
    await changeOffsets(store, { kind: 'accept-new-topic' }, { by: 'operator', signal: never });
    const { settler: other } = settlerOf(store);
    expect(await other.recover([P0], never)).toEqual(new Map([['test.public.items:0', 0]]));
    expect(await other.settle([rows(0, 4, 2)], never)).toMatchObject({ kind: 'committed' });

    expect(await first.settle([rows(from, upTo, 1)], never)).toMatchObject({ kind: 'rewound', ...P0 });
    const ids = (await tableRows(store)).map(({ id }) => Number(id)).toSorted((a, b) => a - b);
    expect(ids).toEqual([100, 101, 200, 201, 202, 203]);
    // Asked again it is told where the newer one stands, and goes on there.
    expect(await first.recover([P0], never)).toEqual(new Map([['test.public.items:0', 4]]));
    expect(await first.settle([rows(4, 5, 2)], never)).toMatchObject({ kind: 'committed' });
  },
);
