/**
 * Reads Java's `.properties` text, as Kafka Connect's connector files are written: `key=value`, `key: value`, comments
 * with `#` or `!`, lines continued with a backslash, `\uXXXX` and the other escapes. A key that comes twice has its last
 * value.
 */
export function parseProperties(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const line of logicalLines(text)) {
    const { key, value } = splitLine(line);
    found.set(unescape(key), unescape(value));
  }
  return found;
}

function* logicalLines(text: string): Generator<string> {
  let open = '';
  for (const natural of text.split(/\r\n|\r|\n/)) {
    const line = natural.trimStart();
    if (open === '' && (line === '' || line.startsWith('#') || line.startsWith('!'))) continue;
    const backslashes = /\\*$/.exec(line)?.[0].length ?? 0;
    if (backslashes % 2 === 1) {
      open += line.slice(0, -1);
      continue;
    }
    yield open + line;
    open = '';
  }
  if (open !== '') yield open;
}

function splitLine(line: string): { readonly key: string; readonly value: string } {
  for (let at = 0; at < line.length; at++) {
    const char = line[at] ?? '';
    if (char === '\\') at++;
    else if (/[=:\s]/.test(char)) {
      const value = line.slice(at).replace(/^\s*[=:]?\s*/, '');
      return { key: line.slice(0, at), value };
    }
  }
  return { key: line, value: '' };
}

const ESCAPES: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f' };

function unescape(text: string): string {
  return text.replace(
    /\\(?:u([0-9a-fA-F]{4})|(.))/g,
    (_, hex: string | undefined, char: string | undefined) =>
      hex === undefined ? (ESCAPES[char ?? ''] ?? char ?? '') : String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
