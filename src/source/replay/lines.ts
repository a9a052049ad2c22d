import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { SluiceError } from '../../base/errors.js';

/** Lines that were read at once: `start` is where the first one begins in the text, `number` its line number from 1. */
export type Lines = { readonly start: number; readonly number: number; readonly lines: readonly Buffer[] };

/** Where in a file's text to begin, and the number of the line that begins there. */
export type TextPlace = { readonly byte: number; readonly line: number };

const NEWLINE = 0x0a;

/**
 * The lines of a text file from a place on, some at a time, without their line ends; memory stays bounded
 * by the longest line. A name that ends in `.gz` is decompressed; positions count decompressed bytes.
 * A file that cannot be read, or whose compression is damaged, is `RECORD_INVALID` naming it.
 */
export async function* linesOf(file: string, from: TextPlace, signal: AbortSignal): AsyncGenerator<Lines> {
  const stream = open(file, from.byte);
  let skip = file.endsWith('.gz') ? from.byte : 0;
  let [start, number] = [from.byte, from.line];
  let rest: Buffer = Buffer.alloc(0);
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      signal.throwIfAborted();
      if (skip >= chunk.length) {
        skip -= chunk.length;
        continue;
      }
      const text = rest.length === 0 ? chunk.subarray(skip) : Buffer.concat([rest, chunk.subarray(skip)]);
      skip = 0;
      const { lines, used } = split(text);
      rest = text.subarray(used);
      if (lines.length === 0) continue;
      yield { start, number, lines };
      start += used;
      number += lines.length;
    }
    if (rest.length > 0) yield { start, number, lines: [rest] };
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof SluiceError) throw cause;
    throw new SluiceError('RECORD_INVALID', `${file}: the recording cannot be read`, {
      context: { file },
      hint: 'The file may be cut off or not be what its name says: copy it again.',
      cause,
    });
  } finally {
    stream.destroy();
  }
}

function open(file: string, byte: number): Readable {
  if (!file.endsWith('.gz')) return createReadStream(file, { start: byte, highWaterMark: 256 * 1024 });
  const compressed = createReadStream(file);
  const text = createGunzip({ chunkSize: 256 * 1024 });
  compressed.on('error', (cause) => text.destroy(cause));
  text.on('close', () => compressed.destroy());
  return compressed.pipe(text);
}

function split(text: Buffer): { readonly lines: readonly Buffer[]; readonly used: number } {
  const lines: Buffer[] = [];
  let used = 0;
  for (let end = text.indexOf(NEWLINE); end >= 0; end = text.indexOf(NEWLINE, used)) {
    lines.push(text.subarray(used, end));
    used = end + 1;
  }
  return { lines, used };
}
