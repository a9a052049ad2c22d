import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { partitionKey, type TopicPartition, type Watermarks } from '../change-source.js';
import { findFiles } from './find-files.js';
import { linesOf, type TextPlace } from './lines.js';
import { invalid, parseHead } from './recorded.js';

/** Where in a file the records of one partition lie. Other partitions' records may lie between them. */
export type Stretch = {
  readonly file: string;
  readonly from: TextPlace;
  /** The byte after the last of its lines. */
  readonly endByte: number;
  readonly firstOffset: number;
  readonly lastOffset: number;
};

/** One partition of a recording: its stretches in offset order. */
export type RecordedPartition = TopicPartition & Watermarks & { readonly stretches: readonly Stretch[] };

/** What a recording holds, found by one look at the beginning of each line. */
export type Recording = {
  readonly files: readonly string[];
  /** Sorted by topic, then partition. */
  readonly partitions: readonly RecordedPartition[];
  find(topic: string, partition: number): RecordedPartition | undefined;
};

/** Reads what the files hold. Offsets of a partition must rise; where not, `RECORD_INVALID` names the line. */
export async function loadRecording(wanted: readonly string[], signal: AbortSignal): Promise<Recording> {
  const files = await findFiles(wanted);
  const stretches = new Map<string, TopicPartition & { readonly stretches: Stretch[] }>();
  for (const file of files) {
    for (const [key, { topic, partition, stretch }] of await stretchesOf(file, signal)) {
      const known = stretches.get(key) ?? { topic, partition, stretches: [] };
      known.stretches.push(stretch);
      stretches.set(key, known);
    }
  }
  const partitions = [...stretches.values()].map(recordedPartition).sort(inOrder);
  const byKey = new Map(partitions.map((part) => [partitionKey(part.topic, part.partition), part]));
  return { files, partitions, find: (topic, partition) => byKey.get(partitionKey(topic, partition)) };
}

/** Stands for a recording that has no id: the same for the same file names, wherever they lie. */
export function recordingId(files: readonly string[]): string {
  const names = files.map((file) => basename(file)).sort();
  return `replay-${createHash('sha256').update(names.join('\n')).digest('hex').slice(0, 16)}`;
}

type FileStretch = TopicPartition & { stretch: Stretch };

async function stretchesOf(file: string, signal: AbortSignal): Promise<ReadonlyMap<string, FileStretch>> {
  const found = new Map<string, FileStretch>();
  for await (const { start, number, lines } of linesOf(file, { byte: 0, line: 1 }, signal)) {
    let byte = start;
    for (const [i, line] of lines.entries()) {
      const from = { byte, line: number + i };
      byte += line.length + 1;
      if (isBlank(line)) continue;
      const { topic, partition, offset } = parseHead(line, { file, line: from.line });
      const key = partitionKey(topic, partition);
      const known = found.get(key);
      if (known === undefined) {
        const stretch = { file, from, endByte: byte, firstOffset: offset, lastOffset: offset };
        found.set(key, { topic, partition, stretch });
      } else {
        if (offset <= known.stretch.lastOffset) {
          throw invalid({ file, line: from.line }, `offset ${offset} after ${known.stretch.lastOffset}`);
        }
        known.stretch = { ...known.stretch, endByte: byte, lastOffset: offset };
      }
    }
  }
  return found;
}

function recordedPartition(found: TopicPartition & { readonly stretches: Stretch[] }): RecordedPartition {
  const stretches = found.stretches.toSorted((a, b) => a.firstOffset - b.firstOffset);
  let next = 0;
  for (const { file, from, firstOffset, lastOffset } of stretches) {
    if (firstOffset < next)
      throw invalid({ file, line: from.line }, `offset ${firstOffset} is in another file too`);
    next = lastOffset + 1;
  }
  return { ...found, stretches, low: stretches[0]?.firstOffset ?? 0, high: next };
}

function inOrder(a: TopicPartition, b: TopicPartition): number {
  if (a.topic !== b.topic) return a.topic < b.topic ? -1 : 1;
  return a.partition - b.partition;
}

/** Whether a line holds nothing but white space: a line feed too many is no damage. */
export function isBlank(line: Buffer): boolean {
  return line.length === 0 || (line.length < 8 && line.toString('latin1').trim() === '');
}
