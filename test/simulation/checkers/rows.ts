import { structOf, type ArrowTable } from '../../../src/columnar/arrow.js';
import { rowsOf } from '../../../src/columnar/cells.js';
import { rowText } from '../database/model.js';

/** Columns that the sink adds to a table. */
const OWN: ReadonlySet<string> = new Set(['__position', '__partition', '__offset']);

/** The rows of a table in memory as texts; `own`: with the columns that the sink adds. */
export function textsOf(table: ArrowTable, options: { readonly own: boolean }): string[] {
  const struct = structOf(table.schema);
  const texts: string[] = [];
  for (const values of rowsOf(table, struct)) {
    const cells = struct.fields.map(({ name }, at) => [name, values[at]] as const);
    texts.push(rowText(options.own ? cells : cells.filter(([name]) => !OWN.has(name))));
  }
  return texts;
}

/** How often each text is there. */
export class Counts {
  readonly #counts = new Map<string, number>();

  add(text: string, by = 1): void {
    const sum = (this.#counts.get(text) ?? 0) + by;
    if (sum === 0) this.#counts.delete(text);
    else this.#counts.set(text, sum);
  }

  addAll(texts: Iterable<string>, by = 1): void {
    for (const text of texts) this.add(text, by);
  }

  get entries(): readonly (readonly [string, number])[] {
    return [...this.#counts];
  }

  get isEmpty(): boolean {
    return this.#counts.size === 0;
  }

  /** What is not even, for people. */
  describe(): string {
    return this.entries
      .slice(0, 6)
      .map(([text, count]) => `${count > 0 ? '+' : ''}${count} {${text}}`)
      .join(', ');
  }
}
