import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SluiceError } from '../base/errors.js';
import { localStore } from './local.js';
import { memoryStore } from './memory.js';
import type { ObjectStore } from './object-store.js';

/**
 * The store that a URL names: a path or `file:` URL for local files, `memory://name/path` for objects that
 * live with the process. Fails with `STORE_UNSUPPORTED` for other schemes and `CONFIG_INVALID` for what is
 * no URL. Nothing is read or made.
 */
export function openStore(url: string): ObjectStore {
  if (url.trim() === '') throw invalid(url, 'it is empty');
  // A single letter before the colon is a drive on Windows.
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]+):/.exec(url)?.[1]?.toLowerCase();
  if (scheme === undefined) return localStore(resolve(url));
  if (scheme === 'file') return localStore(filePath(url));
  if (scheme === 'memory') return memoryAt(url);
  throw new SluiceError('STORE_UNSUPPORTED', `There is no store for ${scheme}: (${withoutSecrets(url)}).`, {
    context: { scheme },
    hint: PLANNED.has(scheme)
      ? 'Object stores (S3, Azure, Google Cloud) are planned; for now use a path or a file: URL.'
      : 'Use a path, a file: URL or memory://name/path.',
  });
}

const PLANNED: ReadonlySet<string> = new Set([
  's3',
  's3a',
  's3n',
  'gs',
  'gcs',
  'az',
  'abfs',
  'abfss',
  'wasb',
  'wasbs',
  'adl',
]);

function filePath(url: string): string {
  try {
    // Hadoop writes file:/path.
    return fileURLToPath(url.replace(/^file:\/(?!\/)/i, 'file:///'));
  } catch (cause) {
    throw invalid(url, 'it names no local path', cause);
  }
}

function memoryAt(url: string): ObjectStore {
  const match = /^memory:\/\/([^/?#]+)\/*([^?#]*?)\/*$/i.exec(url);
  if (match?.[1] === undefined) throw invalid(url, 'it has the form memory://name/path');
  try {
    const path = (match[2] ?? '').split('/').map(decodeURIComponent).join('/');
    return memoryStore(decodeURIComponent(match[1])).at(path);
  } catch (cause) {
    if (cause instanceof URIError) throw invalid(url, 'a % is not followed by two hex digits', cause);
    throw cause;
  }
}

/** Keys and signatures may stand before the host and behind the path. */
function withoutSecrets(url: string): string {
  return url.replace(/[?#].*$/s, '').replace(/\/\/[^/@]*@/, '//');
}

function invalid(url: string, why: string, cause?: unknown): SluiceError {
  return new SluiceError('CONFIG_INVALID', `The URL "${withoutSecrets(url)}" cannot be opened: ${why}.`, {
    hint: 'Use a path, a file: URL or memory://name/path.',
    cause,
  });
}
