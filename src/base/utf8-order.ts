/**
 * Orders two strings as their UTF-8 bytes do, which is by code point: the order of object keys, of string
 * bounds in Delta statistics and of Spark. JavaScript's `<` compares UTF-16 units and puts U+FF5E before
 * U+1F600's surrogates the wrong way round.
 */
export function compareUtf8(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const unitA = a.charCodeAt(i);
    const unitB = b.charCodeAt(i);
    if (unitA !== unitB) return rank(unitA) - rank(unitB);
  }
  return a.length - b.length;
}

/** Moves surrogates, which stand for code points above U+FFFF, behind all other units. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
