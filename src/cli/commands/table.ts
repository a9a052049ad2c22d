import { Command } from 'commander';
import type { Context } from '../context.js';
import { changesCommand } from './table-changes.js';
import { deleteCommand } from './table-delete.js';
import { detailCommand } from './table-detail.js';
import { filesCommand } from './table-files.js';
import { historyCommand } from './table-history.js';
import { readCommand } from './table-read.js';
import { restoreCommand } from './table-restore.js';
import { schemaCommand } from './table-schema.js';
import { updateCommand } from './table-update.js';

/** `sluice table …`: what a Delta table holds, what happened to it, and verbs that change it. */
export function tableCommand(context: Context): Command {
  const summary = 'look into a Delta table, or change it';
  return new Command('table')
    .summary(summary)
    .description(`${summary}\n\nURL is a path or a file:// URL.`)
    .addCommand(readCommand(context))
    .addCommand(changesCommand(context))
    .addCommand(historyCommand(context))
    .addCommand(detailCommand(context))
    .addCommand(schemaCommand(context))
    .addCommand(filesCommand(context))
    .addCommand(updateCommand(context))
    .addCommand(deleteCommand(context))
    .addCommand(restoreCommand(context));
}
