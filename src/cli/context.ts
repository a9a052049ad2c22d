import { Command, Option } from 'commander';
import type { ExitCode } from './exit-codes.js';
import type { CliIo } from './io.js';
import type { Output } from './io.js';

/** What the commands of one call share. */
export type Context = {
  readonly io: CliIo;
  /** Results; everything else goes to `tell`. */
  readonly out: Output;
  /** One line on standard error. */
  readonly tell: (line: string) => void;
  /** What the command that ran came to. */
  readonly ended: (code: ExitCode) => void;
};

/** The examples of a command, below its help: each a line that works as it stands. */
export type Example = { readonly line: string; readonly does: string };

/**
 * A command that does something: with `--debug`, examples, and an action whose exit code counts.
 */
export function leaf(
  context: Context,
  name: string,
  { summary, examples }: { readonly summary: string; readonly examples: readonly Example[] },
): Command {
  const lines = examples.map(({ line, does }) => `  # ${does}\n  $ ${context.io.program} ${line}`);
  return new Command(name)
    .summary(summary)
    .description(summary)
    .addOption(new Option('--debug', 'show the stack of an error'))
    .addHelpText('after', `\n${examples.length === 1 ? 'Example' : 'Examples'}:\n${lines.join('\n')}`);
}
