import { SluiceError } from '../../base/errors.js';
import type { HeaderValue, RawRecord } from '../../cdc/record.js';

/** How keys, values and header values are written in a recording: as the text their bytes are, or as base64. */
export type RecordingEncoding = 'utf8' | 'base64';

/** Where a line is, for errors. */
export type LinePlace = { readonly file: string; readonly line: number };

/** Which record a line holds. */
export type LineHead = { readonly topic: string; readonly partition: number; readonly offset: number };

const HEAD = /^\{\s*"topic":\s*"([^"\\]*)",\s*"partition":\s*(\d{1,9}),\s*"offset":\s*"(\d{1,15})"/;

/** Enough for the longest topic name Kafka takes (249 characters) and the two numbers. */
const HEAD_BYTES = 400;

/** Which record a line holds, without looking at the rest of it where the fields stand in the usual order. */
export function parseHead(line: Buffer, at: LinePlace): LineHead {
  const match = HEAD.exec(line.toString('utf8', 0, Math.min(line.length, HEAD_BYTES)));
  if (match !== null) {
    return { topic: match[1] ?? '', partition: Number(match[2]), offset: Number(match[3]) };
  }
  const fields = parseFields(line, at);
  return headOf(fields, at);
}

/** The record of a line, its bytes exactly as they were recorded. */
export function parseRecord(
  line: Buffer,
  encoding: RecordingEncoding,
  at: LinePlace,
): LineHead & { readonly record: RawRecord } {
  const fields = parseFields(line, at);
  const head = headOf(fields, at);
  const { timestamp, key, value, headers } = fields;
  if (typeof timestamp !== 'string' || !/^-?\d+$/.test(timestamp))
    throw invalid(at, 'timestamp is not a number');
  const record: RawRecord = {
    key: bytesOf(key, 'key', encoding, at),
    value: bytesOf(value, 'value', encoding, at),
    headers: headersOf(headers, encoding, at),
    offset: String(head.offset),
    timestamp,
  };
  return { ...head, record };
}

type Fields = Readonly<Record<string, unknown>>;

// JSON.parse is exact here: a recording holds numbers in its partition only, everything else is text.
function parseFields(line: Buffer, at: LinePlace): Fields {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line.toString('utf8'));
  } catch (cause) {
    throw invalid(at, 'not JSON', cause);
  }
  if (!isObject(parsed)) throw invalid(at, 'not an object');
  return parsed;
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function headOf({ topic, partition, offset }: Fields, at: LinePlace): LineHead {
  if (typeof topic !== 'string' || topic === '') throw invalid(at, 'topic is missing');
  if (typeof partition !== 'number' || !Number.isSafeInteger(partition) || partition < 0) {
    throw invalid(at, 'partition is not a number');
  }
  const number = typeof offset === 'string' && /^\d{1,16}$/.test(offset) ? Number(offset) : offset;
  if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < 0) {
    throw invalid(at, 'offset is not a number');
  }
  return { topic, partition, offset: number };
}

function headersOf(
  headers: unknown,
  encoding: RecordingEncoding,
  at: LinePlace,
): Record<string, HeaderValue> {
  if (headers === undefined || headers === null) return {};
  if (!Array.isArray(headers)) throw invalid(at, 'headers are not a list');
  const found: Record<string, Buffer | Buffer[] | undefined> = {};
  for (const header of headers as readonly unknown[]) {
    const [name, value]: readonly unknown[] = Array.isArray(header) ? header : [];
    if (typeof name !== 'string') throw invalid(at, 'a header is not [name, value]');
    const bytes = bytesOf(value, 'header', encoding, at) ?? undefined;
    const known = Object.hasOwn(found, name) ? found[name] : undefined;
    put(found, name, known === undefined || bytes === undefined ? (bytes ?? known) : listed(known, bytes));
  }
  return found;
}

function listed(known: Buffer | Buffer[], bytes: Buffer): Buffer[] {
  return Array.isArray(known) ? [...known, bytes] : [known, bytes];
}

/** Sets a field whatever its name: assigning `__proto__` would set something else. */
function put<T>(fields: Record<string, T>, name: string, value: T): void {
  if (name !== '__proto__') fields[name] = value;
  else Object.defineProperty(fields, name, { value, enumerable: true, writable: true, configurable: true });
}

function bytesOf(value: unknown, field: string, encoding: RecordingEncoding, at: LinePlace): Buffer | null {
  if (value === null) return null;
  if (typeof value !== 'string') throw invalid(at, `${field} is neither text nor null`);
  return Buffer.from(value, encoding);
}

/** The error for a line that is not a record. */
export function invalid({ file, line }: LinePlace, why: string, cause?: unknown): SluiceError {
  return new SluiceError('RECORD_INVALID', `${file}, line ${line}: ${why}`, {
    context: { file, line },
    hint: 'A recording has one Kafka record a line: topic, partition, offset, timestamp, headers, key, value.',
    cause,
  });
}
