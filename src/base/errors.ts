/**
 * What a caller may do with a failed call:
 * - `never`: the same call fails again.
 * - `safe`: nothing happened; try again as is.
 * - `ambiguous`: it may have happened; look before trying again.
 */
export type Retry = 'never' | 'safe' | 'ambiguous';

/**
 * Every code a user can meet. A code is never renamed and never reused; `docs/errors.md` says for each
 * what happened and what to do.
 */
export type ErrorCode =
  | 'TABLE_NOT_FOUND'
  | 'TABLE_EXISTS'
  | 'VERSION_NOT_FOUND'
  | 'PROTOCOL_UNSUPPORTED'
  | 'CORRUPT_LOG'
  | 'CORRUPT_FILE'
  | 'FILE_NOT_FOUND'
  | 'CONFLICT'
  | 'SCHEMA_MISMATCH'
  | 'EXPRESSION_INVALID'
  | 'FEED_UNAVAILABLE'
  | 'SCHEMA_CHANGED'
  | 'CURSOR_CONFLICT'
  | 'CURSOR_EXPIRED'
  | 'CURSOR_INVALID'
  | 'STORE_UNAVAILABLE'
  | 'STORE_DENIED'
  | 'STORE_FULL'
  | 'STORE_UNSUPPORTED'
  | 'RECORD_INVALID'
  | 'BROKER_UNAVAILABLE'
  | 'TOPIC_NOT_FOUND'
  | 'OFFSET_GAP'
  | 'TOPIC_REGRESSED'
  | 'TABLE_REWOUND'
  | 'TABLE_REPLACED'
  | 'POSITION_REGRESSED'
  | 'OPERATOR_FAILED'
  | 'CONFIG_INVALID'
  | 'USAGE'
  | 'CHECK_FAILED';

export type ErrorContext = Readonly<Record<string, string | number | bigint | boolean | undefined>>;

/**
 * A failure that the world caused: it names the table, topic, offset or file in `context`, and `hint`
 * says what to do. Never holds row data or secrets.
 */
export class SluiceError extends Error {
  override readonly name = 'SluiceError';
  readonly code: ErrorCode;
  readonly retry: Retry;
  readonly context: ErrorContext;
  readonly hint: string | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { retry?: Retry; context?: ErrorContext; hint?: string; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retry = options.retry ?? 'never';
    this.context = options.context ?? {};
    this.hint = options.hint;
  }
}

/** A bug of ours: nobody handles it, the supervisor reports it and stops. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/** Throws an `InvariantError` unless `condition` holds; a message with a cost is given as a function. */
export function assert(condition: boolean, message: string | (() => string)): asserts condition {
  if (!condition) throw new InvariantError(typeof message === 'string' ? message : message());
}

/** The value, or it is our bug that it is not there. */
export function must<T>(value: T | null | undefined, what: string): T {
  if (value === null || value === undefined) throw new InvariantError(`missing: ${what}`);
  return value;
}

/** The end of a `switch` over a union: reached only if a member was forgotten. */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable: ${String(value)}`);
}

export function isSluiceError(cause: unknown, code?: ErrorCode): cause is SluiceError {
  return cause instanceof SluiceError && (code === undefined || cause.code === code);
}
