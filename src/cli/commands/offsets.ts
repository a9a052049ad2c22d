import { Command } from 'commander';
import type { Context } from '../context.js';
import { acceptCommand, resetCommand, setCommand } from './offsets-change.js';
import { showOffsetsCommand } from './offsets-show.js';

/** `sluice offsets …`: how far tables have come in their topics, and the way on where that cannot be known. */
export function offsetsCommand(context: Context): Command {
  const summary = 'see and change how far a table has come in its topics';
  return new Command('offsets')
    .summary(summary)
    .description(
      `${summary}\n\nTABLE is the path or file:// URL of a table that a sink writes. Each change is one commit of the table.`,
    )
    .addCommand(showOffsetsCommand(context))
    .addCommand(setCommand(context))
    .addCommand(resetCommand(context))
    .addCommand(acceptCommand(context));
}
