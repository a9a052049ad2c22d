import { SluiceError, type ErrorContext } from '../base/errors.js';

/** Kafka's names of what no waiting heals. Apache Kafka, "Protocol", "Error Codes". */
const FATAL_TYPES: ReadonlySet<string> = new Set([
  'SASL_AUTHENTICATION_FAILED',
  'UNSUPPORTED_SASL_MECHANISM',
  'TOPIC_AUTHORIZATION_FAILED',
  'GROUP_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
  'SECURITY_DISABLED',
  'UNSUPPORTED_VERSION',
  'INVALID_GROUP_ID',
  'INVALID_SESSION_TIMEOUT',
  'INCONSISTENT_GROUP_PROTOCOL',
  'INVALID_TOPIC_EXCEPTION',
  'POLICY_VIOLATION',
  'MESSAGE_TOO_LARGE',
  'INVALID_REPLICATION_FACTOR',
]);

const FATAL_NAMES: ReadonlySet<string> = new Set([
  'KafkaJSSASLAuthenticationError',
  'KafkaJSNotImplemented',
  'KafkaJSServerDoesNotSupportApiKey',
  'KafkaJSUnsupportedMagicByteInMessageSet',
  'KafkaJSInvariantViolation',
  'TypeError',
  'RangeError',
  'ReferenceError',
  'SyntaxError',
]);

/** Node's codes for a peer whose certificate is not accepted. */
const TLS_CODE = /^(ERR_TLS_|ERR_SSL_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/;

/**
 * A failure of the Kafka client in our words: `TOPIC_NOT_FOUND`, or `BROKER_UNAVAILABLE` whose `retry` is
 * `safe` where waiting may heal it (no broker answers, a leader moves) and `never` where it cannot
 * (denied, not a broker, a version it does not speak). One of our own errors comes back as it is.
 */
export function brokerError(cause: unknown, attempted: string, context: ErrorContext = {}): SluiceError {
  const chain = causesOf(cause);
  const own = chain.find((error) => error instanceof SluiceError);
  if (own !== undefined) return own;
  const types = chain.map(typeOf);
  const root = chain.at(-1)?.message ?? String(cause);
  if (types.includes('UNKNOWN_TOPIC_OR_PARTITION')) {
    return new SluiceError('TOPIC_NOT_FOUND', `${attempted}: the topic does not exist`, {
      context,
      hint: 'Create the topic, or correct its name; a client without the right to describe it sees the same.',
      cause,
    });
  }
  const fatal = chain.some(isFatal);
  return new SluiceError('BROKER_UNAVAILABLE', `${attempted}: ${root}`, {
    retry: fatal ? 'never' : 'safe',
    context: { ...context, kafka: types.find((type) => type !== '') },
    hint: fatal
      ? 'The broker answered, and refuses: check address, security settings and rights.'
      : 'Check that the brokers are up and can be reached from here under the names they advertise.',
    cause,
  });
}

type Caused = Error & { type?: unknown; code?: unknown };

/** Kafka's name of the error, if it came from a broker. */
function typeOf({ type }: Caused): string {
  return typeof type === 'string' ? type : '';
}

/**
 * kafkajs hands out null where a broker of its pool was lost before it answered, and then fails over that null itself
 * (cluster.metadata, in listTopics and describeCluster).
 */
const LOST_ANSWER = /^Cannot destructure property '(topicMetadata|brokers)' of .* as it is null/;

function isFatal(error: Caused): boolean {
  if (error.name === 'TypeError' && LOST_ANSWER.test(error.message)) return false;
  if (FATAL_NAMES.has(error.name) || FATAL_TYPES.has(typeOf(error))) return true;
  return typeof error.code === 'string' && TLS_CODE.test(error.code);
}

/** The error, what caused it, and so on; kafkajs wraps up to four deep. */
function causesOf(cause: unknown): readonly Caused[] {
  const chain: Caused[] = [];
  for (let at = cause; at instanceof Error && chain.length < 8 && !chain.includes(at);) {
    chain.push(at);
    at = at.cause;
  }
  return chain;
}
