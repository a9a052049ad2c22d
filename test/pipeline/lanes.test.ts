import { delay, of, type Observable } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, test } from 'vitest';
import { lanes } from '../../src/pipeline/lanes.js';

describe('lanes', () => {
  test('work of one lane is one after another, lanes do not wait for each other', () => {
    const scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected));
    scheduler.run(({ hot, expectObservable }) => {
      const work = (item: string): Observable<string> =>
        of(item).pipe(delay(item.startsWith('s') ? 5 : 1, scheduler));
      const source = hot('(ab)(cd)|', { a: 's1', b: 'q1', c: 's2', d: 'q2' });
      const done = source.pipe(lanes({ keyOf: (item) => item.charAt(0), work }));
      // Frame 0: s1 and q1 come; frame 4: s2 and q2. The slow lane takes 5 for each, the quick one 1.
      expectObservable(done).toBe('-a---(bd)-(c|)', { a: 'q1', b: 's1', c: 's2', d: 'q2' });
    });
  });
});
