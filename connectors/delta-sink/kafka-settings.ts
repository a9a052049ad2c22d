import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import type { KafkaSourceOptions, ReadConfig } from '../../src/index.js';
import { CONNECTOR_KEYS as K } from './keys.js';
import { NUMBERS, OVERRIDES } from './overrides.js';

/** Where the brokers are and how they are reached: what source and dead letters share. */
export type Connection = Pick<KafkaSourceOptions, 'brokers' | 'clientId' | 'ssl' | 'sasl'>;

/** The connection that a configuration describes; what is wrong with it is noted in `config.problems`. */
export function connectionOf(config: ReadConfig): Connection {
  const protocol = config.get(K.securityProtocol) ?? 'PLAINTEXT';
  const clientId = config.get(K.clientId);
  const sasl = protocol.startsWith('SASL_') ? saslOf(config) : undefined;
  return {
    brokers: config.get(K.bootstrapServers) ?? [],
    ...(clientId === undefined ? {} : { clientId }),
    ...(protocol.endsWith('SSL') ? { ssl: tlsOf(config) } : {}),
    ...(sasl === undefined ? {} : { sasl }),
  };
}

/** `consumer.override.*`, by Kafka's own names. */
export function fetchSettingsOf(
  config: ReadConfig,
): Pick<
  KafkaSourceOptions,
  'fetch' | 'sessionTimeoutMs' | 'heartbeatIntervalMs' | 'rebalanceTimeoutMs' | 'rackId'
> {
  const overrides = config.withPrefix('consumer.override.');
  for (const name of overrides.keys()) {
    if (!OVERRIDES.includes(name)) {
      const known = OVERRIDES.join(', ');
      config.refuse(`consumer.override.${name}`, `is not taken by this client; it takes ${known}`);
    }
  }
  const number = (name: keyof typeof NUMBERS): number | undefined => {
    const text = overrides.get(name)?.value;
    if (text === undefined) return undefined;
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= NUMBERS[name]) return value;
    config.refuse(`consumer.override.${name}`, `must be a whole number of at least ${NUMBERS[name]}`);
    return undefined;
  };
  const rackId = overrides.get('client.rack')?.value;
  return {
    fetch: withoutUndefined({
      maxBytesPerPartition: number('max.partition.fetch.bytes'),
      maxBytes: number('fetch.max.bytes'),
      minBytes: number('fetch.min.bytes'),
      maxWaitMs: number('fetch.max.wait.ms'),
    }),
    ...withoutUndefined({
      sessionTimeoutMs: number('session.timeout.ms'),
      heartbeatIntervalMs: number('heartbeat.interval.ms'),
      rebalanceTimeoutMs: number('max.poll.interval.ms'),
    }),
    ...(rackId === undefined ? {} : { rackId }),
  };
}

function saslOf(config: ReadConfig): NonNullable<KafkaSourceOptions['sasl']> | undefined {
  const jaas = config.get(K.saslJaas);
  if (jaas === undefined) {
    config.refuse(K.saslJaas.name, 'is required with security.protocol=SASL_…');
    return undefined;
  }
  const username = jaasOption(jaas, 'username');
  const password = jaasOption(jaas, 'password');
  if (username === undefined || password === undefined) {
    config.refuse(K.saslJaas.name, 'must hold username="…" and password="…"');
    return undefined;
  }
  const mechanism = (
    { PLAIN: 'plain', 'SCRAM-SHA-256': 'scram-sha-256', 'SCRAM-SHA-512': 'scram-sha-512' } as const
  )[config.get(K.saslMechanism) ?? 'PLAIN'];
  return { mechanism, username, password };
}

function jaasOption(jaas: string, name: string): string | undefined {
  const found = new RegExp(`\\b${name}\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s;]+))`).exec(jaas);
  return found?.[1]?.replace(/\\(.)/g, '$1') ?? found?.[2];
}

function tlsOf(config: ReadConfig): ConnectionOptions {
  const tls: ConnectionOptions = {};
  const authorities = config.get(K.truststoreCertificates) ?? fileOf(config, K.truststoreLocation);
  if (authorities !== undefined) tls.ca = authorities;
  const keystore = fileOf(config, K.keystoreLocation);
  if (keystore !== undefined && config.get(K.keystoreType) === 'PKCS12') {
    tls.pfx = keystore;
    const password = config.get(K.keystorePassword);
    if (password !== undefined) tls.passphrase = password;
  } else {
    const chain = config.get(K.keystoreChain) ?? keystore;
    const key = config.get(K.keystoreKey) ?? keystore;
    if (chain !== undefined) tls.cert = chain;
    if (key !== undefined) tls.key = key;
    const password = config.get(K.keyPassword);
    if (password !== undefined) tls.passphrase = password;
  }
  if (config.get(K.endpointIdentification) === '') tls.checkServerIdentity = () => undefined;
  return tls;
}

function fileOf(config: ReadConfig, key: (typeof K)['truststoreLocation']): Buffer | undefined {
  const path = config.get(key);
  if (path === undefined) return undefined;
  try {
    return readFileSync(path);
  } catch (cause) {
    config.refuse(key.name, `cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`);
    return undefined;
  }
}

/** The same object without what is undefined: options that are left out keep their defaults. */
function withoutUndefined<T extends object>(options: T): { [Name in keyof T]?: Exclude<T[Name], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [Name in keyof T]?: Exclude<T[Name], undefined>;
  };
}
