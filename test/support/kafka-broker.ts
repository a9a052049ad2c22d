import { describe } from 'vitest';
import { hasContainerEngine, startContainerKafka } from './kafka-container.js';
import { hasJvm, type KafkaVersion } from './kafka-jars.js';
import { startJvmKafka } from './kafka-jvm.js';

export type { KafkaVersion } from './kafka-jars.js';

/** A real broker of the tests' own. */
export interface KafkaBroker extends AsyncDisposable {
  /** `host:port`, as `bootstrap.servers` takes it; stays the same over a restart. */
  readonly bootstrap: string;
  readonly version: KafkaVersion;
  /** Where the jars of Kafka's own tools lie; undefined in a container. */
  readonly libs: string | undefined;
  /** Stops it from answering, with its connections open, as a machine does that hangs. */
  pause(): void | Promise<void>;
  resume(): void | Promise<void>;
  /** Ends it without a word. `restart` brings it back with its data. */
  kill(): Promise<void>;
  /** Ends it if it runs, and starts it again on the same port with the same data. */
  restart(): Promise<void>;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

export type KafkaOptions = {
  readonly version?: KafkaVersion;
  /** With the JVM's optimising compiler, for measurements; without it a broker starts with less CPU. */
  readonly throughput?: boolean;
  /** Broker settings besides the usual ones. */
  readonly properties?: Readonly<Record<string, string>>;
};

/** Starts a broker: in a container where an engine answers, else as a process on the JVM. */
export async function startKafka(options: KafkaOptions = {}): Promise<KafkaBroker> {
  const all = { version: '4.3.1' as const, throughput: false, properties: {}, ...options };
  return (await hasContainerEngine()) ? startContainerKafka(all) : startJvmKafka(all);
}

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
