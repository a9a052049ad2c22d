import { SluiceError } from '../base/errors.js';

/** Names that stores keep for files in the making; no object is called so, and no listing shows one. */
const TEMPORARY = /^\.sluice-.*\.tmp$/;

/** The name of a temporary file; `unique` has never been used in its folder before. */
export function temporaryName(unique: string): string {
  return `.sluice-${unique}.tmp`;
}

export function isTemporaryName(name: string): boolean {
  return TEMPORARY.test(name);
}

/**
 * The key, if it names an object below the root. Fails with `STORE_DENIED` for one that is absolute, has an
 * empty part, `.` or `..`, a NUL, or a temporary file's name: keys are made from names that come from
 * outside, and none of them may reach past the root.
 */
export function checkedKey(key: string): string {
  if (key === '' || key.includes('\0') || key.split('/').some(isForbiddenPart)) throw refused(key);
  return key;
}

/** The prefix of a listing or of a store below: a key, or one cut off anywhere, or nothing. */
export function checkedPrefix(prefix: string): string {
  const parts = prefix.split('/');
  const last = parts.pop() ?? '';
  if (prefix.includes('\0') || last === '..' || parts.some(isForbiddenPart)) throw refused(prefix);
  return prefix;
}

/** `prefix` below `base`, both without a slash at their ends; either may be empty. */
export function joinKeys(base: string, prefix: string): string {
  const below = prefix.endsWith('/') ? prefix.slice(0, -1) : prefix;
  if (below !== '') checkedKey(below);
  return base === '' || below === '' ? base + below : `${base}/${below}`;
}

function isForbiddenPart(part: string): boolean {
  return part === '' || part === '.' || part === '..' || isTemporaryName(part);
}

function refused(key: string): SluiceError {
  return new SluiceError('STORE_DENIED', `The key ${JSON.stringify(key)} would leave its store.`, {
    context: { file: key },
    hint: "Keys are relative, with '/' between parts that are neither empty nor '.' nor '..'.",
  });
}
