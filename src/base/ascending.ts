/** The numbers from 0 up to `count`. */
export function ascending(count: number): Uint32Array<ArrayBuffer> {
  const numbers = new Uint32Array(count);
  for (let at = 1; at < count; at++) numbers[at] = at;
  return numbers;
}
