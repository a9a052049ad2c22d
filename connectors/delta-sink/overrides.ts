/** Kafka's names of the consumer's numbers that may be overridden, each with the least value that makes sense. */
export const NUMBERS = {
  'max.partition.fetch.bytes': 1,
  'fetch.max.bytes': 1,
  'fetch.min.bytes': 0,
  'fetch.max.wait.ms': 1,
  'session.timeout.ms': 100,
  'heartbeat.interval.ms': 10,
  'max.poll.interval.ms': 100,
} as const;

/** All of `consumer.override.*`. */
export const OVERRIDES: readonly string[] = [...Object.keys(NUMBERS), 'client.rack'];
