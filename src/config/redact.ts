/** A shorter value would be found inside ordinary words and numbers. */
const CHARACTERS_MIN = 4;

/** Replaces each of the values, wherever it stands in a text, by `[secret]`; those of less than four characters stay. */
export function redactor(values: readonly string[]): (text: string) => string {
  const secrets = [...new Set(values)]
    .filter((value) => value.trim().length >= CHARACTERS_MIN)
    // One may be part of another.
    .sort((a, b) => b.length - a.length);
  return (text) => secrets.reduce((left, secret) => left.replaceAll(secret, '[secret]'), text);
}
