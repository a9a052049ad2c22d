import { kafka } from '../../source/kafka/kafka.js';
import type { ChangeSource } from '../../source/change-source.js';
import { replay } from '../../source/replay/replay.js';
import { deltaSink } from '../../sink/delta-sink.js';
import type { RunSummary } from '../../sink/sink-events.js';
import type { Context } from '../context.js';
import { linesOf } from '../run/event-lines.js';
import { RunTally } from '../run/run-tally.js';
import { progressBar } from '../terminal-bar.js';
import type { DemoTopics } from './demo-topics.js';
import type { DemoRecording } from './recording.js';

/** So few that a table has a history worth looking at. A connector's own default is 500 000. */
const ROWS_PER_BATCH = 12;

/** The recording as a source, from its files. */
export function recordedSource({ files, ends }: DemoRecording): ChangeSource {
  return replay({ files: [files], id: 'sluice-demo', upTo: ends });
}

/** The recording as a source, from the topics that hold it. */
export function topicSource(brokers: readonly string[], { names, prefix }: DemoTopics): ChangeSource {
  return kafka({ brokers, topics: names, groupId: prefix });
}

/** Runs the stream through the sink, into tables below `folder`, until it is drained. */
export async function fillTables(
  { io, tell }: Context,
  source: ChangeSource,
  { folder, total }: { readonly folder: string; readonly total: number },
): Promise<RunSummary> {
  await using open = source;
  using bar = progressBar(io.stderr, tell, 'records');
  const tally = new RunTally();
  const run = deltaSink(open, {
    base: folder,
    batch: { maxRows: ROWS_PER_BATCH },
    untilEnd: true,
  });
  run.events$.subscribe((event) => {
    tally.count(event);
    bar.update(tally.position.done, total, '');
    if (event.kind === 'failed' || event.kind === 'waiting' || event.kind === 'resumed') {
      for (const line of linesOf(event)) bar.line(line);
    }
  });
  const stop = () => void run.stop();
  io.signal.addEventListener('abort', stop, { once: true });
  try {
    const summary = await run.done;
    io.signal.throwIfAborted();
    return summary;
  } finally {
    io.signal.removeEventListener('abort', stop);
  }
}
