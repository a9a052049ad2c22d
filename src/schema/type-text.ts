import { SluiceError, unreachable } from '../base/errors.js';
import { nearest } from '../base/names.js';
import { array, decimal, field, isDecimalShape, map, primitive, struct } from './build.js';
import type { DataType, PrimitiveName, StructField, StructType } from './types.js';

/** The unit in which a source writes a column's time as a number. */
export type TimeUnit = 'SECONDS' | 'MILLIS' | 'MICROS' | 'NANOS';

/** A column as configuration writes it, with the source's unit of time where one is given. */
export type ColumnText = { readonly field: StructField; readonly unit?: TimeUnit };

/**
 * A type written as in Spark SQL: `DECIMAL(12,2)`, `ARRAY<STRING>`, `STRUCT<a: INT NOT NULL, b: DATE>`; case
 * does not count. Fails with `CONFIG_INVALID` naming the position.
 */
export function parseTypeText(text: string): DataType {
  const parser = new TypeParser(text);
  const type = parser.type();
  parser.end();
  return type;
}

/**
 * Columns written as in CREATE TABLE: `a BIGINT NOT NULL, b DECIMAL(12,2), at TIMESTAMP_NTZ MILLIS`. A name
 * with anything but letters, digits and `_` stands in backticks. Fails with `CONFIG_INVALID` naming the
 * position; names that differ only by case are refused.
 */
export function parseColumnsText(text: string): ColumnText[] {
  const parser = new TypeParser(text);
  const columns = parser.columns();
  parser.end();
  return columns;
}

/** The type as Spark SQL names it: `bigint`, `decimal(12,2)`, `array<string>`, `struct<a:int>`. */
export function formatType(type: DataType): string {
  switch (type.kind) {
    case 'primitive':
      return sqlNames[type.name];
    case 'decimal':
      return `decimal(${type.precision},${type.scale})`;
    case 'array':
      return `array<${formatType(type.element)}>`;
    case 'map':
      return `map<${formatType(type.key)},${formatType(type.value)}>`;
    case 'struct':
      return `struct<${type.fields.map((one) => `${formatName(one.name)}:${formatType(one.type)}`).join(',')}>`;
    default:
      return unreachable(type);
  }
}

const sqlNames: Readonly<Record<PrimitiveName, string>> = {
  string: 'string',
  long: 'bigint',
  integer: 'int',
  short: 'smallint',
  byte: 'tinyint',
  float: 'float',
  double: 'double',
  boolean: 'boolean',
  binary: 'binary',
  date: 'date',
  timestamp: 'timestamp',
  timestamp_ntz: 'timestamp_ntz',
  variant: 'variant',
  void: 'void',
};

const primitivesBySqlName: ReadonlyMap<string, PrimitiveName> = new Map<string, PrimitiveName>([
  ['STRING', 'string'],
  ['BIGINT', 'long'],
  ['LONG', 'long'],
  ['INT', 'integer'],
  ['INTEGER', 'integer'],
  ['SMALLINT', 'short'],
  ['SHORT', 'short'],
  ['TINYINT', 'byte'],
  ['BYTE', 'byte'],
  ['FLOAT', 'float'],
  ['REAL', 'float'],
  ['DOUBLE', 'double'],
  ['BOOLEAN', 'boolean'],
  ['BINARY', 'binary'],
  ['DATE', 'date'],
  ['TIMESTAMP', 'timestamp'],
  ['TIMESTAMP_LTZ', 'timestamp'],
  ['TIMESTAMP_NTZ', 'timestamp_ntz'],
  ['VARIANT', 'variant'],
  ['VOID', 'void'],
]);

const decimalNames: ReadonlySet<string> = new Set(['DECIMAL', 'DEC', 'NUMERIC']);
const nestedNames: readonly string[] = ['ARRAY', 'MAP', 'STRUCT'];
const timeUnits: readonly TimeUnit[] = ['SECONDS', 'MILLIS', 'MICROS', 'NANOS'];

/** Types nested deeper are refused, which bounds the stack. */
const NESTING_MAX = 100;

function formatName(name: string): string {
  return /^\w+$/.test(name) ? name : `\`${name.replaceAll('`', '``')}\``;
}

class TypeParser {
  readonly #text: string;
  #at = 0;
  #nesting = 0;

  constructor(text: string) {
    this.#text = text;
  }

