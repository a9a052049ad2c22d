import type { HeaderValue } from '../cdc/record.js';
import type { OutgoingRecord, RecordProducer } from '../kafka/producer.js';
import { contextHeaders, type DeadLetters } from './dead-letters.js';

/**
 * Letters are sent in requests of about this size. A broker takes up to `message.max.bytes` (1 MiB, if not configured)
 * of one partition at once, and refuses more for good.
 */
const REQUEST_BYTES = 256 << 10;

/** What a record and each of its headers cost besides their bytes, at most. Apache Kafka, "Message Format". */
const OVERHEAD_BYTES = 32;

/**
 * Dead letters in a topic, as Kafka Connect writes them: key, value and headers as they came, and the context
 * headers. A letter that the broker does not take, being larger than it allows, fails the writing. The producer becomes the letters' own and is closed with them.
 */
export function topicDeadLetters(
  producer: RecordProducer,
  { topic, connector }: { readonly topic: string; readonly connector: string },
): DeadLetters {
  return {
    write: async (letters, signal) => {
      const records = letters.map((letter) => ({
        key: letter.record.key,
        value: letter.record.value,
        headers: { ...ownHeaders(letter.record.headers ?? {}), ...contextHeaders(letter, connector) },
      }));
      for (const chunk of chunksOf(records)) await producer.send(topic, chunk, signal);
    },
    [Symbol.asyncDispose]: () => producer[Symbol.asyncDispose](),
  };
}

/** Runs of records that fit into a request; one that is too large for it is alone. */
function chunksOf(records: readonly OutgoingRecord[]): readonly (readonly OutgoingRecord[])[] {
  const chunks: OutgoingRecord[][] = [];
  let room = 0;
  for (const record of records) {
    const bytes = bytesOf(record);
    const last = chunks.at(-1);
    if (last !== undefined && bytes <= room) {
      last.push(record);
      room -= bytes;
    } else {
      chunks.push([record]);
      room = REQUEST_BYTES - bytes;
    }
  }
  return chunks;
}

function bytesOf({ key, value, headers = {} }: OutgoingRecord): number {
  let bytes = OVERHEAD_BYTES + (key?.length ?? 0) + (value?.length ?? 0);
  for (const [name, header] of Object.entries(headers)) {
    bytes += OVERHEAD_BYTES + Buffer.byteLength(name) + Buffer.byteLength(header);
  }
  return bytes;
}

// A name that occurs several times keeps its first value: the producer takes one of each.
function ownHeaders(headers: Readonly<Record<string, HeaderValue>>): Record<string, Buffer | string> {
  const own: Record<string, Buffer | string> = {};
  for (const [name, value] of Object.entries(headers)) {
    const first = typeof value === 'string' || Buffer.isBuffer(value) ? value : value?.[0];
    if (first !== undefined) own[name] = first;
  }
  return own;
}
