#!/usr/bin/env node
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCli } from './cli.js';
import { ExitCode } from './exit-codes.js';
import { Interruption } from './interruption.js';

const interrupting = new AbortController();

// The first signal asks every command to end cleanly, the second one does not wait for it.
for (const by of ['SIGINT', 'SIGTERM'] as const) {
  process.on(by, () => {
    if (interrupting.signal.aborted) process.exit(ExitCode.interrupted);
    interrupting.abort(new Interruption(by));
  });
}

const code = await runCli(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  signal: interrupting.signal,
  program: programOf(fileURLToPath(import.meta.url)),
});
// A connection that does not let go must not keep alive what has ended.
process.exit(code);

/** What a user types to call this file again: in a clone there is no `sluice` on the path. */
function programOf(file: string): string {
  return /[\\/]node_modules[\\/]/.test(file) ? 'npx sluice' : `node ${relative(process.cwd(), file)}`;
}
