import { crc32 as zlibCrc32 } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isSluiceError } from '../../src/base/errors.js';
import type { DeletionVectorDescriptor } from '../../src/protocol/actions.js';
import { crc32 } from '../../src/protocol/crc32.js';
import {
  decodeDeletionVector,
  decodeInlineDeletionVector,
  deletionVectorRange,
  describeDeletionVectors,
  dvFileKey,
  dvFileKeyOf,
  encodeDeletionVectors,
} from '../../src/protocol/deletion-vector.js';
import { decodeRoaring, encodeRoaring } from '../../src/protocol/roaring.js';
import { RowSet } from '../../src/protocol/row-set.js';
import { decodeZ85, encodeZ85 } from '../../src/protocol/z85.js';

const UUID = 'd2c639aa-8816-431a-aaf6-d3fe2512ff61';

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function inFile(offset: number, sizeInBytes: number, cardinality: number): DeletionVectorDescriptor {
  return { storageType: 'u', pathOrInlineDv: '^-aqEH.-t@S}K{vb[*k^', offset, sizeInBytes, cardinality };
}

function inline(pathOrInlineDv: string, sizeInBytes: number, cardinality: number): DeletionVectorDescriptor {
  return { storageType: 'i', pathOrInlineDv, sizeInBytes, cardinality };
}

describe('Z85', () => {
  test.each([
    ['^-aqEH.-t@S}K{vb[*k^', 'd2c639aa8816431aaaf6d3fe2512ff61'],
    ['vBn[lx{q8@P<9BNH/isA', '61d16c75699446b7a15b8b538852e50e'],
  ])('trap 2: %s is the UUID %s, first byte most significant', (text, hex) => {
    expect(hexOf(decodeZ85(text) ?? new Uint8Array())).toBe(hex);
    expect(encodeZ85(bytesOf(hex))).toBe(text);
  });

  test('what is encoded is decoded to itself', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const whole = bytes.subarray(0, bytes.length & ~3);
        expect(decodeZ85(encodeZ85(whole))).toEqual(Uint8Array.from(whole));
      }),
    );
  });

  test.each(['a', 'abcd\u00e9', 'ab de', '%nSc1', '#0000aaaaa', '####0'])('"%s" is no Z85', (text) => {
    expect(decodeZ85(text)).toBeUndefined();
  });

  test('a last group that begins with # holds fewer bytes than four', () => {
    expect(decodeZ85('00000##093')).toEqual(Uint8Array.of(0, 0, 0, 0, 3, 0));
    expect(decodeZ85('###01')).toEqual(Uint8Array.of(1));
  });
});

test('CRC-32 is that of zlib', () => {
  expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf43926);
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(crc32(bytes)).toBe(zlibCrc32(bytes));
    }),
  );
});

describe('files of deletion vectors', () => {
  const two =
    '01 00000024 d1d33964 0100000000000000 00000000 3a300000 01000000 00000100 10000000 0000 0900 2a671846';
  const three =
    '0100000026d1d339640100000000000000000000003a300000010000000000020010000000000001000200748ad0d0';

  test('trap 2: the first vector is at offset 1, and the bytes are those of Spark', () => {
    const { file, slices } = encodeDeletionVectors([RowSet.from([9, 0])]);
    expect(hexOf(file)).toBe(two.replaceAll(' ', ''));
    expect(slices).toEqual([{ offset: 1, sizeInBytes: 36, cardinality: 2 }]);
    expect([...decodeDeletionVector(bytesOf(two), inFile(1, 36, 2))]).toEqual([0, 9]);
    expect([...decodeDeletionVector(bytesOf(three), inFile(1, 38, 3))]).toEqual([0, 1, 2]);
  });

  test('many vectors share a file, and each is found by its descriptor or its bytes alone', () => {
    const sets = [[1, 2], [70_000], [], [2 ** 33]].map((rows) => RowSet.from(rows));
    const { file, slices } = encodeDeletionVectors(sets);
    const descriptors = describeDeletionVectors(UUID, slices);
    for (const [i, descriptor] of descriptors.entries()) {
      expect(dvFileKey(descriptor)).toBe(`deletion_vector_${UUID}.bin`);
      const { start, end } = deletionVectorRange(descriptor);
      expect([...decodeDeletionVector(file, descriptor)]).toEqual([...(sets[i] ?? [])]);
      expect([...decodeDeletionVector(file.slice(start, end), descriptor, start)]).toEqual([
        ...(sets[i] ?? []),
      ]);
    }
    expect(deletionVectorRange(descriptors.at(-1) ?? inFile(0, 0, 0)).end).toBe(file.length);
  });

  test('a wrong byte anywhere in a vector is told', () => {
    const bytes = bytesOf(two);
    for (let at = 0; at < bytes.length; at++) {
      const broken = Uint8Array.from(bytes);
      broken[at] = (broken[at] ?? 0) ^ 0x10;
      expect(() => decodeDeletionVector(broken, inFile(1, 36, 2))).toThrow(
        expect.objectContaining({ code: 'CORRUPT_FILE' }),
      );
    }
  });

  test.each([
    ['a wrong size', inFile(1, 32, 2)],
    ['a wrong cardinality', inFile(1, 36, 3)],
    ['an offset behind the end', inFile(40, 36, 2)],
  ])('%s is told', (_, descriptor) => {
    expect(() => decodeDeletionVector(bytesOf(two), descriptor)).toThrow(
      expect.objectContaining({ code: 'CORRUPT_FILE' }),
    );
  });

  test('the file of a vector is named by its UUID, below a prefix if there is one', () => {
    expect(dvFileKey(inFile(1, 1, 1))).toBe(`deletion_vector_${UUID}.bin`);
    expect(dvFileKey({ ...inFile(1, 1, 1), pathOrInlineDv: 'ab^-aqEH.-t@S}K{vb[*k^' })).toBe(
      `ab/deletion_vector_${UUID}.bin`,
    );
    expect(dvFileKey({ ...inFile(1, 1, 1), storageType: 'p', pathOrInlineDv: 'file:/t/dv%20x.bin' })).toBe(
      'file:///t/dv x.bin',
    );
    expect(dvFileKey(inline('', 0, 0))).toBeUndefined();
    expect(dvFileKeyOf(UUID, 'ab')).toBe(`ab/deletion_vector_${UUID}.bin`);
    expect(() => dvFileKey({ ...inFile(1, 1, 1), pathOrInlineDv: 'short' })).toThrow(
      expect.objectContaining({ code: 'CORRUPT_FILE' }),
    );
  });
});

