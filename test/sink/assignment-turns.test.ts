import { describe, expect, test } from 'vitest';
import { AssignmentTurns } from '../../src/sink/assignment-turns.js';
import type { SourceEvent } from '../../src/source/change-source.js';

const one = { topic: 't', partition: 1 };
const other = { topic: 't', partition: 2 };
const assigned: SourceEvent = { kind: 'assigned', partitions: [one] };

describe('the turns of assignments', () => {
  test('a partition is behind from when its assignment is handed over until that is dealt with', () => {
    const turns = new AssignmentTurns();
    expect(turns.isBehind(one)).toBe(false);
    turns.handed(assigned);
    expect(turns.isBehind(one)).toBe(true);
    expect(turns.isBehind(other)).toBe(false);
    turns.handed(assigned);
    turns.handled(assigned);
    expect(turns.isBehind(one)).toBe(true);
    turns.handled(assigned);
    expect(turns.isBehind(one)).toBe(false);
  });

  test('an answer waits until what was handed over before the question has been dealt with', async () => {
    const turns = new AssignmentTurns();
    turns.handed(assigned);
    const order: string[] = [];
    const answered = turns.caughtUp(one).then(() => order.push('answered'));
    await turns.caughtUp(other);
    order.push('other');
    turns.handled(assigned);
    await answered;
    expect(order).toEqual(['other', 'answered']);
  });
});
