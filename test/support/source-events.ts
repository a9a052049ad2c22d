import { never } from '../../src/base/signals.js';
import type {
  ChangeSource,
  OpenOptions,
  SourceEvent,
  TopicPartition,
} from '../../src/source/change-source.js';

/** Everything from an offset to the end, as events. */
export async function readToEnd(
  source: ChangeSource,
  from: number | OpenOptions['resumeAt'] = 0,
): Promise<readonly SourceEvent[]> {
  const resumeAt = typeof from === 'number' ? () => Promise.resolve(from) : from;
  const events: SourceEvent[] = [];
  for await (const event of source.open({ resumeAt, untilEnd: true, signal: never })) events.push(event);
  return events;
}

/** The values that were handed over, as text. */
export function valuesOf(events: readonly SourceEvent[]): readonly string[] {
  return events.flatMap((event) =>
    event.kind === 'batch' ? event.batch.records.map(({ value }) => value?.toString() ?? 'null') : [],
  );
}

/** The offsets that were handed over. */
export function offsetsOf(events: readonly SourceEvent[]): readonly number[] {
  return events.flatMap((event) =>
    event.kind === 'batch' ? event.batch.records.map(({ offset }) => Number(offset)) : [],
  );
}

/** Where a partition stands after these events; undefined if they move nothing. */
export function positionOf(events: readonly SourceEvent[], at?: TopicPartition): number | undefined {
  let position: number | undefined;
  for (const event of events) {
    const range = event.kind === 'batch' ? event.batch : event.kind === 'progress' ? event : undefined;
    if (range === undefined) continue;
    if (at === undefined || (range.topic === at.topic && range.partition === at.partition))
      position = range.next;
  }
  return position;
}

/** Asks until the answer satisfies, for at most `withinMs`; for what happens in a broker in its own time. */
export async function eventually<T>(
  ask: () => Promise<T>,
  satisfies: (answer: T) => boolean,
  withinMs = 60_000,
): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (satisfies(answer)) return answer;
    if (performance.now() > deadline)
      throw new Error(`not within ${withinMs} ms; last: ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
