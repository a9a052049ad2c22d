/** A pattern of LIKE, ready to match: `%` is any run of characters, `_` any one character. */
export type LikePattern = {
  /** What each matching text begins with. */
  readonly prefix: string;
  readonly matches: (text: string) => boolean;
};

/**
 * Reads a pattern. Undefined if the escape character stands before anything but `%`, `_` and itself, or at the end, which
 * Spark refuses too.
 */
export function likePattern(pattern: string, escape: string): LikePattern | undefined {
  let source = '';
  let prefix = '';
  let literal = true;
  const characters = Array.from(pattern);
  for (let index = 0; index < characters.length; index++) {
    let character = characters[index] ?? '';
    if (character === escape) {
      character = characters[++index] ?? '';
      if (character !== '%' && character !== '_' && character !== escape) return undefined;
    } else if (character === '%' || character === '_') {
      literal = false;
      source += character === '%' ? '[^]*' : '[^]';
      continue;
    }
    if (literal) prefix += character;
    source += character.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
  }
  if (literal) return { prefix, matches: (text) => text === prefix };
  if (source === `${escapeAll(prefix)}[^]*`) return { prefix, matches: (text) => text.startsWith(prefix) };
  const regex = new RegExp(`^${source.replace(/(?:\[\^\]\*)+/g, '[^]*')}$`, 'u');
  return { prefix, matches: (text) => regex.test(text) };
}

function escapeAll(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
