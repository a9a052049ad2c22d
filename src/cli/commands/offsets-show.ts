import { Option, type Command } from 'commander';
import { readOffsets, type TableOffsets } from '../../sink/offsets/table-offsets.js';
import { leaf, type Context } from '../context.js';
import { ExitCode } from '../exit-codes.js';
import { plainTable } from '../formats/plain-table.js';

/** `sluice offsets show`: the offsets that a table holds. */
export function showOffsetsCommand(context: Context): Command {
  return leaf(context, 'show', {
    summary: 'show the offsets that a table holds, by topic and partition',
    examples: [{ line: 'offsets show ./lake/inventory/customers --json', does: 'for machines' }],
  })
    .argument('<table>', 'the table')
    .addOption(new Option('--json', 'one JSON object'))
    .action(async (url: string, { json }: { readonly json?: boolean }) => {
      const offsets = await readOffsets(url, { signal: context.io.signal });
      if (json === true) {
        await context.out.line(JSON.stringify(offsets));
      } else {
        await context.out.line(offsetsText(offsets));
        if (offsets.rewind !== null) tellRewind(context, url, offsets.rewind.reason);
      }
      context.ended(ExitCode.done);
    });
}

/** Says that the table is not written before its rewind is accepted. */
export function tellRewind({ tell, io }: Context, url: string, reason: string): void {
  tell(`TABLE_REWOUND: ${reason}`);
  tell(`hint: once its offsets are right: "${io.program} offsets accept ${url} --rewind"`);
}

function offsetsText({ partitions }: TableOffsets): string {
  if (partitions.length === 0) return 'no offsets: no sink has written this table';
  return plainTable(
    [
      { title: 'topic' },
      { title: 'partition', right: true },
      { title: 'next', right: true },
      { title: 'last', right: true },
      { title: 'last time' },
      { title: 'cluster' },
      { title: 'making', right: true },
      { title: 'floor' },
      { title: 'epoch', right: true },
      { title: 'state files', right: true },
      { title: 'version', right: true },
    ],
    partitions.map((each) => [
      each.topic,
      String(each.partition),
      each.next === null ? 'by start' : String(each.next),
      each.last === null ? '' : String(each.last.offset),
      each.last === null ? '' : each.last.time,
      each.cluster ?? '',
      String(each.incarnation),
      each.floor ?? '',
      String(each.epoch),
      String(each.stateFiles.length),
      String(each.version),
    ]),
  );
}
