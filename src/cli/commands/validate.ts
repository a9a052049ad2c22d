import { Option, type Command } from 'commander';
import { configError, withoutSecret } from '../../runtime/config-def.js';
import type { CheckedConnector } from '../../config/check-connector.js';
import { checkFile } from '../connectors.js';
import { leaf, type Context } from '../context.js';
import { ExitCode } from '../exit-codes.js';
import { setting } from '../option-readers.js';

type ValidateOptions = { readonly set: ReadonlyMap<string, string>; readonly json?: boolean };

/** `sluice validate`: everything that is wrong with a connector's file, at once. */
export function validateCommand(context: Context): Command {
  return leaf(context, 'validate', {
    summary: "check a connector's file and list everything that is wrong with it",
    examples: [{ line: 'validate connectors/delta-sink/examples/kafka.json', does: 'nothing is started' }],
  })
    .argument('<file>', 'a connector: .json, .properties or .yaml')
    .addOption(
      new Option('--set <key=value>', 'a setting that wins over the file; may be repeated')
        .argParser(setting)
        .default(new Map(), 'none'),
    )
    .addOption(new Option('--json', 'one JSON object with all problems'))
    .action(async (path: string, { set, json }: ValidateOptions) => {
      const checked = await checkFile(path, { io: context.io, overrides: set });
      if (json === true) await context.out.line(JSON.stringify(report(checked)));
      if (checked.problems.length > 0) {
        if (json !== true) throw configError(path, checked.problems, checked.secrets);
        context.ended(ExitCode.failed);
        return;
      }
      if (json !== true) {
        await context.out.line(
          `${path}: ${checked.file.name} is a valid ${checked.connector.classNames[0] ?? ''}`,
        );
      }
      context.ended(ExitCode.done);
    });
}

function report({ file, problems, secrets }: CheckedConnector): unknown {
  return {
    file: file.path,
    name: file.name,
    valid: problems.length === 0,
    problems: problems.map((problem) => {
      const { key, value, origin, message } = withoutSecret(problem, secrets);
      return { key, value: value ?? null, origin: origin ?? null, message };
    }),
  };
}
