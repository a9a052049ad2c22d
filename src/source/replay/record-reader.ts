import type { RawRecord } from '../../cdc/record.js';
import { linesOf } from './lines.js';
import { parseRecord, type RecordingEncoding } from './recorded.js';
import { isBlank, type RecordedPartition } from './recording.js';

/** Reads one partition of a recording from an offset on, with a few hundred kilobytes read ahead. */
export class RecordReader implements AsyncDisposable {
  readonly #records: AsyncGenerator<readonly RawRecord[]>;
  #ready: readonly RawRecord[] = [];
  #at = 0;
  #headOffset = Infinity;
  #headMs = Infinity;
  #ended = false;

  constructor(part: RecordedPartition, from: number, encoding: RecordingEncoding, signal: AbortSignal) {
    this.#records = recordsOf(part, from, encoding, signal);
  }

  /** The next record, if one lies ready. */
  get head(): RawRecord | undefined {
    return this.#ready[this.#at];
  }

  /** The next record's offset and time as numbers; infinite if none lies ready. */
  get headOffset(): number {
    return this.#headOffset;
  }

  get headMs(): number {
    return this.#headMs;
  }

  /** Nothing more comes. Only known after `fill`. */
  get ended(): boolean {
    return this.#ended && this.head === undefined;
  }

  take(): void {
    this.#moveTo(this.#at + 1);
  }

  /** Resolves when a record lies ready or the end is known. */
  async fill(): Promise<void> {
    while (this.head === undefined && !this.#ended) {
      const { done, value } = await this.#records.next();
      this.#ended = done === true;
      this.#ready = done === true ? [] : value;
      this.#moveTo(0);
    }
  }

  #moveTo(at: number): void {
    this.#at = at;
    const head = this.head;
    this.#headOffset = head === undefined ? Infinity : Number(head.offset);
    this.#headMs = head === undefined ? Infinity : Number(head.timestamp);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#records.return(undefined);
  }
}

async function* recordsOf(
  part: RecordedPartition,
  from: number,
  encoding: RecordingEncoding,
  signal: AbortSignal,
): AsyncGenerator<readonly RawRecord[], void, void> {
  for (const { file, from: place, endByte, lastOffset } of part.stretches) {
    if (lastOffset < from) continue;
    for await (const { start, number, lines } of linesOf(file, place, signal)) {
      if (start >= endByte) break;
      let byte = start;
      const records: RawRecord[] = [];
      for (const [i, line] of lines.entries()) {
        if (byte >= endByte) break;
        byte += line.length + 1;
        if (isBlank(line)) continue;
        const { topic, partition, offset, record } = parseRecord(line, encoding, { file, line: number + i });
        if (topic === part.topic && partition === part.partition && offset >= from) records.push(record);
      }
      if (records.length > 0) yield records;
    }
  }
}
