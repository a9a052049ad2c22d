import { DataType as ArrowType, type Data } from 'apache-arrow';

/** Cells that are looked at; spread evenly, so that sorted columns are judged rightly too. */
const SAMPLE = 256;
/** A sample with more different values than this share is not worth a dictionary. */
const DISTINCT_SHARE = 0.25;

/**
 * Whether a column's values seem to repeat so much that a dictionary makes it smaller. Where they do not, a dictionary
 * costs more than all the rest of the encoding and makes the file larger.
 */
export function repeats(chunks: readonly Data[]): boolean {
  const seen = new Set<string>();
  let looked = 0;
  const rows = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const step = Math.max(1, Math.floor(rows / SAMPLE));
  for (const chunk of chunks) {
    const bytes = cellBytes(chunk);
    if (bytes === undefined) return false;
    for (let row = 0; row < chunk.length; row += step) {
      if (!chunk.getValid(row)) continue;
      seen.add(bytes(row));
      looked++;
    }
  }
  return looked > 1 && seen.size <= Math.max(1, looked * DISTINCT_SHARE);
}

/** A cell's bytes as a text that is equal for equal bytes; undefined for types that take no dictionary. */
function cellBytes(data: Data): ((row: number) => string) | undefined {
  const { type } = data;
  if (ArrowType.isBool(type) || ArrowType.isNull(type) || (type.children?.length ?? 0) > 0) return undefined;
  const values: Uint8Array | undefined = data.values;
  if (values === undefined || ArrowType.isDictionary(type)) return undefined;
  const content = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  if (ArrowType.isUtf8(type) || ArrowType.isBinary(type)) {
    const offsets: Int32Array = data.valueOffsets;
    return (row) => content.toString('latin1', offsets[row] ?? 0, offsets[row + 1] ?? 0);
  }
  const width = values.BYTES_PER_ELEMENT * data.stride;
  return (row) => content.toString('latin1', row * width, (row + 1) * width);
}
