import { describe, expect, test } from 'vitest';
import { TestScheduler } from 'rxjs/testing';
import { map, Subject } from 'rxjs';
import { microBatch, type MicroBatchOptions } from '../../src/pipeline/micro-batch.js';

type Bounds = Partial<Pick<MicroBatchOptions<string>, 'maxMs' | 'maxBytes' | 'maxRows'>>;

/** Every item has the size of its digit (letters: 1). Batches are shown as joined text. */
function marbles(bounds: Bounds, input: string, output: string, values: Record<string, string>): void {
  const scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected));
  scheduler.run(({ hot, expectObservable }) => {
    const batches = hot(input).pipe(
      microBatch({
        maxMs: 1000,
        maxBytes: 1000,
        maxRows: 1000,
        ...bounds,
        sizeOf: (item: string) => Number(item) || 1,
        scheduler,
      }),
      map((batch) => batch.join('')),
    );
    expectObservable(batches).toBe(output, values);
  });
}

describe('microBatch', () => {
  test('closes a set time after its first item, not after its last', () => {
    marbles({ maxMs: 4 }, 'a-b------c-|', '----x------(y|)', { x: 'ab', y: 'c' });
  });

  test('closes with the row that reaches the bound', () => {
    marbles({ maxRows: 2 }, 'a-b-c-|', '--x---(y|)', { x: 'ab', y: 'c' });
  });

  test('closes with the byte that reaches the bound', () => {
    marbles({ maxBytes: 6 }, '2-3-4-1-|', '----x---(y|)', { x: '234', y: '1' });
  });

  test('one item larger than the bound is a batch by itself', () => {
    marbles({ maxBytes: 5 }, '9-1-|', 'x---(y|)', { x: '9', y: '1' });
  });

  test('an idle stream emits nothing, however long it is idle', () => {
    marbles({ maxMs: 2 }, '----------|', '----------|', {});
  });

  test('a batch that was closed by its size leaves no clock behind for the next one', () => {
    marbles({ maxMs: 5, maxRows: 2 }, 'ab---c-----|', '-x--------y|', { x: 'ab', y: 'c' });
  });

  test('an error drops the open batch', () => {
    marbles({ maxMs: 9 }, 'a-b-#', '----#', {});
  });

  test('a consumer that feeds back while it is handed a batch finds the next one empty', () => {
    const source = new Subject<string>();
    const seen: string[] = [];
    source
      .pipe(microBatch({ maxMs: 1000, maxBytes: 1000, maxRows: 2, sizeOf: () => 1 }))
      .subscribe((batch) => {
        seen.push(batch.join(''));
        if (seen.length === 1) source.next('c');
      });
    source.next('a');
    source.next('b');
    source.complete();
    expect(seen).toEqual(['ab', 'c']);
  });
});
