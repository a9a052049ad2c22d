/** Copies `count` bits, least significant first as Arrow keeps them; what stands in the target's range is overwritten. */
export function copyBits(
  source: Uint8Array,
  sourceBit: number,
  target: Uint8Array,
  targetBit: number,
  count: number,
): void {
  let from = sourceBit;
  let to = targetBit;
  const end = targetBit + count;
  if (((from | to) & 7) === 0) {
    const whole = count >> 3;
    target.set(source.subarray(from >> 3, (from >> 3) + whole), to >> 3);
    from += whole * 8;
    to += whole * 8;
  }
  for (; to < end; from++, to++) {
    const bit = 1 << (to & 7);
    const rest = (target[to >> 3] ?? 0) & ~bit;
    target[to >> 3] = ((source[from >> 3] ?? 0) & (1 << (from & 7))) === 0 ? rest : rest | bit;
  }
}
