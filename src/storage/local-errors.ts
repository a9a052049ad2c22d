import { SluiceError } from '../base/errors.js';
import type { Retry } from '../base/errors.js';

/** The system's name for what went wrong (`ENOENT`), or undefined. */
export function systemCode(cause: unknown): string | undefined {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined;
}

/** Whether the failure says that no object is there, a folder of its name or a file above it included. */
export function isAbsence(cause: unknown): boolean {
  return ABSENT.has(systemCode(cause) ?? '');
}

/** Whether link(2) failed because the file system has no hard links. EPERM is Linux's answer on FAT. */
export function isWithoutLinks(cause: unknown): boolean {
  return NO_LINKS.has(systemCode(cause) ?? '');
}

/**
 * A failure of a file operation as a `SluiceError` that names the file; an abort and our own errors pass as
 * they are. `retry` is what to say of failures that may pass; full disks and missing permissions say
 * `never`, since only a person can repair them.
 */
export function storeError(cause: unknown, doing: string, file: string, retry: Retry = 'safe'): unknown {
  const code = systemCode(cause);
  if (cause instanceof SluiceError || code === undefined || code === 'ABORT_ERR') return cause;
  const context = { file, cause: code };
  if (FULL.has(code)) {
    return new SluiceError('STORE_FULL', `No space is left for ${doing} ${file} (${code}).`, {
      retry: retry === 'ambiguous' ? 'ambiguous' : 'never',
      context,
      hint: 'Free some space or raise the quota; what was written before is whole.',
      cause,
    });
  }
  if (DENIED.has(code)) {
    return new SluiceError('STORE_DENIED', `The system forbids ${doing} ${file} (${code}).`, {
      retry: retry === 'ambiguous' ? 'ambiguous' : 'never',
      context,
      hint: 'Give the user of this process read and write permission on the folder and its files.',
      cause,
    });
  }
  if (code === 'ENAMETOOLONG') {
    return new SluiceError('STORE_UNSUPPORTED', `The file system has no names as long as ${file}.`, {
      context,
      hint: 'Use a shorter table path, or names of at most 255 bytes.',
      cause,
    });
  }
  return new SluiceError('STORE_UNAVAILABLE', `The system answers ${doing} ${file} with ${code}.`, {
    retry,
    context,
    hint: 'Look at the disk or the mount; the same call may pass later.',
    cause,
  });
}

const ABSENT: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'EISDIR', 'ENAMETOOLONG']);
const NO_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EXDEV']);
const FULL: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
const DENIED: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS']);
