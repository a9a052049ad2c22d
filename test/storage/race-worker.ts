/**
 * Runs in a process of its own: `writer` tries to create every version, `reader` reads whatever is there
 * until told to stop, `put` tries one write of so many bytes. Reports by message, begins on the first one.
 */
import { once } from 'node:events';
import { isSluiceError } from '../../src/base/errors.js';
import { never } from '../../src/base/signals.js';
import { localStore } from '../../src/storage/local.js';

const [root = '', role = '', id = '', count = '0'] = process.argv.slice(2);
const store = localStore(root);
const anyway = { signal: never };

const roles: Record<string, () => Promise<unknown>> = { writer, reader, put };

process.send?.('ready');
await once(process, 'message');
process.send?.(await roles[role]?.());
process.disconnect?.();

async function writer(): Promise<number[]> {
  const won: number[] = [];
  for (let version = 0; version < Number(count); version++) {
    // Long enough that a write is many pages, and another length for each writer.
    const body = new TextEncoder().encode(id.repeat(60_000 + Number(id)));
    if ((await store.putIfAbsent(`_delta_log/${version}.json`, body, anyway)) === 'created')
      won.push(version);
  }
  return won;
}

async function reader(): Promise<{ whole: number; partial: string[] }> {
  const reading = { stopped: false };
  process.once('message', () => {
    reading.stopped = true;
  });
  let whole = 0;
  const partial: string[] = [];
  while (!reading.stopped) {
    for await (const { key, size } of store.list('_delta_log/', anyway)) {
      const body = await store.get(key, anyway);
      const text = new TextDecoder().decode(body);
      const owner = text.charAt(0);
      if (size === text.length && text === owner.repeat(60_000 + Number(owner))) whole++;
      else partial.push(`${key}: ${size} listed, ${text.length} read`);
    }
  }
  return { whole, partial };
}

async function put(): Promise<unknown> {
  try {
    await store.putIfAbsent('a/k', new Uint8Array(Number(count)), anyway);
    return 'created';
  } catch (cause) {
    return isSluiceError(cause) ? { code: cause.code, file: cause.context['file'] } : String(cause);
  }
}
