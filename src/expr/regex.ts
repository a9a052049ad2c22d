/** Java's `\s`, which knows no blanks beyond ASCII, and its line ends. */
const BLANKS = ' \\t\\n\\x0B\\f\\r';
const LINE_END = '(?:\\r\\n|[\\n\\r\\u0085\\u2028\\u2029])';

/** General categories that Java and ECMAScript both know by these names. */
const CATEGORY = /^\\[pP]\{(?:L[ulmto]?|M[nce]?|N[dlo]?|P[cdseifo]?|S[mcko]?|Z[slp]?)\}/;

/**
 * A regular expression in Java's syntax, as RLIKE takes it, as one of ECMAScript. Undefined where the two have no common
 * ground (possessive quantifiers, `\Q…\E`, POSIX classes), or for what is no pattern.
 */
export function javaRegex(pattern: string): RegExp | undefined {
  let flags = 'u';
  let text = pattern;
  const inline = /^\(\?([ims]+)\)/.exec(pattern);
  if (inline !== null) {
    flags += [...new Set(inline[1])].join('');
    text = pattern.slice(inline[0].length);
  }
  const source = translate(text, flags);
  if (source === undefined) return undefined;
  try {
    return new RegExp(source, flags);
  } catch {
    return undefined;
  }
}

function translate(text: string, flags: string): string | undefined {
  let source = '';
  let inClass = false;
  for (let index = 0; index < text.length; index++) {
    const unit = text[index] ?? '';
    if (unit === '\\') {
      const category = CATEGORY.exec(text.slice(index, index + 8));
      const escaped = category?.[0] ?? translateEscape(text[index + 1] ?? '', inClass);
      if (escaped === undefined) return undefined;
      source += escaped;
      index += category === null ? 1 : category[0].length - 1;
    } else if (inClass) {
      // Java's classes nest and intersect, which ECMAScript writes otherwise.
      if (unit === '[' || text.startsWith('&&', index)) return undefined;
      inClass = unit !== ']';
      source += unit;
    } else if (unit === '[') {
      inClass = true;
      source += unit;
    } else if (unit === '+' && /[+*?}]/.test(text[index - 1] ?? '') && text[index - 2] !== '\\') {
      return undefined;
    } else if (unit === '$' && !flags.includes('m')) {
      source += `(?=${LINE_END}?(?![^]))`;
    } else if (unit === '.' && !flags.includes('s')) {
      source += '[^\\n\\r\\u0085\\u2028\\u2029]';
    } else {
      source += unit;
    }
  }
  return source;
}

function translateEscape(letter: string, inClass: boolean): string | undefined {
  if (letter === 's') return inClass ? BLANKS : `[${BLANKS}]`;
  if (letter === 'S') return inClass ? undefined : `[^${BLANKS}]`;
  if (letter === 'A' && !inClass) return '(?<![^])';
  if (letter === 'z' && !inClass) return '(?![^])';
  if (/[dDwWtnrf0-9]/.test(letter)) return `\\${letter}`;
  if ((letter === 'b' || letter === 'B') && !inClass) return `\\${letter}`;
  if (/[a-zA-Z]/.test(letter) || letter === '') return undefined;
  // Any other sign stands for itself, also where ECMAScript would not have it escaped.
  return /[\\^$.*+?()[\]{}|/-]/.test(letter) ? `\\${letter === '-' && !inClass ? 'x2d' : letter}` : letter;
}
