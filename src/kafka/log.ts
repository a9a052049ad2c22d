/** A line of the Kafka client's log: what happened, and the fields that belong to it. Never holds record data. */
export type KafkaLogLine = {
  readonly level: 'error' | 'warn' | 'info' | 'debug';
  /** The part of the client that speaks: `Connection`, `Runner`, `ConsumerGroup`… */
  readonly from: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
};

/** Where the Kafka client's log goes. Must not throw and must not wait. */
export type KafkaLog = (line: KafkaLogLine) => void;

/** For callers without a log. */
export const silent: KafkaLog = () => undefined;

/**
 * What the client reports as an error although it retries and nothing is wrong: a broker that has just
 * started, a coordinator that moves, a transaction that is being closed, a rebalance.
 */
const HARMLESS = [
  /coordinator is loading/i,
  /coordinator is not available/i,
  /not the (correct )?coordinator/i,
  /concurrent operation on the same transaction/i,
  /group is rebalancing/i,
  /leadership election/i,
  /coordinator is not aware of this member/i,
  /no partitioner/i,
];

/** The line with the level it deserves: an error that heals by itself is a debugging aid. */
export function calmed(line: KafkaLogLine): KafkaLogLine {
  if (line.level !== 'error' && line.level !== 'warn') return line;
  const error = line.fields['error'];
  const text = typeof error === 'string' ? `${line.message} ${error}` : line.message;
  return HARMLESS.some((pattern) => pattern.test(text)) ? { ...line, level: 'debug' } : line;
}
