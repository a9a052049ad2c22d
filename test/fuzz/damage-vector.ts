import { crc32 } from '../../src/protocol/crc32.js';
import { damageBytes, flip, type Damaged } from './damage-bytes.js';
import type { Dice } from './dice.js';

/** Damages a file of deletion vectors. */
export function damageVectors(bytes: Uint8Array, dice: Dice): Damaged {
  return damageBytes(bytes, dice);
}

/** Damages the bitmap of its first vector and puts the right checksum there, so that the bitmap itself is read. */
export function damageBitmap(bytes: Uint8Array, dice: Dice): Damaged {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getInt32(1);
  const { bytes: copy, what } = flip(bytes, dice, 5, 5 + length);
  if (dice.chance(0.5)) {
    const value = dice.pick([0, 1, 0xff, 0xffff, 0x7fffffff, 0xffffffff]);
    new DataView(copy.buffer).setUint32(5 + dice.int(0, Math.max(1, length - 4)), value, true);
  }
  new DataView(copy.buffer).setUint32(5 + length, crc32(copy.subarray(5, 5 + length)));
  return { bytes: copy, what: `bitmap: ${what}` };
}
