import { Table, tableFromIPC } from 'apache-arrow';
import { parquetMetadata, type FileMetaData } from 'hyparquet';
import { readParquet } from 'parquet-wasm';
import { SluiceError } from '../base/errors.js';
import type { StructType } from '../schema/types.js';
import { structOf } from './arrow-types.js';

/** The bytes of a Parquet file, wherever they are. */
export interface ParquetSource {
  /** Bytes of the whole file. */
  readonly size: number;
  /** What to call the file in an error. */
  readonly name?: string;
  /** The bytes from `start` up to `end`. Its rejections come through as they are. */
  read(start: number, end: number): Promise<Uint8Array>;
}

export type ParquetGroup = {
  readonly rows: number;
  /** The ordinal in the file of the group's first row. */
  readonly firstRow: number;
};

/** An open Parquet file. */
export interface ParquetReader extends Disposable, AsyncDisposable {
  /** Rows of the whole file. */
  readonly rows: number;
  readonly groups: readonly ParquetGroup[];
  /** Names of the top-level columns, in file order. */
  readonly columns: readonly string[];
  /** The columns as Delta types, field ids in their metadata (`PARQUET:field_id`). */
  readonly schema: StructType;
  /**
   * Reads the rows of the given row groups (by default all), always in file order, of the given top-level columns (by
   * default all), in file order too. A column that the file does not have is absent from the table. A table without
   * columns still counts its rows.
   *
   * @throws SluiceError CORRUPT_FILE if the bytes are no such Parquet
   */
  read(options?: {
    readonly columns?: readonly string[];
    readonly groups?: readonly number[];
  }): Promise<Table>;
}

/**
 * Opens a file by its footer; nothing else is read yet.
 *
 * @throws SluiceError CORRUPT_FILE if there is no footer to understand
 */
export async function openParquet(source: ParquetSource): Promise<ParquetReader> {
  const metadata = await readFooter(source);
  const groups: ParquetGroup[] = [];
  let firstRow = 0;
  for (const group of metadata.row_groups) {
    const rows = Number(group.num_rows);
    groups.push({ rows, firstRow });
    firstRow += rows;
  }
  const columns = topLevelColumns(metadata);
  return {
    rows: firstRow,
    groups,
    columns,
    schema: structOf(
      tableFromIPC(readParquet(await source.read(0, source.size), { limit: 0 }).intoIPCStream()).schema,
    ),
    async read(options = {}) {
      const wanted =
        options.columns === undefined ? columns : columns.filter((name) => options.columns?.includes(name));
      const rowGroups = [...new Set(options.groups ?? groups.keys())].sort((a, b) => a - b);
      const bytes = await source.read(0, source.size);
      try {
        return tableFromIPC(readParquet(bytes, { columns: [...wanted], rowGroups }).intoIPCStream());
      } catch (cause) {
        throw corrupt(source, cause);
      }
    },
    [Symbol.dispose]() {},
    async [Symbol.asyncDispose]() {},
  };
}

/** Covers the footer of nearly all files in one read; a longer one costs a second. */
const TAIL_BYTES = 64 * 1024;

async function readFooter(source: ParquetSource): Promise<FileMetaData> {
  const from = Math.max(0, source.size - TAIL_BYTES);
  let tail = await source.read(from, source.size);
  try {
    const length = new DataView(tail.buffer, tail.byteOffset).getUint32(tail.byteLength - 8, true) + 8;
    if (length > tail.byteLength && length <= source.size)
      tail = await source.read(source.size - length, source.size);
    return parquetMetadata(tail.slice().buffer);
  } catch (cause) {
    throw corrupt(source, cause);
  }
}

function topLevelColumns(metadata: FileMetaData): string[] {
  const names: string[] = [];
  let at = 1;
  const skip = (): void => {
    const children = metadata.schema[at++]?.num_children ?? 0;
    for (let child = 0; child < children; child++) skip();
  };
  const count = metadata.schema[0]?.num_children ?? 0;
  for (let column = 0; column < count; column++) {
    names.push(metadata.schema[at]?.name ?? '');
    skip();
  }
  return names;
}

function corrupt(source: ParquetSource, cause: unknown): SluiceError {
  const name = source.name ?? 'a data file';
  return new SluiceError('CORRUPT_FILE', `${name} is no Parquet file that can be read`, {
    context: { file: source.name },
    cause,
  });
}
