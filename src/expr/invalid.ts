import { SluiceError } from '../base/errors.js';

/** The error for an expression that cannot be used; `at` is an index in its text, told to people from 1 on. */
export function invalid(at: number, message: string, hint?: string): SluiceError {
  const position = at + 1;
  return new SluiceError('EXPRESSION_INVALID', `${message} (at position ${position})`, {
    context: { position },
    ...(hint === undefined ? {} : { hint }),
  });
}
