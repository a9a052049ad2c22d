/** What happened, in order: a hash of it always, the lines themselves if they are wanted. */
export class History {
  readonly #lines: string[] | undefined;
  readonly #atMs: () => number;
  #low = 0x811c9dc5;
  #high = 0x9e3779b9;
  #count = 0;

  constructor(options: { readonly keep: boolean; readonly atMs: () => number }) {
    this.#lines = options.keep ? [] : undefined;
    this.#atMs = options.atMs;
  }

  note(text: string): void {
    const line = `${String(this.#atMs()).padStart(7)} ${text}`;
    for (let i = 0; i < line.length; i++) {
      const code = line.charCodeAt(i);
      this.#low = Math.imul(this.#low ^ code, 0x01000193);
      this.#high = Math.imul(this.#high + code, 0x85ebca77) ^ (this.#high >>> 15);
    }
    this.#count++;
    this.#lines?.push(line);
  }

  get lines(): readonly string[] {
    return this.#lines ?? [];
  }

  /** Equal for equal histories, and hardly for others. */
  get hash(): string {
    const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, '0');
    return `${hex(this.#low)}${hex(this.#high)}-${this.#count}`;
  }
}
