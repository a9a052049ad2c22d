import { isSluiceError, type SluiceError } from '../base/errors.js';
import type { Failure } from './lane-state.js';
import type { Settled } from './settler.js';

// A full disk and a lost permission are mended by people while we wait, so they are not the end of a lane. A broker
// that refuses (credentials, a record too large) is not among them: nothing changes there unless we do.
const mended: ReadonlySet<string> = new Set(['STORE_FULL', 'STORE_DENIED', 'STORE_UNAVAILABLE']);

/** Whether waiting and trying again can help. */
export function mayPass(cause: unknown): boolean {
  return isSluiceError(cause) && (cause.retry !== 'never' || mended.has(cause.code));
}

/** A failure as its error tells it. */
export function failureOf(cause: SluiceError): Failure {
  const { topic, partition, offset } = cause.context;
  return {
    code: cause.code,
    reason: cause.message,
    ...(cause.hint === undefined ? {} : { hint: cause.hint }),
    ...(typeof topic === 'string' ? { topic } : {}),
    ...(typeof partition === 'number' ? { partition } : {}),
    ...(typeof offset === 'number' ? { offset } : {}),
    cause,
  };
}

/** The failure of a table that holds less of a partition than it did. */
export function rewound({
  topic,
  partition,
  expected,
  found,
}: Settled & { readonly kind: 'rewound' }): Failure {
  return {
    code: 'TABLE_REWOUND',
    reason: `the table held offsets up to ${expected} and now holds ${found === undefined ? 'none' : `them up to ${found}`}`,
    hint: 'if its offsets were changed on purpose, start again: it goes on from there; "sluice offsets show TABLE" tells what it holds',
    topic,
    partition,
    offset: expected,
  };
}
