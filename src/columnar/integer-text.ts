import { DataType as ArrowType, type Data } from 'apache-arrow';

/**
 * The decimal digits of a chunk's integers, without a BigInt for those of 64 bits that a double can hold; undefined for a
 * chunk of anything but integers. What it says of a null cell means nothing.
 */
export function integerText(data: Data): ((row: number) => string) | undefined {
  const { type } = data;
  if (!ArrowType.isInt(type)) return undefined;
  if (type.bitWidth < 64) {
    const values: Int32Array = data.values;
    return (row) => String(values[row] ?? 0);
  }
  if (!type.isSigned) return undefined;
  const longs: BigInt64Array = data.values;
  const words = new Int32Array(longs.buffer, longs.byteOffset, longs.length * 2);
  return (row) => {
    const low = words[row * 2] ?? 0;
    const high = words[row * 2 + 1] ?? 0;
    if (high === low >> 31) return String(low);
    // 2^21 * 2^32 is where a double stops holding each integer.
    if (high >= -0x20_0000 && high < 0x20_0000) return String(high * 0x1_0000_0000 + (low >>> 0));
    return String(longs[row] ?? 0n);
  };
}

/** Whether values of the Delta type are integers. */
export function isIntegerName(name: string): boolean {
  return name === 'long' || name === 'integer' || name === 'short' || name === 'byte';
}
