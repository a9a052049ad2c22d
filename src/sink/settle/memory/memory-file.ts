import { reader } from '../../../columnar/cells.js';
import { conform, structOf, type ArrowTable } from '../../../columnar/arrow.js';
import { openParquet, writeParquet } from '../../../columnar/parquet.js';
import { TableBuilder } from '../../../columnar/table-builder.js';
import { SluiceError } from '../../../base/errors.js';
import { BYTE, LONG, STRING, field } from '../../../schema/build.js';
import type { StructField, StructType, Value } from '../../../schema/types.js';
import type { ImageSource, MemoryRecord, Origin, RowImage, Taken } from './records.js';

const COLUMNS = ['kind', 'key', 'place', 'source_key', 'source_place', 'columns', 'at'].map(
  (name) => `__sluice_${name}`,
);
const FIXED: readonly StructField[] = COLUMNS.map((name, at) =>
  field(name, at === 0 ? BYTE : at === COLUMNS.length - 1 ? LONG : STRING),
);

/** The number under which a record's kind is written. */
const CODES = {
  delete: 1,
  image: 2,
  pending: 3,
  settled: 4,
  applied: 5,
  taken: 8,
} as const;

/**
 * Records as a Parquet file: fixed columns, and behind them, only where a record holds a row, the columns of `schema`.
 */
export function encodeMemory(records: Iterable<MemoryRecord>, schema: StructType): Uint8Array {
  const rows = [...records].map(rowOfRecord);
  const imaged = rows.some(({ image }) => image !== undefined);
  const fields = imaged ? schema.fields.map((each) => field(each.name, each.type)) : [];
  const builder = new TableBuilder({ kind: 'struct', fields: [...FIXED, ...fields] });
  for (const { cells, image } of rows) {
    cells.forEach((cell, at) => builder.column(at).append(cell));
    fields.forEach(({ name }, at) => builder.column(FIXED.length + at).append(image?.get(name) ?? null));
  }
  return writeParquet(builder.finish(), {});
}

/**
 * Reads what `encodeMemory` wrote, rows as those of `schema` (columns it lacks are left out, narrower ones widened).
 *
 * @throws SluiceError CORRUPT_FILE naming the file
 */
export async function decodeMemory(
  body: Uint8Array,
  schema: StructType,
  path: string,
): Promise<readonly MemoryRecord[]> {
  const read = (start: number, end: number): Promise<Uint8Array> =>
    Promise.resolve(body.subarray(start, end));
  const file = await openParquet({ size: body.byteLength, name: path, read });
  try {
    return recordsOf(await file.read({}), schema, path);
  } finally {
    file[Symbol.dispose]();
  }
}

type Row = { readonly cells: readonly Value[]; readonly image?: RowImage };

function rowOfRecord(record: MemoryRecord): Row {
  const at = BigInt(record.atMs);
  const row = (
    code: number,
    key: string,
    place: string | null,
    source: ImageSource | undefined,
    columns: unknown,
    image?: RowImage,
  ): Row => {
    const text = columns === undefined ? null : JSON.stringify(columns);
    const cells = [code, key, place, source?.key ?? null, source?.order ?? null, text, at];
    return image === undefined ? { cells } : { cells, image };
  };
  switch (record.kind) {
    case 'delete':
      return row(CODES.delete, record.key, record.position, undefined, undefined);
    case 'image': {
      const unknown = [...record.unknown].map(([name, { key, order }]) => [name, key, order]);
      const waits = unknown.length === 0 ? undefined : unknown;
      return row(CODES.image, record.key, record.order, undefined, waits, record.row);
    }
    case 'pending':
      return row(CODES.pending, record.key, null, record.source, record.columns, record.keyValues);
    case 'settled':
      return row(CODES.settled, record.key, null, record.source, record.columns);
    case 'applied':
      return row(CODES.applied, record.identity, record.order, undefined, [
        record.eventMs,
        record.partition,
        record.offset,
      ]);
    case 'taken': {
      const taken = record.row === undefined ? [] : originCells(record.row);
      const columns = [record.round, originCells(record.by), taken];
      return row(CODES.taken, '', null, undefined, columns, record.image);
    }
  }
}

