import { Command } from 'commander';

import { ENGINE_VERSION } from '../protocol/engine.js';
import { demoCommand } from './commands/demo.js';
import { offsetsCommand } from './commands/offsets.js';
import { runCommand } from './commands/run.js';
import { tableCommand } from './commands/table.js';
import { validateCommand } from './commands/validate.js';
import type { Context } from './context.js';
import { ExitCode } from './exit-codes.js';
import { Output, type CliIo } from './io.js';
import { reportError } from './report-error.js';

const SUMMARY =
  'Kafka change streams in, Delta Lake tables out, exactly once.\n\n' +
  'Results go to standard output, everything else to standard error.\n' +
  'Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.';

/**
 * Runs one command line (without the program's name) to its end: results, messages and errors are written, and the exit
 * code comes back. Never rejects.
 */
export async function runCli(argv: readonly string[], io: CliIo): Promise<ExitCode> {
  const out = new Output(io.stdout);
  let code: ExitCode = ExitCode.done;
  let shown = '';
  const context: Context = {
    io,
    out,
    tell: (line) => void io.stderr.write(`${line}\n`),
    ended: (ended) => {
      code = ended;
    },
  };
  // A closed standard error is nobody's business: there is nowhere left to say so.
  io.stderr.on('error', () => undefined);
  const program = new Command('sluice')
    .description(SUMMARY)
    // So that the --version of a table is not taken for the program's.
    .enablePositionalOptions()
    .version(ENGINE_VERSION, '--version', 'print the version')
    .addCommand(demoCommand(context))
    .addCommand(runCommand(context))
    .addCommand(validateCommand(context))
    .addCommand(tableCommand(context))
    .addCommand(offsetsCommand(context));
  quieten(program, (text) => {
    shown += text;
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (cause) {
    const report = reportError(cause, argv.includes('--debug'));
    for (const line of report.lines) context.tell(line);
    // Help that was asked for is a result; help instead of one is not.
    if (report.code === ExitCode.done) await out.write(shown).catch(() => undefined);
    else io.stderr.write(shown);
    code = report.code;
  }
  await out.flush();
  return code;
}

/** Commander throws instead of exiting, and what it would print is kept. */
function quieten(command: Command, show: (text: string) => void): void {
  command.exitOverride().configureOutput({ writeOut: show, writeErr: show, outputError: () => undefined });
  for (const inner of command.commands) quieten(inner, show);
}
