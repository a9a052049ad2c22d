import { Option, type Command } from 'commander';
import { SluiceError } from '../../base/errors.js';
import type { CheckedConnector } from '../../config/check-connector.js';
import { describeProblem } from '../../runtime/config-def.js';
import { checkFile } from '../connectors.js';
import { leaf, type Context } from '../context.js';
import { setting } from '../option-readers.js';
import { runConnectors } from '../run/run-connectors.js';

type RunOptions = {
  readonly untilEnd?: boolean;
  readonly set: ReadonlyMap<string, string>;
  readonly json?: boolean;
};

const SIGNALS = `
It ends by SIGTERM or Ctrl-C: nothing more is read, what was read is committed or dropped whole, within 10 s. A second
signal does not wait. Nothing is lost either way: the next start goes on from what the tables hold.

Exit codes: 0 drained, or stopped by SIGTERM; 1 a table or a connector failed; 2 wrong usage; 130 stopped by Ctrl-C.`;

/** `sluice run`: connectors in this process, until they are stopped or their sources are drained. */
export function runCommand(context: Context): Command {
  return leaf(context, 'run', {
    summary: 'run connectors in this process until it is stopped',
    examples: [
      {
        line: 'run connectors/delta-sink/examples/replay.json --until-end',
        does: 'recordings, to their end',
      },
      { line: 'run connector.json --set bootstrap.servers=localhost:9092', does: 'Kafka topics, for ever' },
    ],
  })
    .argument('<connector...>', 'connectors: .json, .properties or .yaml')
    .addOption(
      new Option(
        '--until-end',
        'end when the source is drained: files, or the end of each topic at the start',
      ),
    )
    .addOption(
      new Option('--set <key=value>', 'a setting that wins over the files; may be repeated')
        .argParser(setting)
        .default(new Map(), 'none'),
    )
    .addOption(new Option('--json', 'events on standard output, one JSON object a line, the summary last'))
    .addHelpText('after', SIGNALS)
    .action(async (paths: readonly string[], { untilEnd, set, json }: RunOptions) => {
      const checked = await checkAll(context, paths, set);
      context.ended(
        await runConnectors(context, checked, { untilEnd: untilEnd ?? false, json: json ?? false }),
      );
    });
}

/** Every file is checked before anything starts, and everything wrong in any of them is told at once. */
async function checkAll(
  { io }: Context,
  paths: readonly string[],
  overrides: ReadonlyMap<string, string>,
): Promise<readonly CheckedConnector[]> {
  const checked: CheckedConnector[] = [];
  for (const path of paths) checked.push(await checkFile(path, { io, overrides }));
  const wrong = checked.filter(({ problems }) => problems.length > 0);
  if (wrong.length > 0) {
    const lines = wrong.flatMap(({ file, problems, secrets }) =>
      problems.map((problem) => `  ${file.path}: ${describeProblem(problem, secrets)}`),
    );
    throw new SluiceError('CONFIG_INVALID', `nothing was started\n${lines.join('\n')}`, {
      hint: 'docs/configuration.md lists every key with what it takes.',
    });
  }
  const names = checked.map(({ file }) => file.name);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice === undefined) return checked;
  throw new SluiceError('CONFIG_INVALID', `two of the connectors are named ${twice}`, {
    hint: 'Give each a name of its own: it stands in their group and in messages.',
  });
}
