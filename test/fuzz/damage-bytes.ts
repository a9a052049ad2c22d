import type { Dice } from './dice.js';

/** Bytes after some damage, and what it was. */
export type Damaged = { readonly bytes: Uint8Array; readonly what: string };

/** Numbers that a reader of sizes, counts and offsets must be ready for, in four bytes. */
const EXTREMES = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];

type Damage = (bytes: Uint8Array, dice: Dice, from: number, to: number) => Damaged;

/** Damages some bytes of `[from, to)`; cuts and insertions move what comes behind them. */
export function damageBytes(bytes: Uint8Array, dice: Dice, from = 0, to = bytes.length): Damaged {
  if (bytes.length === 0 || from >= to)
    return { bytes: dice.bytes(dice.int(1, 40)), what: 'bytes out of nothing' };
  return dice.pick([flip, flip, flip, put, put, number, number, cut, remove, double, insert, blank, empty])(
    bytes,
    dice,
    from,
    to,
  );
}

/** Flips one to four bits of `[from, to)`: the length stays. */
export function flip(bytes: Uint8Array, dice: Dice, from: number, to: number): Damaged {
  const copy = bytes.slice();
  const places = Array.from({ length: dice.int(1, 5) }, () => dice.int(from, to));
  for (const at of places) copy[at] = (copy[at] ?? 0) ^ (1 << dice.int(0, 8));
  return { bytes: copy, what: `bits flipped at ${places.join(', ')}` };
}

const put: Damage = (bytes, dice, from, to) => {
  const copy = bytes.slice();
  const at = dice.int(from, to);
  copy[at] = dice.int(0, 256);
  return { bytes: copy, what: `byte ${at} replaced` };
};

const number: Damage = (bytes, dice, from, to) => {
  const copy = bytes.slice();
  const at = Math.min(dice.int(from, to), Math.max(0, copy.length - 4));
  if (copy.length < 4) return put(bytes, dice, from, to);
  const value = dice.pick(EXTREMES);
  new DataView(copy.buffer).setUint32(at, value, dice.chance(0.5));
  return { bytes: copy, what: `${value} at ${at}` };
};

const cut: Damage = (bytes, dice, from, to) => {
  const at = dice.int(from, to);
  return { bytes: bytes.slice(0, at), what: `cut off at ${at} of ${bytes.length}` };
};

const remove: Damage = (bytes, dice, from, to) => {
  const [start, end] = range(dice, from, to);
  return { bytes: joined(bytes.subarray(0, start), bytes.subarray(end)), what: `[${start}, ${end}) removed` };
};

const double: Damage = (bytes, dice, from, to) => {
  const [start, end] = range(dice, from, to);
  const twice = joined(bytes.subarray(0, end), bytes.subarray(start, end), bytes.subarray(end));
  return { bytes: twice, what: `[${start}, ${end}) doubled` };
};

const insert: Damage = (bytes, dice, from, to) => {
  const at = dice.int(from, to);
  const more = dice.bytes(dice.int(1, 64));
  return {
    bytes: joined(bytes.subarray(0, at), more, bytes.subarray(at)),
    what: `${more.length} bytes put in at ${at}`,
  };
};

const blank: Damage = (bytes, dice, from, to) => {
  const [start, end] = range(dice, from, to);
  const copy = bytes.slice();
  copy.fill(dice.pick([0, 0xff, 0x20]), start, end);
  return { bytes: copy, what: `[${start}, ${end}) blanked` };
};

const empty: Damage = () => ({ bytes: new Uint8Array(0), what: 'emptied' });

function range(dice: Dice, from: number, to: number): [number, number] {
  const start = dice.int(from, to);
  return [start, Math.min(to, start + dice.int(1, dice.pick([4, 64, 4096])))];
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
