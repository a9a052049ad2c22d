import type { FailedTable, SinkEvent } from '../../sink/sink-events.js';
import type { TableNote } from '../../sink/settler.js';

/** What people read of an event; nothing of those that come by the thousand. */
export function linesOf(event: SinkEvent): readonly string[] {
  switch (event.kind) {
    case 'read':
    case 'committed':
      return [];
    case 'table':
      return [`${event.table} is at ${event.url}`];
    case 'note':
      return [`${event.table}: ${noteText(event.note)}`];
    case 'unproven': {
      const { table, topic, partition, offset } = event;
      return [
        `warning: ${table}: the record it applied last, offset ${offset} of ${topic} ${partition}, is gone from the topic; going on`,
      ];
    }
    case 'dead-letters':
      return [`${event.table ?? 'no table'}: ${plural(event.count, 'bad record')} put aside`];
    case 'waiting':
      return [`${subject(event.table)}waiting: ${event.why}`];
    case 'resumed':
      return [`${subject(event.table)}resumed`];
    case 'failed':
      return failureLines(event.failure);
  }
}

/** `1 record`, `2 records`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function failureLines({
  code,
  table,
  topic,
  partition,
  offset,
  reason,
  hint,
}: FailedTable): readonly string[] {
  const place = [
    topic === undefined ? undefined : `topic ${topic}`,
    partition === undefined ? undefined : `partition ${partition}`,
    offset === undefined ? undefined : `offset ${offset}`,
  ].filter((part) => part !== undefined);
  const where = place.length === 0 ? '' : ` at ${place.join(', ')}`;
  const line = `error[${code}]: ${table === undefined ? 'the source' : `table ${table}`} failed${where}: ${reason}`;
  return hint === undefined ? [line] : [line, `hint: ${hint}`];
}

function noteText(note: TableNote): string {
  switch (note.kind) {
    case 'created':
      return `created at version ${note.version}`;
    case 'evolved': {
      const added = note.added.length === 0 ? [] : [`added ${note.added.join(', ')}`];
      const widened = note.widened.length === 0 ? [] : [`widened ${note.widened.join(', ')}`];
      return `${[...added, ...widened].join('; ')} at version ${note.version}`;
    }
    case 'nulled':
      return `column ${note.column}: ${note.reason}; such values become null (told once)`;
    case 'maintenance-failed':
    case 'cursors-passed':
      return note.message;
  }
}

function subject(table: string | undefined): string {
  return table === undefined ? '' : `${table}: `;
}