function recordsOf(table: ArrowTable, schema: StructType, path: string): readonly MemoryRecord[] {
  const stored = new Set(structOf(table.schema).fields.map(({ name }) => name));
  if (FIXED.some(({ name }) => !stored.has(name))) throw unreadable(path);
  const cells = FIXED.map(({ name, type }) => reader(table, name, type));
  const fields = schema.fields.filter(({ name }) => stored.has(name));
  const images = conform(table, {
    kind: 'struct',
    fields: fields.map(({ name, type }) => field(name, type)),
  });
  const values = fields.map(({ name, type }) => [name, reader(images, name, type)] as const);
  const imageAt = (row: number): RowImage => new Map(values.map(([name, cell]) => [name, cell(row)]));
  const textAt = (column: number, row: number): string => {
    const value = cells[column]?.(row);
    if (typeof value !== 'string') throw unreadable(path);
    return value;
  };
  const records: MemoryRecord[] = [];
  for (let row = 0; row < table.numRows; row++) {
    const key = textAt(1, row);
    const atMs = Number(cells[6]?.(row) ?? 0n);
    const columns: unknown = JSON.parse(cells[5]?.(row) === null ? '[]' : textAt(5, row));
    const wait = (): { key: string; source: ImageSource; columns: readonly string[] } => ({
      key,
      source: { key: textAt(3, row), order: textAt(4, row) },
      columns: namesIn(columns, path),
    });
    switch (cells[0]?.(row)) {
      case CODES.delete:
        records.push({ kind: 'delete', key, position: textAt(2, row), atMs });
        break;
      case CODES.image: {
        const unknown = sourcesIn(columns, path);
        records.push({ kind: 'image', key, order: textAt(2, row), row: imageAt(row), unknown, atMs });
        break;
      }
      case CODES.pending:
        records.push({ kind: 'pending', ...wait(), keyValues: imageAt(row), atMs });
        break;
      case CODES.settled:
        records.push({ kind: 'settled', ...wait(), atMs });
        break;
      case CODES.applied:
        const [eventMs, partition, offset] = numbersIn(columns, path);
        records.push({
          kind: 'applied',
          identity: key,
          order: textAt(2, row),
          eventMs,
          partition,
          offset,
          atMs,
        });
        break;
      case CODES.taken:
        records.push({ kind: 'taken', ...takenIn(columns, path), image: imageAt(row), atMs });
        break;
      default:
        throw unreadable(path);
    }
  }
  return records;
}

function namesIn(columns: unknown, path: string): readonly string[] {
  if (Array.isArray(columns) && columns.every((name) => typeof name === 'string')) return columns;
  throw unreadable(path);
}

function numbersIn(columns: unknown, path: string): readonly [number, number, number] {
  if (Array.isArray(columns)) {
    const [eventMs, partition, offset]: readonly unknown[] = columns;
    if (typeof eventMs === 'number' && typeof partition === 'number' && typeof offset === 'number')
      return [eventMs, partition, offset];
  }
  throw unreadable(path);
}

function originCells({ position, partition, offset }: Origin): readonly unknown[] {
  return [position, partition, offset];
}

function takenIn(columns: unknown, path: string): Taken {
  if (!Array.isArray(columns)) throw unreadable(path);
  const [round, by, row]: readonly unknown[] = columns;
  const origin = originIn(by);
  if (typeof round !== 'number' || origin === undefined || !Array.isArray(row)) throw unreadable(path);
  return { by: origin, round, row: originIn(row) };
}

function originIn(cells: unknown): Origin | undefined {
  if (!Array.isArray(cells)) return undefined;
  const [position, partition, offset]: readonly unknown[] = cells;
  if (typeof position !== 'string' || typeof partition !== 'number' || typeof offset !== 'number')
    return undefined;
  return { position, partition, offset };
}

function sourcesIn(columns: unknown, path: string): ReadonlyMap<string, ImageSource> {
  const sources = new Map<string, ImageSource>();
  if (!Array.isArray(columns)) throw unreadable(path);
  for (const entry of columns) {
    const [name, key, order] = namesIn(entry, path);
    if (name === undefined || key === undefined || order === undefined) throw unreadable(path);
    sources.set(name, { key, order });
  }
  return sources;
}

function unreadable(path: string): SluiceError {
  return new SluiceError('CORRUPT_FILE', `${path} does not hold what Sluice wrote there`, {
    context: { file: path },
    hint: 'Restore the file: it says which late changes must not be applied.',
  });
}
