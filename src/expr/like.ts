/** A pattern of LIKE, ready to match: `%` is any run of characters, `_` any one character. */
export type LikePattern = {
  /** What each matching text begins with. */
  readonly prefix: string;
  /** Whether each text that begins with `prefix` matches. */
  readonly prefixOnly: boolean;
  /** Whether the UTF-8 text from `start` up to `end` matches; takes at most the product of both lengths. */
  readonly matches: (bytes: Uint8Array, start: number, end: number) => boolean;
};

/** Stands in a compiled pattern for one character and for any run; no UTF-8 text has these bytes. */
const ONE = 0xfe;
const RUN = 0xff;

/**
 * Reads a pattern. Undefined if the escape character stands before anything but `%`, `_` and itself, or at the end, which
 * Spark refuses too.
 */
export function likePattern(pattern: string, escape: string): LikePattern | undefined {
  const compiled: number[] = [];
  let prefix = '';
  let wild = 0;
  const characters = Array.from(pattern);
  for (let index = 0; index < characters.length; index++) {
    let character = characters[index] ?? '';
    if (character === escape) {
      character = characters[++index] ?? '';
      if (character !== '%' && character !== '_' && character !== escape) return undefined;
    } else if (character === '%' || character === '_') {
      wild++;
      const code = character === '%' ? RUN : ONE;
      if (code === ONE || compiled.at(-1) !== RUN) compiled.push(code);
      continue;
    }
    if (wild === 0) prefix += character;
    for (const byte of ENCODER.encode(character)) compiled.push(byte);
  }
  const code = Uint8Array.from(compiled);
  const last = code.length - 1;
  const inner = code.subarray(0, Math.max(0, last));
  const matches = hasWild(code)
    ? code[last] === RUN && !hasWild(inner)
      ? startsWith(inner)
      : code[0] === RUN && !hasWild(code.subarray(1))
        ? endsWith(code.subarray(1))
        : general(code)
    : equals(code);
  return {
    prefix,
    prefixOnly: wild > 0 && code.length === ENCODER.encode(prefix).length + 1 && code[last] === RUN,
    matches,
  };
}

const ENCODER = new TextEncoder();

function hasWild(code: Uint8Array): boolean {
  return code.includes(RUN) || code.includes(ONE);
}

type Matches = LikePattern['matches'];

function equals(text: Uint8Array): Matches {
  return (bytes, start, end) => end - start === text.length && sameAt(bytes, start, text);
}

function startsWith(text: Uint8Array): Matches {
  return (bytes, start, end) => end - start >= text.length && sameAt(bytes, start, text);
}

function endsWith(text: Uint8Array): Matches {
  return (bytes, start, end) => end - start >= text.length && sameAt(bytes, end - text.length, text);
}

function sameAt(bytes: Uint8Array, at: number, text: Uint8Array): boolean {
  for (let index = 0; index < text.length; index++) if (bytes[at + index] !== text[index]) return false;
  return true;
}

/** Goes back to the last run only: a run before it never needs to take more once a later one was reached. */
function general(code: Uint8Array): Matches {
  return (bytes, start, end) => {
    let at = start;
    let step = 0;
    let runStep = -1;
    let runAt = 0;
    while (at < end) {
      const wanted = code[step];
      if (wanted === RUN) {
        runStep = step++;
        runAt = at;
      } else if (wanted === ONE) {
        at = nextCharacter(bytes, at, end);
        step++;
      } else if (wanted !== undefined && wanted === bytes[at]) {
        at++;
        step++;
      } else if (runStep >= 0) {
        runAt = nextCharacter(bytes, runAt, end);
        at = runAt;
        step = runStep + 1;
      } else {
        return false;
      }
    }
    while (code[step] === RUN) step++;
    return step === code.length;
  };
}

function nextCharacter(bytes: Uint8Array, at: number, end: number): number {
  let next = at + 1;
  while (next < end && ((bytes[next] ?? 0) & 0xc0) === 0x80) next++;
  return next;
}
