import { describe } from 'vitest';
import { hasContainerEngine } from './kafka-container.js';
import { hasJvm, type KafkaVersion } from './kafka-jars.js';
import { startKafka } from './kafka-server.js';

export type { KafkaVersion } from './kafka-jars.js';
export { startKafka, type KafkaBroker } from './kafka-server.js';

/** An address of a broker for suites that neither restart nor configure it: the one that is named in `KAFKA_BOOTSTRAP_SERVERS`, else one of our own. */
export async function sharedKafka(): Promise<{ readonly bootstrap: string } & AsyncDisposable> {
  const named = process.env['KAFKA_BOOTSTRAP_SERVERS'];
  if (named === undefined || named === '') return startKafka();
  return { bootstrap: named, [Symbol.asyncDispose]: () => Promise.resolve() };
}

/** Whether suites that need a broker can run here, on their own broker or on a named one. */
export async function hasKafka(version: KafkaVersion = '4.3.1'): Promise<boolean> {
  return (await hasContainerEngine()) || (await hasJvm(version));
}

/**
 * A suite that needs a broker. Where none can be had it is skipped with one line that says what to
 * install; with `CI=true` it runs all the same, and fails.
 */
export function describeWithKafka(
  title: string,
  suite: () => void,
  options: { shared?: boolean } = {},
): void {
  const named = options.shared === true && (process.env['KAFKA_BOOTSTRAP_SERVERS'] ?? '') !== '';
  const runs = named || available || process.env['CI'] === 'true';
  // The linter's rules for suites know none that are made by a function.
  // oxlint-disable-next-line vitest/valid-title, vitest/valid-describe-callback
  describe.skipIf(!runs)(title, suite);
}

const available = await hasKafka();
if (!available && (process.env['KAFKA_BOOTSTRAP_SERVERS'] ?? '') === '' && process.env['CI'] !== 'true') {
  console.warn('Suites with a Kafka broker are skipped: install Java 17 and Maven, or a container engine.');
}
