import { CommanderError } from 'commander';
import { isSluiceError, type ErrorCode } from '../base/errors.js';
import { ExitCode } from './exit-codes.js';
import { Interruption } from './interruption.js';
import { OutputClosed } from './io.js';
import { visible } from './visible.js';

/** An error as the command line tells it: lines for standard error, and the exit code. */
export type ErrorReport = { readonly lines: readonly string[]; readonly code: ExitCode };

/**
 * What a user reads of an error: `error[CODE]: …`, a hint where there is one, the stack only with `debug`. A reader of
 * the output that went away is no error.
 */
export function reportError(cause: unknown, debug: boolean): ErrorReport {
  if (cause instanceof OutputClosed) return { lines: [], code: ExitCode.done };
  if (cause instanceof Interruption) return { lines: ['interrupted'], code: ExitCode.interrupted };
  if (cause instanceof CommanderError) return reportUsage(cause);
  if (isSluiceError(cause)) {
    const hint = cause.hint === undefined ? [] : [visible(`hint: ${cause.hint}`)];
    return {
      lines: [visible(`error[${cause.code}]: ${cause.message}`), ...hint, ...stackOf(cause, debug)],
      code: USAGE_CODES.has(cause.code) ? ExitCode.usage : ExitCode.failed,
    };
  }
  const message = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
  return {
    lines: [
      visible(`error[INTERNAL]: ${message}`),
      'hint: this is a fault of sluice; run it again with --debug and report what it prints',
      ...stackOf(cause, debug),
    ],
    code: ExitCode.failed,
  };
}

/** Codes that say that the command line itself is wrong. */
const USAGE_CODES: ReadonlySet<ErrorCode> = new Set(['USAGE', 'EXPRESSION_INVALID']);

/** Commander's errors; those of `--help` and `--version` mean that all is done. */
function reportUsage({ code, message }: CommanderError): ErrorReport {
  if (code === 'commander.helpDisplayed' || code === 'commander.version') {
    return { lines: [], code: ExitCode.done };
  }
  // A noun without its verb: its help has been shown.
  if (code === 'commander.help') return { lines: [], code: ExitCode.usage };
  const [first = '', ...rest] = message.replace(/^error: /, '').split('\n');
  const nearest = /^\(Did you mean (.+)\?\)$/.exec(rest.join(' '))?.[1];
  const hint = nearest === undefined ? 'hint: --help shows what it takes' : `hint: did you mean ${nearest}?`;
  return { lines: [visible(`error[USAGE]: ${first}`), visible(hint)], code: ExitCode.usage };
}

function stackOf(cause: unknown, debug: boolean): readonly string[] {
  if (!debug || !(cause instanceof Error)) return [];
  const lines = [visible(cause.stack ?? String(cause))];
  return cause.cause === undefined ? lines : [...lines, 'caused by:', ...stackOf(cause.cause, debug)];
}
