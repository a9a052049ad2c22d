/** A header value as a Kafka client hands it over; a name that occurs several times holds a list. */
export type HeaderValue = Buffer | string | readonly (Buffer | string)[] | undefined;

/**
 * One Kafka record as it left the client. Structurally what kafkajs calls a `KafkaMessage`, so that a
 * fetched message needs no copy. `offset` and `timestamp` (ms since 1970) are decimal text.
 */
export type RawRecord = {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers?: Readonly<Record<string, HeaderValue>>;
  readonly offset: string;
  readonly timestamp: string;
};

/** The header's bytes as text, the first one where a name occurs several times; undefined if there is none. */
export function headerText(record: RawRecord, name: string): string | undefined {
  const value = record.headers?.[name];
  const first = Array.isArray(value) ? value[0] : value;
  if (first === undefined || first === null) return undefined;
  return typeof first === 'string' ? first : first.toString('utf8');
}
