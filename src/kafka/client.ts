import type { ConnectionOptions } from 'node:tls';
import { Kafka, logLevel, type KafkaConfig, type LogEntry, type SASLOptions } from 'kafkajs';
import { unreachable } from '../base/errors.js';
import { registerCodecs } from './codecs.js';
import { correctFetchAnswers } from './fetch-answers.js';
import { calmed, silent, type KafkaLog, type KafkaLogLine } from './log.js';

/** How a client proves who it is. Passwords and tokens never reach a log or an error. */
export type KafkaSasl =
  | {
      readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
      readonly username: string;
      readonly password: string;
    }
  | { readonly mechanism: 'oauthbearer'; readonly token: () => Promise<string> };

/** Where the brokers are, and how to reach them. */
export type KafkaConnection = {
  /** `host:port` of some brokers of the cluster; the others are found through them. */
  readonly brokers: readonly string[];
  /** Default `sluice`. Shows in the broker's log and quotas. */
  readonly clientId?: string;
  /** True for TLS with the system's authorities, or Node's own TLS options. */
  readonly ssl?: boolean | ConnectionOptions;
  readonly sasl?: KafkaSasl;
  /** How long one connection attempt may take. Default 10 s. */
  readonly connectionTimeoutMs?: number;
  /** How long a request may stay unanswered. Default 30 s. */
  readonly requestTimeoutMs?: number;
  /** Where the client's log goes; default nowhere. */
  readonly log?: KafkaLog;
};

/** How kafkajs retries on its own before it gives up: so many times, with pauses that double up to the longest. */
export type ClientRetry = {
  readonly initialRetryTime: number;
  readonly maxRetryTime: number;
  readonly retries: number;
};

/**
 * For a member of a group or a producer. The pauses add up to about 80 s: longer than a broker takes to
 * restart, so that a member keeps its place in the group; twice as long and a client that is closed while
 * no broker answers would linger for minutes.
 */
const PATIENT: ClientRetry = { initialRetryTime: 300, maxRetryTime: 3_000, retries: 30 };

/** For a caller that asks again by itself. */
export const BRIEF: ClientRetry = { initialRetryTime: 100, maxRetryTime: 500, retries: 2 };

/** A kafkajs client with every codec in place, whose log lines go to `listen` and, calmed, to the connection's log. */
export function kafkaClient(
  connection: KafkaConnection,
  { listen = silent, retry = PATIENT }: { listen?: KafkaLog; retry?: ClientRetry } = {},
): Kafka {
  registerCodecs();
  correctFetchAnswers();
  const log = connection.log ?? silent;
  const config: KafkaConfig = {
    brokers: [...connection.brokers],
    clientId: connection.clientId ?? 'sluice',
    connectionTimeout: connection.connectionTimeoutMs ?? 10_000,
    requestTimeout: connection.requestTimeoutMs ?? 30_000,
    retry,
    logLevel: logLevel.INFO,
    logCreator: () => (entry) => {
      const line = lineOf(entry);
      listen(line);
      log(calmed(line));
    },
  };
  if (connection.ssl !== undefined) config.ssl = connection.ssl;
  if (connection.sasl !== undefined) config.sasl = saslOf(connection.sasl);
  return new Kafka(config);
}

function saslOf(sasl: KafkaSasl): SASLOptions {
  switch (sasl.mechanism) {
    case 'oauthbearer':
      return { mechanism: 'oauthbearer', oauthBearerProvider: async () => ({ value: await sasl.token() }) };
    case 'plain':
      return { mechanism: 'plain', username: sasl.username, password: sasl.password };
    case 'scram-sha-256':
      return { mechanism: 'scram-sha-256', username: sasl.username, password: sasl.password };
    case 'scram-sha-512':
      return { mechanism: 'scram-sha-512', username: sasl.username, password: sasl.password };
    default:
      return unreachable(sasl);
  }
}

function lineOf({ namespace, level, log }: LogEntry): KafkaLogLine {
  const { message, timestamp: _timestamp, ...fields } = log;
  return { level: levelOf(level), from: namespace, message, fields };
}

function levelOf(level: logLevel): KafkaLogLine['level'] {
  if (level === logLevel.ERROR) return 'error';
  if (level === logLevel.WARN) return 'warn';
  return level === logLevel.INFO ? 'info' : 'debug';
}
