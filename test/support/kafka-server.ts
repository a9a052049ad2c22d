import { hasContainerEngine, startContainerKafka } from './kafka-container.js';
import type { KafkaVersion } from './kafka-jars.js';
import { startJvmKafka } from './kafka-jvm.js';

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
