import type { HeaderValue } from '../cdc/record.js';
import type { RecordProducer } from '../kafka/producer.js';
import { contextHeaders, type DeadLetters } from './dead-letters.js';

/**
 * Dead letters in a topic, as Kafka Connect writes them: key, value and headers as they came, and the context
 * headers. The producer becomes the letters' own and is closed with them.
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
      await producer.send(topic, records, signal);
    },
    [Symbol.asyncDispose]: () => producer[Symbol.asyncDispose](),
  };
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
