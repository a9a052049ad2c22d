import { SluiceError, unreachable } from '../base/errors.js';
import type { DeletionVectorDescriptor } from './actions.js';
import { crc32 } from './crc32.js';
import { canonicalPath } from './path.js';
import { decodeRoaring, encodeRoaring } from './roaring.js';
import type { RowSet } from './row-set.js';
import { decodeZ85, encodeZ85 } from './z85.js';

/** Where one deletion vector stands in a file: what its descriptor needs to know. */
export type DeletionVectorSlice = {
  /** Of the length field; the first vector of a file is at 1, behind the version byte. */
  readonly offset: number;
  /** Bytes of the bitmap with its magic, without length and checksum. */
  readonly sizeInBytes: number;
  readonly cardinality: number;
};

/** The one version of the file format. */
const FILE_VERSION = 1;

/**
 * One file that holds a deletion vector for each set, in their order: version byte, then per vector its length
 * (big-endian), its bitmap and the CRC-32 of the bitmap (big-endian). Delta protocol, "Deletion Vector
 * File Storage Format".
 */
export function encodeDeletionVectors(sets: readonly RowSet[]): {
  readonly file: Uint8Array;
  readonly slices: readonly DeletionVectorSlice[];
} {
  const bitmaps = sets.map(encodeRoaring);
  const file = new Uint8Array(bitmaps.reduce((sum, bitmap) => sum + bitmap.length + 8, 1));
  const view = new DataView(file.buffer);
  view.setUint8(0, FILE_VERSION);
  let offset = 1;
  const slices = bitmaps.map((bitmap, i): DeletionVectorSlice => {
    const slice = { offset, sizeInBytes: bitmap.length, cardinality: sets[i]?.size ?? 0 };
    view.setInt32(offset, bitmap.length);
    file.set(bitmap, offset + 4);
    view.setUint32(offset + 4 + bitmap.length, crc32(bitmap));
    offset += bitmap.length + 8;
    return slice;
  });
  return { file, slices };
}

/**
 * The rows that a deletion vector kept in a file deletes. Length, checksum and cardinality are checked.
 *
 * @param bytes - the file from its beginning, or `slice` bytes as `deletionVectorRange` says
 * @param start - the file offset of the first of `bytes`
 * @throws SluiceError CORRUPT_FILE if the bytes are not what the descriptor says
 */
export function decodeDeletionVector(
  bytes: Uint8Array,
  descriptor: DeletionVectorDescriptor,
  start = 0,
): RowSet {
  if (descriptor.storageType === 'i') return decodeInlineDeletionVector(descriptor);
  if (start === 0 && bytes[0] !== FILE_VERSION) {
    throw corrupt(descriptor, `the file's format is ${bytes[0] ?? 'missing'}, not ${FILE_VERSION}`);
  }
  const at = (descriptor.offset ?? 0) - start;
  const { sizeInBytes } = descriptor;
  if (at < 0 || at + sizeInBytes + 8 > bytes.length) throw corrupt(descriptor, 'the file ends before it');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getInt32(at);
  if (length !== sizeInBytes) throw corrupt(descriptor, `it has ${length} bytes, not ${sizeInBytes}`);
  const bitmap = bytes.subarray(at + 4, at + 4 + length);
  if (view.getUint32(at + 4 + length) !== crc32(bitmap)) throw corrupt(descriptor, 'its checksum is wrong');
  return checked(decodeRoaring(bitmap), descriptor);
}

/** The bytes `[start, end)` of the file that `decodeDeletionVector` needs for this descriptor. */
export function deletionVectorRange(descriptor: DeletionVectorDescriptor): {
  readonly start: number;
  readonly end: number;
} {
  const start = descriptor.offset ?? 0;
  return { start, end: start + descriptor.sizeInBytes + 8 };
}

/** The rows of a deletion vector that stands in its descriptor. Sluice reads such vectors and writes none. */
export function decodeInlineDeletionVector(descriptor: DeletionVectorDescriptor): RowSet {
  const bytes = decodeZ85(descriptor.pathOrInlineDv);
  if (bytes === undefined) throw corrupt(descriptor, 'it is not in Z85');
  if (bytes.length < descriptor.sizeInBytes) throw corrupt(descriptor, 'it is shorter than it says');
  return checked(decodeRoaring(bytes.subarray(0, descriptor.sizeInBytes)), descriptor);
}

/**
 * The object key of the descriptor's file below the table's root; for an absolute path the URI as
 * `canonicalPath` gives it; undefined for an inline vector.
 */
export function dvFileKey(descriptor: DeletionVectorDescriptor): string | undefined {
  switch (descriptor.storageType) {
    case 'i':
      return undefined;
    case 'p':
      return canonicalPath(descriptor.pathOrInlineDv);
    case 'u': {
      const { pathOrInlineDv } = descriptor;
      const prefix = pathOrInlineDv.slice(0, -UUID_CHARACTERS);
      const bytes = decodeZ85(pathOrInlineDv.slice(-UUID_CHARACTERS));
      if (bytes?.length !== 16) throw corrupt(descriptor, 'its file is not named by a UUID in Z85');
      return dvFileKeyOf(uuidOf(bytes), prefix);
    }
    default:
      return unreachable(descriptor.storageType);
  }
}

/** Where the deletion vectors of that UUID lie. */
export function dvFileKeyOf(uuid: string, prefix = ''): string {
  const name = `deletion_vector_${uuid}.bin`;
  return prefix === '' ? name : `${prefix}/${name}`;
}

/** The descriptors of the vectors of one file that `encodeDeletionVectors` made and that lies at `dvFileKeyOf(uuid)`. */
export function describeDeletionVectors(
  uuid: string,
  slices: readonly DeletionVectorSlice[],
): readonly DeletionVectorDescriptor[] {
  const pathOrInlineDv = encodeZ85(uuidBytes(uuid));
  return slices.map((slice) => ({ storageType: 'u', pathOrInlineDv, ...slice }));
}

/** A UUID's 16 bytes in Z85. */
const UUID_CHARACTERS = 20;

function uuidOf(bytes: Uint8Array): string {
  let hex = '';
  for (const byte of bytes) hex += byte.toString(16).padStart(2, '0');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

function uuidBytes(uuid: string): Uint8Array {
  const hex = uuid.replaceAll('-', '');
  return Uint8Array.from({ length: 16 }, (_, i) => parseInt(hex.slice(2 * i, 2 * i + 2), 16));
}

function checked(set: RowSet, descriptor: DeletionVectorDescriptor): RowSet {
  if (set.size === descriptor.cardinality) return set;
  throw corrupt(descriptor, `it deletes ${set.size} rows, not ${descriptor.cardinality}`);
}

function corrupt(descriptor: DeletionVectorDescriptor, why: string): SluiceError {
  return new SluiceError('CORRUPT_FILE', `a deletion vector cannot be read: ${why}`, {
    context: {
      storageType: descriptor.storageType,
      ...(descriptor.storageType === 'i' ? {} : { deletionVector: descriptor.pathOrInlineDv }),
      offset: descriptor.offset,
    },
  });
}
