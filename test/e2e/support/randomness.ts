/** A generator of equally spread numbers in [0, 1) that gives the same ones for the same seed (Mulberry32, public domain). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The seed of a run: `SLUICE_SEED` if it is set, else a fixed one. */
export function seedOf(fixed: number): number {
  const given = process.env['SLUICE_SEED'];
  return given === undefined || given === '' ? fixed : Number(given);
}