describe('inline deletion vectors', () => {
  test.each([
    ['^Bg9^0rr910000000000iXQKl0rr91000935c8Xg000311onP9', 40, [0, 1, 4, 5]],
    ['^Bg9^0rr910000000000iXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L', 44, [3, 4, 7, 11, 18, 29]],
  ])('%s holds its rows', (text, size, rows) => {
    expect([...decodeInlineDeletionVector(inline(text, size, rows.length))]).toEqual(rows);
  });

  test('trap 2: padding with # is read, as some writers pad', () => {
    const bitmap = encodeRoaring(RowSet.from([3]));
    expect(bitmap.length % 4).toBe(2);
    const whole = bitmap.subarray(0, bitmap.length - 2);
    expect(hexOf(bitmap.subarray(-2))).toBe('0300');
    const text = `${encodeZ85(whole)}##093`;
    expect([...decodeInlineDeletionVector(inline(text, bitmap.length, 1))]).toEqual([3]);
  });

  test('the older serialization is refused, as is a text that is too short', () => {
    const native = bytesOf('d0d33964 00000000');
    expect(() => decodeInlineDeletionVector(inline(encodeZ85(native), 8, 0))).toThrow(
      expect.objectContaining({ code: 'CORRUPT_FILE' }),
    );
    expect(() => decodeInlineDeletionVector(inline('00000', 8, 0))).toThrow(
      expect.objectContaining({ code: 'CORRUPT_FILE' }),
    );
  });
});

describe('Roaring bitmaps', () => {
  const rows = fc.oneof(
    fc.array(fc.integer({ min: 0, max: 400_000 }), { maxLength: 300 }),
    fc.integer({ min: 0, max: 65_536 }).map((length) => Array.from({ length }, (_, i) => i)),
    fc.integer({ min: 4000, max: 4200 }).map((length) => Array.from({ length }, (_, i) => i * 2)),
    fc.array(fc.integer({ min: 0, max: 2 ** 35 }), { maxLength: 20 }),
  );

  test('what is encoded is decoded to itself, and the same set is the same bytes', () => {
    fc.assert(
      fc.property(rows, (list) => {
        const set = RowSet.from(list);
        const bytes = encodeRoaring(set);
        expect(decodeRoaring(bytes).equals(set)).toBe(true);
        expect(Buffer.compare(encodeRoaring(decodeRoaring(bytes)), bytes)).toBe(0);
      }),
    );
  });

  test('gaps between buckets are filled with empty ones, and may be missing on read', () => {
    const bytes = encodeRoaring(RowSet.from([2 ** 33 + 5]));
    const filled =
      'd1d33964 0300000000000000 00000000 3a300000 00000000 01000000 3a300000 00000000 ' +
      '02000000 3a300000 01000000 00000000 10000000 0500';
    expect(hexOf(bytes)).toBe(filled.replaceAll(' ', ''));
    const gapped = bytesOf('d1d33964 0100000000000000 02000000 3a300000 01000000 00000000 10000000 0500');
    expect([...decodeRoaring(gapped)]).toEqual([2 ** 33 + 5]);
  });

  test('runs are written where they are shorter, with offsets from four containers on', () => {
    const one = encodeRoaring(RowSet.range(10, 20));
    expect(hexOf(one)).toBe('d1d339640100000000000000000000003b300000010000090001000a000900');
    const four = RowSet.from([0, 1, 2, 3, 4, 5, 65_536, 131_072, 196_608]);
    expect(decodeRoaring(encodeRoaring(four)).equals(four)).toBe(true);
  });

  test('bytes that end anywhere too early are told', () => {
    const bytes = encodeRoaring(RowSet.from([1, 5, 70_000]));
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeRoaring(bytes.subarray(0, length))).toThrow(
        expect.objectContaining({ code: 'CORRUPT_FILE' }),
      );
    }
  });

  test('random bytes behind the magic are told or read, never crash', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (tail) => {
        const bytes = Uint8Array.of(...bytesOf('d1d33964 0100000000000000 00000000 3b30'), ...tail);
        const read = () => {
          try {
            return decodeRoaring(bytes);
          } catch (cause) {
            return cause;
          }
        };
        expect(read()).toSatisfy((told) => told instanceof RowSet || isSluiceError(told, 'CORRUPT_FILE'));
      }),
    );
  });
});
