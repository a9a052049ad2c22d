/** How a checkpoint of one version is laid out in files. */
type CheckpointShape =
  | { readonly kind: 'classic' }
  | { readonly kind: 'multipart'; readonly part: number; readonly parts: number }
  | { readonly kind: 'uuid'; readonly uuid: string; readonly format: 'parquet' | 'json' };

/**
 * What a file of `_delta_log/` is, read from its name. Nothing downstream looks at the name again.
 * `foreign` is anything that the grammar does not know, to be ignored: temporary files, `.crc` siblings
 * of Hadoop's local file system, files of sub-folders. Delta protocol, "Table Files".
 */
export type LogFile =
  | { readonly kind: 'commit'; readonly name: string; readonly version: number }
  | {
      readonly kind: 'checkpoint';
      readonly name: string;
      readonly version: number;
      readonly shape: CheckpointShape;
      /** Bytes, where the listing told it. */
      readonly size?: number;
    }
  | { readonly kind: 'compacted'; readonly name: string; readonly from: number; readonly through: number }
  | { readonly kind: 'checksum'; readonly name: string; readonly version: number }
  | { readonly kind: 'last-checkpoint'; readonly name: string }
  | { readonly kind: 'foreign'; readonly name: string };

/** The folder of the log below the table's root, with its slash. */
export const LOG_FOLDER = '_delta_log/';

export const LAST_CHECKPOINT_KEY = '_delta_log/_last_checkpoint';

const NAME =
  /^(\d{20})\.(?:(json)|(crc)|checkpoint\.(?:(parquet)|(\d{10})\.(\d{10})\.parquet|([0-9a-fA-F-]{36})\.(json|parquet))|(\d{20})\.compacted\.json)$/;

/**
 * Reads a file name relative to `_delta_log/`. Never throws. A version beyond 2^53 is foreign, and so is a
 * checkpoint of zero bytes, which writers leave behind that died early.
 *
 * @param size - bytes, if known
 */
export function parseLogFile(name: string, size?: number): LogFile {
  if (name === '_last_checkpoint') return { kind: 'last-checkpoint', name };
  const match = NAME.exec(name);
  const version = Number(match?.[1]);
  if (match === null || !Number.isSafeInteger(version)) return { kind: 'foreign', name };
  if (match[2] !== undefined) return { kind: 'commit', name, version };
  if (match[3] !== undefined) return { kind: 'checksum', name, version };
  if (match[9] !== undefined) return compacted(name, version, Number(match[9]));
  const shape = checkpointShape(match);
  if (shape === undefined || size === 0) return { kind: 'foreign', name };
  return { kind: 'checkpoint', name, version, shape, ...(size === undefined ? {} : { size }) };
}

/** `_delta_log/00000000000000000042.json` */
export function commitKey(version: number): string {
  return `${LOG_FOLDER}${paddedVersion(version)}.json`;
}

/** Where the classic checkpoint of a version lies. */
export function checkpointKey(version: number): string {
  return `${LOG_FOLDER}${paddedVersion(version)}.checkpoint.parquet`;
}

/** Where the top-level file of a V2 checkpoint of a version lies. */
export function uuidCheckpointKey(version: number, uuid: string, format: 'parquet' | 'json'): string {
  return `${LOG_FOLDER}${paddedVersion(version)}.checkpoint.${uuid}.${format}`;
}

/** The folder of sidecars, with its slash. */
export const SIDECAR_FOLDER = `${LOG_FOLDER}_sidecars/`;

/** What a sidecar of a version's checkpoint is called, as Delta Spark calls it: part 1 to n of n. */
export function sidecarName(version: number, part: number, parts: number, uuid: string): string {
  const ten = (n: number): string => String(n).padStart(10, '0');
  return `${paddedVersion(version)}.checkpoint.${ten(part)}.${ten(parts)}.${uuid}.parquet`;
}

/** Where the checksum of a version lies. */
export function checksumKey(version: number): string {
  return `${LOG_FOLDER}${paddedVersion(version)}.crc`;
}

/** Twenty digits: the order of names is the order of versions. */
export function paddedVersion(version: number): string {
  return String(version).padStart(20, '0');
}

function compacted(name: string, from: number, through: number): LogFile {
  if (!Number.isSafeInteger(through) || from >= through) return { kind: 'foreign', name };
  return { kind: 'compacted', name, from, through };
}

function checkpointShape(match: RegExpExecArray): CheckpointShape | undefined {
  if (match[4] !== undefined) return { kind: 'classic' };
  const uuid = match[7];
  if (uuid !== undefined) return { kind: 'uuid', uuid, format: match[8] === 'json' ? 'json' : 'parquet' };
  const part = Number(match[5]);
  const parts = Number(match[6]);
  return part >= 1 && part <= parts ? { kind: 'multipart', part, parts } : undefined;
}
