import { must } from '../base/errors.js';
import type { RecordProblem } from '../cdc/changes.js';
import type { RawRecord } from '../cdc/record.js';
import type { TopicPartition } from '../source/change-source.js';
import { firstRowAt } from './held-slices.js';
import type { BadRecord, Slice } from './settler.js';

/** A record that cannot be applied, as it came, and why. */
export type DeadLetter = TopicPartition & {
  readonly offset: number;
  readonly record: RawRecord;
  readonly problem: RecordProblem;
  /** The table that it was meant for, if that is known. */
  readonly table: string | undefined;
};

/**
 * Where records that cannot be applied are put aside. A crash between the writing and the commit that passes
 * them leaves them there twice; (topic, partition, offset) tells.
 */
export interface DeadLetters extends AsyncDisposable {
  /** Resolves once the letters are safe: only then may offsets move past them. */
  write(letters: readonly DeadLetter[], signal: AbortSignal): Promise<void>;
}

const stages: Readonly<Record<RecordProblem['kind'], string>> = {
  json: 'VALUE_CONVERTER',
  envelope: 'VALUE_CONVERTER',
  key: 'KEY_CONVERTER',
  value: 'TASK_PUT',
  schema: 'TASK_PUT',
};

/**
 * The headers that Kafka Connect adds to a dead letter (KIP-298, "Headers"), all values as text. They name the
 * record's place and what is wrong with it; none of them holds row data.
 */
export function contextHeaders(letter: DeadLetter, connector: string): Readonly<Record<string, string>> {
  const { topic, partition, offset, problem } = letter;
  const message = problem.field === undefined ? problem.reason : `${problem.reason}: field ${problem.field}`;
  const prefix = '__connect.errors';
  return {
    [`${prefix}.topic`]: topic,
    [`${prefix}.partition`]: String(partition),
    [`${prefix}.offset`]: String(offset),
    [`${prefix}.connector.name`]: connector,
    [`${prefix}.task.id`]: '0',
    [`${prefix}.stage`]: stages[problem.kind],
    [`${prefix}.class.name`]: 'sluice.DeltaSink',
    [`${prefix}.exception.class.name`]: 'sluice.RECORD_INVALID',
    [`${prefix}.exception.message`]: message,
    [`${prefix}.exception.stacktrace`]: `RECORD_INVALID: ${message}`,
  };
}

/** The letters for records that a table's settler found bad, with the records as they came. */
export function lettersOf(
  records: readonly BadRecord[],
  slices: readonly Slice[],
  table: string,
): readonly DeadLetter[] {
  return records.map(({ topic, partition, offset, problem }) => {
    const slice = must(
      slices.find((each) => {
        return (
          each.topic === topic && each.partition === partition && each.base <= offset && offset < each.next
        );
      }),
      `the slice of ${topic}:${partition} that holds offset ${offset}`,
    );
    const row = must(slice.rows[firstRowAt(slice, offset)], `the record at offset ${offset}`);
    return { topic, partition, offset, record: slice.changes.raw(row), problem, table };
  });
}
