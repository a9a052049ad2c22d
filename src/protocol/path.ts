import { SluiceError } from '../base/errors.js';

/**
 * The object key that `add.path` names, relative to the table's root: percent escapes decoded exactly once
 * as UTF-8, raw non-ASCII characters and lone `%` kept. An absolute path comes back as a decoded URI
 * (`file:///a/b`), whichever way it was written. Delta protocol, "Add File and Remove File".
 *
 * Two paths name the same file exactly if this gives the same text: it is the key by which files are
 * compared.
 *
 * @throws SluiceError CORRUPT_LOG for a relative path that would leave the table's root, or is empty
 */
export function decodePath(path: string): string {
  if (isAbsolutePath(path)) return canonicalUri(path);
  const key = percentDecode(path);
  if (key.startsWith('./')) return checkedKey(key.slice(2), path);
  return checkedKey(key, path);
}

/** The key under which files are compared: `decodePath`, which knows no other spelling of the same file. */
export function canonicalPath(path: string): string {
  return decodePath(path);
}

/** Whether a path, encoded or decoded, starts at a root of its own: `/a`, `file:/a`, `s3://bucket/a`. */
export function isAbsolutePath(path: string): boolean {
  return path.startsWith('/') || /^[A-Za-z][A-Za-z0-9+.-]*:/.test(path);
}

/**
 * The text for `add.path` of an object key below the table's root, encoded as Delta Spark does: spaces,
 * controls and ``"#%<>?[\]^`{|}`` are escaped, other characters stay. A colon in the first part is escaped,
 * since it would read as a scheme.
 */
export function encodePath(key: string): string {
  const encoded = UNSAFE.test(key) ? key.replace(UNSAFE_ALL, percentByte) : key;
  const slash = encoded.indexOf('/');
  const first = slash < 0 ? encoded : encoded.slice(0, slash);
  return first.includes(':') ? first.replaceAll(':', '%3A') + encoded.slice(first.length) : encoded;
}

// Controls are what is looked for.
// eslint-disable-next-line no-control-regex
const UNSAFE = /[\u0000-\u0020"#%<>?[\\\]^`{|}\u007f]/;
const UNSAFE_ALL = new RegExp(UNSAFE, 'g');

function percentByte(character: string): string {
  return '%' + character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0');
}

function canonicalUri(path: string): string {
  if (path.startsWith('/')) return 'file:///' + withoutLeadingSlashes(percentDecode(path));
  const colon = path.indexOf(':');
  const scheme = path.slice(0, colon).toLowerCase();
  const rest = path.slice(colon + 1);
  if (scheme === 'file') {
    // `file:/a`, `file:///a` and `file://localhost/a` are one file.
    const local = rest.startsWith('//') ? rest.slice(2).replace(/^localhost(?=\/)/i, '') : rest;
    return 'file:///' + withoutLeadingSlashes(percentDecode(local));
  }
  return `${scheme}:${percentDecode(rest)}`;
}

function withoutLeadingSlashes(path: string): string {
  let start = 0;
  while (path.charCodeAt(start) === 0x2f) start++;
  return path.slice(start);
}

function checkedKey(key: string, path: string): string {
  if (key === '' || ESCAPING.test(key)) {
    throw new SluiceError('CORRUPT_LOG', `a path in the log leaves the table's folder: ${path}`, {
      context: { file: path },
    });
  }
  return key;
}

/** A part `..` between slashes of either kind; a backslash separates on some file systems. */
const ESCAPING = /(^|[/\\])\.\.($|[/\\])/;

function percentDecode(text: string): string {
  if (!text.includes('%')) return text;
  return text.replace(/(?:%[0-9A-Fa-f]{2})+/g, (run) => {
    const bytes = new Uint8Array(run.length / 3);
    for (let i = 0; i < bytes.length; i++) bytes[i] = parseInt(run.slice(i * 3 + 1, i * 3 + 3), 16);
    try {
      return UTF8.decode(bytes);
    } catch {
      // Not UTF-8: no key of ours holds such bytes, so the text stays as it was written.
      return run;
    }
  });
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
