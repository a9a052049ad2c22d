/**
 * A floating number as Java, and so Spark, writes it: `1.0`, `0.001`, `1.0E7`, `1.2E-4`, with the fewest digits that tell
 * it from its neighbours.
 */
export function formatFloating(value: number, single: boolean): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value < 0 ? '-Infinity' : 'Infinity';
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const [mantissa = '0', exponentText = '0'] = shortest(value, single).split('e');
  const exponent = Number(exponentText);
  const sign = mantissa.startsWith('-') ? '-' : '';
  const digits = mantissa.replace(/[-.]/g, '');
  // Java's own bounds for the plain form: 10^-3 up to 10^7.
  if (exponent < -3 || exponent >= 7) return `${sign}${digits[0]}.${digits.slice(1) || '0'}E${exponent}`;
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  return `${sign}${digits.slice(0, exponent + 1).padEnd(exponent + 1, '0')}.${digits.slice(exponent + 1) || '0'}`;
}

function shortest(value: number, single: boolean): string {
  if (!single) return value.toExponential();
  for (let digits = 0; digits < 8; digits++) {
    const text = value.toExponential(digits);
    if (Math.fround(Number(text)) === value) return text.replace(/\.?0+e/, 'e');
  }
  return value.toExponential(8);
}
