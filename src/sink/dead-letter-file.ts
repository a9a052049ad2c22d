import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SluiceError } from '../base/errors.js';
import type { HeaderValue } from '../cdc/record.js';
import { contextHeaders, type DeadLetter, type DeadLetters } from './dead-letters.js';

/**
 * Dead letters in a file, one JSON object a line, appended and flushed to the disk:
 *
 *     {"topic", "partition", "offset", "timestamp", "table", "key", "value", "headers": [[name, value], …]}
 *
 * `key` and `value` are base64 (null where the record has none), and so are the values of the record's own
 * headers; those that begin with `__connect.errors.` are text.
 */
export function fileDeadLetters(path: string, { connector }: { readonly connector: string }): DeadLetters {
  let opened: Promise<FileHandle> | undefined;

  const openFile = async (): Promise<FileHandle> => {
    await mkdir(dirname(path), { recursive: true });
    return open(path, 'a');
  };
  return {
    write: async (letters, signal) => {
      signal.throwIfAborted();
      const lines = letters.map((letter) => `${formatLetter(letter, connector)}\n`).join('');
      try {
        const file = await (opened ??= openFile());
        await file.appendFile(lines, 'utf8');
        await file.datasync();
      } catch (cause) {
        // The next letter opens the file anew: what broke may be mended by then.
        await close(opened);
        opened = undefined;
        throw new SluiceError('STORE_UNAVAILABLE', `dead letters could not be written to ${path}`, {
          retry: 'ambiguous',
          context: { file: path },
          hint: 'make room or give permission; the table waits',
          cause,
        });
      }
    },
    [Symbol.asyncDispose]: async () => {
      await close(opened);
      opened = undefined;
    },
  };
}

async function close(opened: Promise<FileHandle> | undefined): Promise<void> {
  try {
    await (await opened)?.close();
  } catch {
    // It could not be opened, or is gone: nothing is left to be closed.
  }
}

function formatLetter(letter: DeadLetter, connector: string): string {
  const { topic, partition, offset, table, record } = letter;
  const own = Object.entries(record.headers ?? {}).flatMap(([name, value]) =>
    flat(value).map((bytes): [string, string] => [name, base64(bytes)]),
  );
  return JSON.stringify({
    topic,
    partition,
    offset: String(offset),
    timestamp: record.timestamp,
    table: table ?? null,
    key: record.key === null ? null : base64(record.key),
    value: record.value === null ? null : base64(record.value),
    headers: [...own, ...Object.entries(contextHeaders(letter, connector))],
  });
}

function flat(value: HeaderValue): readonly (Buffer | string)[] {
  if (value === undefined) return [];
  return typeof value === 'string' || Buffer.isBuffer(value) ? [value] : value;
}

function base64(bytes: Buffer | string): string {
  return Buffer.from(bytes).toString('base64');
}
