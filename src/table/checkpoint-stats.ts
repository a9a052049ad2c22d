import type { ParquetReader } from '../columnar/parquet.js';
import { structChunks } from '../columnar/struct-rows.js';
import { statsOfColumns } from '../protocol/stats-parsed.js';
import { STRING } from '../schema/build.js';
import type { StructType } from '../schema/types.js';
import type { StoredStats } from './stored-actions.js';

/**
 * The stats of a row group by its chunks, from the JSON of `add.stats` or, where a writer kept columns only, from
 * `add.stats_parsed`. What is held is the encoded column; it is decoded when a file's stats are asked for, a row group at
 * a time, and forgotten when others were asked for since. Undefined where there are none.
 */
export async function storedStats(
  parquet: ParquetReader,
  group: number,
): Promise<((chunk: number) => StoredStats) | undefined> {
  const text = await decoderOf(parquet, group, 'stats');
  const type = addFields(parquet)?.find(({ name }) => name === 'stats_parsed')?.type;
  const parsedType = type?.kind === 'struct' ? type : undefined;
  const parsed = parsedType === undefined ? undefined : await decoderOf(parquet, group, 'stats_parsed');
  if (text === undefined && parsed === undefined) return undefined;
  return (chunk) => (row) => {
    const found = text?.()[chunk]?.(row);
    if (typeof found === 'string') return found;
    if (parsed === undefined || parsedType === undefined) return undefined;
    return parsedStats(parsed()[chunk]?.(row), parsedType);
  };
}

type Columns = readonly ReturnType<ReturnType<typeof structChunks>[number]['reader']>[];

async function decoderOf(
  parquet: ParquetReader,
  group: number,
  child: 'stats' | 'stats_parsed',
): Promise<(() => Columns) | undefined> {
  if (addFields(parquet)?.some(({ name }) => name === child) !== true) return undefined;
  const decode = await parquet.keep({
    columns: ['add'],
    groups: [group],
    leaveOut: (_, name) => name !== child,
  });
  let held: WeakRef<Columns> | undefined;
  return () => {
    const known = held?.deref();
    if (known !== undefined) return known;
    const columns = structChunks(decode(), 'add').map((chunk) =>
      child === 'stats' ? chunk.reader(child, STRING) : chunk.reader(child),
    );
    held = new WeakRef(columns);
    // Whoever walks over files with waits between them must not decode the group for each.
    recent.push(columns);
    if (recent.length > RECENT_MAX) recent.shift();
    return columns;
  };
}

const RECENT_MAX = 2;
const recent: Columns[] = [];

function addFields({ schema }: ParquetReader): StructType['fields'] | undefined {
  const add = schema.fields.find(({ name }) => name === 'add')?.type;
  return add?.kind === 'struct' ? add.fields : undefined;
}

function parsedStats(
  value: Parameters<typeof statsOfColumns>[0] | undefined,
  type: StructType,
): string | undefined {
  return value === undefined || value === null ? undefined : statsOfColumns(value, type);
}
