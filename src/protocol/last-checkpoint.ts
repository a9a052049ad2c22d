import {
  isJsonObject,
  JsonNumber,
  JsonSyntaxError,
  ownMember,
  parseJson,
  stringifyJson,
  type JsonObject,
  type JsonValue,
} from '../base/json.js';
import { compareUtf8 } from '../base/utf8-order.js';
import { md5 } from './md5.js';

/** What `_last_checkpoint` hints at. Sizes are unknown where a writer left them out. */
export type LastCheckpoint = {
  readonly version: number;
  /** Actions in the checkpoint. */
  readonly size: number;
  /** Files of a checkpoint in parts. */
  readonly parts?: number;
  readonly sizeInBytes?: number;
  readonly numOfAddFiles?: number;
  /** The top-level file of a V2 checkpoint, whose name holds a UUID. Written, and never read: the listing tells. */
  readonly v2Checkpoint?: {
    readonly path: string;
    readonly sizeInBytes: number;
    readonly modificationTime: number;
  };
};

/**
 * Reads `_last_checkpoint`. It is a hint: undefined, for a text that is no such object or whose checksum is
 * wrong, means to list the log from its beginning, and so does a version that is not there. Delta protocol,
 * "Last Checkpoint File".
 */
export function parseLastCheckpoint(text: string): LastCheckpoint | undefined {
  const object = parseObject(text);
  if (object === undefined) return undefined;
  const checksum = ownMember(object, 'checksum');
  if (typeof checksum === 'string' && checksum.toLowerCase() !== checksumOf(object)) return undefined;
  const version = count(object, 'version');
  if (version === undefined) return undefined;
  const parts = count(object, 'parts');
  const sizeInBytes = count(object, 'sizeInBytes');
  const numOfAddFiles = count(object, 'numOfAddFiles');
  return {
    version,
    size: count(object, 'size') ?? 0,
    ...(parts === undefined ? {} : { parts }),
    ...(sizeInBytes === undefined ? {} : { sizeInBytes }),
    ...(numOfAddFiles === undefined ? {} : { numOfAddFiles }),
  };
}

/** The text of `_last_checkpoint`, with its checksum. */
export function formatLastCheckpoint(hint: LastCheckpoint): string {
  const { version, size, parts, sizeInBytes, numOfAddFiles, v2Checkpoint } = hint;
  const object: JsonObject = {
    version,
    size,
    ...(parts === undefined ? {} : { parts }),
    ...(sizeInBytes === undefined ? {} : { sizeInBytes }),
    ...(numOfAddFiles === undefined ? {} : { numOfAddFiles }),
    ...(v2Checkpoint === undefined ? {} : { v2Checkpoint }),
  };
  return stringifyJson({ ...object, checksum: checksumOf(object) });
}

/**
 * The checksum of such an object: MD5 of its leaves as `"key"+"key"=value`, sorted and joined by commas, the
 * member `checksum` left out. Delta protocol, "JSON checksum".
 */
export function checksumOf(object: JsonObject): string {
  const leaves: [path: string, value: string][] = [];
  for (const [key, value] of Object.entries(object)) {
    if (key !== 'checksum') collect(value, quoted(key), leaves);
  }
  leaves.sort(([a], [b]) => compareUtf8(a, b));
  const text = leaves.map(([path, value]) => `${path}=${value}`).join(',');
  return md5(new TextEncoder().encode(text));
}

function collect(value: JsonValue, path: string, leaves: [path: string, value: string][]): void {
  if (isJsonObject(value)) {
    for (const [key, member] of Object.entries(value)) collect(member, `${path}+${quoted(key)}`, leaves);
  } else if (isList(value)) {
    value.forEach((element, i) => collect(element, `${path}+${i}`, leaves));
  } else {
    leaves.push([path, typeof value === 'string' ? quoted(value) : stringifyJson(value)]);
  }
}

function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value) && !(value instanceof JsonNumber);
}

/** Percent-encoded but for the unreserved characters of RFC 3986, in quotes. */
function quoted(text: string): string {
  // A lone surrogate has no UTF-8 form and would make encodeURIComponent throw.
  const encoded = encodeURIComponent(text.replace(/\p{Surrogate}/gu, '\ufffd'));
  return `"${encoded.replace(/[!'()*]/g, (c) => '%' + c.charCodeAt(0).toString(16).toUpperCase())}"`;
}

function parseObject(text: string): JsonObject | undefined {
  try {
    const value = parseJson(text);
    return isJsonObject(value) ? value : undefined;
  } catch (cause) {
    // Garbage after a crash of a writer: a hint that says nothing.
    if (cause instanceof JsonSyntaxError) return undefined;
    throw cause;
  }
}

function count(object: JsonObject, name: string): number | undefined {
  const value = ownMember(object, name);
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}