  columns(): ColumnText[] {
    const columns: ColumnText[] = [];
    const seen = new Set<string>();
    do {
      const at = this.#skipSpace();
      const name = this.#name();
      if (seen.has(name.toLowerCase())) throw this.#refuse(`the column ${name} stands twice`, at);
      seen.add(name.toLowerCase());
      this.#take(':');
      const type = this.type();
      columns.push(this.#column(name, type));
    } while (this.#take(','));
    return columns;
  }

  type(): DataType {
    const at = this.#skipSpace();
    const word = this.#word('a type').toUpperCase();
    if (++this.#nesting > NESTING_MAX) throw this.#refuse('types are nested too deep', at);
    const type = this.#typeNamed(word, at);
    this.#nesting--;
    return type;
  }

  end(): void {
    if (this.#skipSpace() < this.#text.length) throw this.#refuse('something follows that was not expected');
  }

  #typeNamed(word: string, at: number): DataType {
    const name = primitivesBySqlName.get(word);
    if (name !== undefined) return primitive(name);
    if (decimalNames.has(word)) return this.#decimal(at);
    switch (word) {
      case 'ARRAY': {
        this.#expect('<');
        const element = this.type();
        this.#expect('>');
        return array(element);
      }
      case 'MAP': {
        this.#expect('<');
        const key = this.type();
        this.#expect(',');
        const value = this.type();
        this.#expect('>');
        return map(key, value);
      }
      case 'STRUCT':
        return this.#struct();
      default: {
        const near = nearest(word, [...primitivesBySqlName.keys(), ...decimalNames, ...nestedNames]);
        throw this.#refuse(`there is no type ${word}`, at, near && `Did you mean ${near}?`);
      }
    }
  }

  #decimal(at: number): DataType {
    if (!this.#take('(')) return decimal(10, 0);
    const precision = this.#integer();
    const scale = this.#take(',') ? this.#integer() : 0;
    this.#expect(')');
    if (!isDecimalShape(precision, scale)) {
      throw this.#refuse('a decimal has 1 to 38 digits, at most as many of them behind the point', at);
    }
    return decimal(precision, scale);
  }

  #struct(): StructType {
    this.#expect('<');
    const fields: StructField[] = [];
    do {
      const name = this.#name();
      this.#take(':');
      const type = this.type();
      fields.push(field(name, type, !this.#notNull()));
    } while (this.#take(','));
    this.#expect('>');
    return struct(fields);
  }

  /** What may follow a column's type, in any order. */
  #column(name: string, type: DataType): ColumnText {
    let nullable = true;
    let unit: TimeUnit | undefined;
    for (;;) {
      const found = unit === undefined ? timeUnits.find((word) => this.#takeWord(word)) : undefined;
      if (found !== undefined) unit = found;
      else if (nullable && this.#notNull()) nullable = false;
      else break;
    }
    return unit === undefined
      ? { field: field(name, type, nullable) }
      : { field: field(name, type, nullable), unit };
  }

  #notNull(): boolean {
    if (!this.#takeWord('NOT')) return false;
    if (!this.#takeWord('NULL')) throw this.#refuse('NULL belongs after NOT');
    return true;
  }

  #name(): string {
    const at = this.#skipSpace();
    if (this.#text[at] !== '`') return this.#word('a column name');
    const quoted = /`((?:[^`]|``)+)`/y;
    quoted.lastIndex = at;
    const match = quoted.exec(this.#text);
    if (match?.[1] === undefined) throw this.#refuse('the backtick is never closed');
    this.#at = at + match[0].length;
    return match[1].replaceAll('``', '`');
  }

  #word(what: string): string {
    const word = this.#peekWord();
    if (word === '') throw this.#refuse(`${what} is missing`);
    this.#at += word.length;
    return word;
  }

  #integer(): number {
    const at = this.#skipSpace();
    const word = this.#word('a number');
    if (!/^\d{1,9}$/.test(word)) throw this.#refuse('a number is missing', at);
    return Number(word);
  }

  #takeWord(word: string): boolean {
    if (this.#peekWord().toUpperCase() !== word) return false;
    this.#at += word.length;
    return true;
  }

  #peekWord(): string {
    const word = /[\p{L}\p{N}_]*/uy;
    word.lastIndex = this.#skipSpace();
    return word.exec(this.#text)?.[0] ?? '';
  }

  #take(character: string): boolean {
    if (this.#text[this.#skipSpace()] !== character) return false;
    this.#at++;
    return true;
  }

  #expect(character: string): void {
    if (!this.#take(character)) throw this.#refuse(`${character} is missing`);
  }

  #skipSpace(): number {
    while (/\s/.test(this.#text.charAt(this.#at))) this.#at++;
    return this.#at;
  }

  #refuse(why: string, at: number = this.#at, hint?: string): SluiceError {
    return new SluiceError('CONFIG_INVALID', `At character ${at + 1} of "${this.#text}": ${why}.`, {
      context: { position: at },
      hint: hint ?? 'Columns are written as in a BIGINT NOT NULL, b DECIMAL(12,2), at TIMESTAMP_NTZ MILLIS.',
    });
  }
}
