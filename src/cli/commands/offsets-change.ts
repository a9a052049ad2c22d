import { userInfo } from 'node:os';
import { Option, type Command } from 'commander';
import { SluiceError } from '../../base/errors.js';
import { changeOffsets, type OffsetsChanged } from '../../sink/offsets/change-offsets.js';
import type { OffsetsChange } from '../../sink/offsets/planned-change.js';
import { leaf, type Context } from '../context.js';
import { ExitCode } from '../exit-codes.js';
import { wholeNumber } from '../option-readers.js';

type Said = { readonly reason?: string; readonly json?: boolean };

/** `sluice offsets set`: a table wants a partition from another offset on. */
export function setCommand(context: Context): Command {
  const command = leaf(context, 'set', {
    summary: 'set the offset that a table wants next of a partition',
    examples: [
      {
        line: 'offsets set ./lake/inventory/orders --topic shop.orders --partition 0 --to 1500 --reason "expired"',
        does: 'goes on at 1500',
      },
    ],
  })
    .argument('<table>', 'the table')
    .addOption(new Option('--topic <name>', 'the topic').makeOptionMandatory())
    .addOption(new Option('--partition <n>', 'its partition').argParser(wholeNumber).makeOptionMandatory())
    .addOption(
      new Option('--to <n>', 'the offset of the record that comes next')
        .argParser(wholeNumber)
        .makeOptionMandatory(),
    );
  return withSaid(command).action(
    async (
      url: string,
      options: Said & { readonly topic: string; readonly partition: number; readonly to: number },
    ) => {
      const { topic, partition, to } = options;
      await change(context, url, { kind: 'set', topic, partition, to }, options);
    },
  );
}

/** `sluice offsets reset`: the start policy decides where a table goes on. */
export function resetCommand(context: Context): Command {
  const command = leaf(context, 'reset', {
    summary: 'let the start policy decide where a table goes on',
    examples: [{ line: 'offsets reset ./lake/inventory/orders', does: 'reads its topics again' }],
  })
    .argument('<table>', 'the table')
    .addOption(new Option('--topic <name>', 'only this topic'));
  return withSaid(command).action(async (url: string, options: Said & { readonly topic?: string }) => {
    const { topic } = options;
    await change(context, url, { kind: 'reset', ...(topic === undefined ? {} : { topic }) }, options);
  });
}

type Accepted = Said & {
  readonly rewind?: boolean;
  readonly newTopic?: boolean;
  readonly newEpoch?: boolean;
  readonly topic?: string;
};

/** `sluice offsets accept`: what stopped a table is settled. */
export function acceptCommand(context: Context): Command {
  const command = leaf(context, 'accept', {
    summary: 'accept what stopped a table: that it was replaced, or that its topic or source began anew',
    examples: [
      {
        line: 'offsets accept ./lake/inventory/orders --rewind',
        does: 'after RESTORE, with the offsets as shown',
      },
      {
        line: 'offsets accept ./lake/inventory/orders --new-topic',
        does: 'reads the new topic from its start',
      },
    ],
  })
    .argument('<table>', 'the table')
    .addOption(new Option('--rewind', 'TABLE_REWOUND: the offsets are right as they are'))
    .addOption(
      new Option('--new-topic', 'TOPIC_REGRESSED: the topic was made anew and is read from its start'),
    )
    .addOption(
      new Option('--new-epoch', 'POSITION_REGRESSED: what comes from here on is newer than what stands'),
    )
    .addOption(new Option('--topic <name>', 'the topic, if the table has several'));
  return withSaid(command).action(async (url: string, options: Accepted) => {
    await change(context, url, acceptedOf(options), options);
  });
}

function acceptedOf({ rewind, newTopic, newEpoch, topic }: Accepted): OffsetsChange {
  const of = topic === undefined ? {} : { topic };
  const chosen: OffsetsChange[] = [
    ...(rewind === true ? [{ kind: 'accept-rewind' } as const] : []),
    ...(newTopic === true ? [{ kind: 'accept-new-topic', ...of } as const] : []),
    ...(newEpoch === true ? [{ kind: 'accept-new-epoch', ...of } as const] : []),
  ];
  const [only] = chosen;
  if (only !== undefined && chosen.length === 1) return only;
  throw new SluiceError('USAGE', 'say what is accepted', {
    hint: 'one of --rewind, --new-topic, --new-epoch',
  });
}

function withSaid(command: Command): Command {
  return command
    .addOption(new Option('--reason <text>', "why, for the table's history"))
    .addOption(new Option('--json', 'one JSON object'));
}

async function change(
  context: Context,
  url: string,
  wanted: OffsetsChange,
  { reason, json }: Said,
): Promise<void> {
  const { io, out, tell } = context;
  const outcome = await changeOffsets(url, wanted, {
    by: userName(io.env),
    signal: io.signal,
    ...(reason === undefined ? {} : { reason }),
  });
  if (json === true) await out.line(JSON.stringify(outcome));
  else for (const line of linesOf(outcome)) await out.line(line);
  if (outcome.kind === 'changed' && outcome.rewound) {
    tell(`the table was replaced: it is not written before "${io.program} offsets accept ${url} --rewind"`);
  }
  context.ended(ExitCode.done);
}

function linesOf(outcome: OffsetsChanged): readonly string[] {
  if (outcome.kind === 'unchanged') return ['nothing to change'];
  const { version, partitions } = outcome;
  const text = (offset: number | undefined) => (offset === undefined ? 'by start' : String(offset));
  return [
    ...partitions.map(({ topic, partition, incarnation, from, to }) => {
      const making = incarnation === 0 ? '' : `, making ${incarnation}`;
      return `${topic} ${partition}${making}: ${text(from)} -> ${text(to)}`;
    }),
    `version ${version}`,
  ];
}

function userName(env: Readonly<Record<string, string | undefined>>): string {
  try {
    return userInfo().username;
  } catch {
    // A process whose user has no entry, as in some containers.
    return env['USER'] ?? 'unknown';
  }
}
