import { describe, expect, test } from 'vitest';
import { SluiceError } from '../../src/base/errors.js';
import { never } from '../../src/base/signals.js';
import { Assignment } from '../../src/source/kafka/assignment.js';
import { HandOver } from '../../src/source/kafka/hand-over.js';

/** An assignment of one partition that is wanted from offset 5, over an admin that answers in turn. */
function assignedTo(answers: readonly (SluiceError | { readonly low: number; readonly high: number })[]) {
  let asked = 0;
  let end: (how: string) => void = () => undefined;
  const ended = new Promise<string>((resolve) => (end = resolve));
  const assignment = new Assignment({
    partitions: new Map([['t', [0]]]),
    member: {
      start: () => Promise.resolve(),
      seek: (_topic, _partition, offset) => end(`begins at ${offset}`),
      pause: () => undefined,
      resume: () => undefined,
      commit: () => Promise.resolve(),
      stop: () => Promise.resolve(),
    },
    admin: {
      watermarks: () => {
        const answer = answers[Math.min(asked++, answers.length - 1)];
        if (answer === undefined || answer instanceof SluiceError) return Promise.reject(answer);
        return Promise.resolve(new Map([[0, answer]]));
      },
    },
    queue: new HandOver(1 << 20),
    resumeAt: () => Promise.resolve(5),
    signal: never,
    gone: () => false,
    back: () => undefined,
    fail: (cause) => end(`fails: ${cause instanceof Error ? cause.message : String(cause)}`),
  });
  return { assignment, ended, asked: () => asked };
}

function assigned(answers: Parameters<typeof assignedTo>[0]) {
  const made = assignedTo(answers);
  made.assignment.tell();
  made.assignment.ask();
  return made;
}

const unavailable = (retry: 'safe' | 'never') =>
  new SluiceError('BROKER_UNAVAILABLE', `no broker (${retry})`, { retry });

describe('an assignment whose watermarks are not to be had', () => {
  test('goes on asking for as long as waiting can heal it', async () => {
    const { ended, asked } = assigned([unavailable('safe'), { low: 0, high: 9 }]);
    expect(await ended).toBe('begins at 5');
    expect(asked()).toBe(2);
  });

  test('ends with what waiting cannot heal', async () => {
    const { ended } = assigned([unavailable('never')]);
    expect(await ended).toBe('fails: no broker (never)');
  });
});

describe('an assignment that nobody has heard of', () => {
  test('is not moved by what is said of the one before', async () => {
    const { assignment, ended } = assignedTo([{ low: 0, high: 9 }]);
    assignment.seek({ topic: 't', partition: 0 }, 7);
    assignment.tell();
    assignment.ask();
    expect(await ended).toBe('begins at 5');
  });

  test('is moved as soon as it is told', async () => {
    const { assignment, ended } = assignedTo([{ low: 0, high: 9 }]);
    assignment.tell();
    assignment.seek({ topic: 't', partition: 0 }, 7);
    expect(await ended).toBe('begins at 7');
  });
});
