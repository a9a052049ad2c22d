import { Command } from 'commander';
import type { Context } from '../context.js';
import { changesCommand } from './table-changes.js';
import { detailCommand } from './table-detail.js';
import { filesCommand } from './table-files.js';
import { historyCommand } from './table-history.js';
import { readCommand } from './table-read.js';
import { schemaCommand } from './table-schema.js';

/** `sluice table …`: what a Delta table holds, and what happened to it. */
export function tableCommand(context: Context): Command {
  const summary = 'look into a Delta table';
  return new Command('table')
    .summary(summary)
    .description(`${summary}\n\nURL is a path or a file:// URL.`)
    .addCommand(readCommand(context))
    .addCommand(changesCommand(context))
    .addCommand(historyCommand(context))
    .addCommand(detailCommand(context))
    .addCommand(schemaCommand(context))
    .addCommand(filesCommand(context));
}
