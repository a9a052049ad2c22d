/** A setting of a `.properties` text; `line` is where it begins, from 1. */
export type Property = { readonly key: string; readonly value: string; readonly line: number };

/**
 * Reads Java's `.properties` text, as Kafka Connect's connector files are written: `key=value`, `key: value`, comments
 * with `#` or `!`, lines continued with a backslash, `\uXXXX` and the other escapes. In the order of the text; a key may
 * come twice.
 */
export function parseProperties(text: string): readonly Property[] {
  return logicalLines(text).map(({ text: whole, line }) => {
    const { key, value } = splitLine(whole);
    return { key: unescape(key), value: unescape(value), line };
  });
}

/** What Java counts as a space between the parts of a line. */
const SPACES = /^[ \t\f]+/;

function logicalLines(text: string): readonly { readonly text: string; readonly line: number }[] {
  const lines: { text: string; line: number }[] = [];
  let open: { text: string; line: number } | undefined;
  // A byte order mark, as editors on Windows write it, is no part of the first key.
  for (const [index, natural] of text
    .replace(/^\uFEFF/, '')
    .split(/\r\n|\r|\n/)
    .entries()) {
    const part = natural.replace(SPACES, '');
    if (open === undefined && (part === '' || part.startsWith('#') || part.startsWith('!'))) continue;
    const continued = (/\\*$/.exec(part)?.[0].length ?? 0) % 2 === 1;
    open = {
      text: (open?.text ?? '') + (continued ? part.slice(0, -1) : part),
      line: open?.line ?? index + 1,
    };
    if (continued) continue;
    lines.push(open);
    open = undefined;
  }
  if (open !== undefined) lines.push(open);
  return lines;
}

function splitLine(line: string): { readonly key: string; readonly value: string } {
  for (let at = 0; at < line.length; at++) {
    const char = line[at] ?? '';
    if (char === '\\') at++;
    else if (/[=: \t\f]/.test(char)) {
      const value = line.slice(at).replace(/^[ \t\f]*[=:]?[ \t\f]*/, '');
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
